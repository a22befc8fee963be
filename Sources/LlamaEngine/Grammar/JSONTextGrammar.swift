import ModelInterface

/// The parts of JSON's own grammar (RFC 8259) that every schema needs, each made once.
///
/// White space is bounded so that a small model cannot write blanks for ever: at most one space, or one line break with
/// up to 16 spaces, and none around the whole text.
struct JSONTextGrammar {
  var builder = GrammarBuilder()
  private var anyValueRule: Int?

  /// Characters that stand in a JSON string as they are.
  static let plain = ScalarSet.all.subtracting(ScalarSet([0...0x1F, 0x22...0x22, 0x5C...0x5C, 0x7F...0x7F]))
  static let digits = ScalarSet([0x30...0x39])
  private static let hexadecimal = ScalarSet("0123456789abcdefABCDEF")
  /// The digits that unbounded integers have at most after the first, and fractions at all.
  static let integerDigits = 17
  static let fractionDigits = 16

  /// Between tokens: nothing, one space, or a line break with indentation.
  mutating func gap() throws(GrammarError) -> GrammarNode {
    try builder.atom(
      .choice([
        .empty, .literal(" "),
        .sequence([.literal("\n"), .repeated(.literal(" "), minimum: 0, maximum: 16)]),
      ]), "gap")
  }

  /// A comma with room after it.
  mutating func comma() throws(GrammarError) -> GrammarNode {
    try builder.atom(.sequence([.literal(","), gap()]), "comma")
  }

  /// A colon with room after it.
  mutating func colon() throws(GrammarError) -> GrammarNode {
    try builder.atom(.sequence([.literal(":"), .repeated(.literal(" "), minimum: 0, maximum: 1)]), "colon")
  }

  /// One character of a string, plain or escaped; a surrogate only together with its other half.
  mutating func character() throws(GrammarError) -> GrammarNode {
    let four = GrammarNode.sequence([
      .oneOf(Self.hexadecimal.subtracting(ScalarSet("dD"))),
      .repeated(.oneOf(Self.hexadecimal), minimum: 3, maximum: 3),
    ])
    let two = GrammarNode.repeated(.oneOf(Self.hexadecimal), minimum: 2, maximum: 2)
    let low = GrammarNode.sequence([.oneOf(ScalarSet("dD")), .oneOf(ScalarSet("01234567")), two])
    let pair = GrammarNode.sequence([
      .oneOf(ScalarSet("dD")), .oneOf(ScalarSet("89abAB")), two, .literal("\\u"), .oneOf(ScalarSet("dD")),
      .oneOf(ScalarSet("cdefCDEF")), two,
    ])
    let escape = try builder.atom(
      .choice([
        .oneOf(ScalarSet("\"\\/bfnrt")), .sequence([.literal("u"), .choice([four, low, pair])]),
      ]), "escape")
    return try builder.atom(.choice([.oneOf(Self.plain), .sequence([.literal("\\"), escape])]), "character")
  }

  /// A string of so many characters.
  mutating func string(_ minimum: Int = 0, _ maximum: Int? = nil) throws(GrammarError) -> GrammarNode {
    let quote = GrammarNode.literal("\"")
    return try builder.atom(
      .sequence([quote, builder.repetition(character(), minimum, maximum, "text"), quote]), "string")
  }

  /// An integer of up to 18 digits.
  mutating func integer() throws(GrammarError) -> GrammarNode {
    try builder.atom(
      .choice([
        .literal("0"),
        .sequence([
          .repeated(.literal("-"), minimum: 0, maximum: 1), .oneOf(ScalarSet([0x31...0x39])),
          .repeated(.oneOf(Self.digits), minimum: 0, maximum: Self.integerDigits),
        ]),
      ]), "integer")
  }

  /// A number of bounded length.
  mutating func number() throws(GrammarError) -> GrammarNode {
    let digit = GrammarNode.oneOf(Self.digits)
    let fraction = try builder.atom(
      .sequence([.literal("."), .repeated(digit, minimum: 1, maximum: Self.fractionDigits)]), "fraction")
    let exponent = try builder.atom(
      .sequence([
        .oneOf(ScalarSet("eE")), .repeated(.oneOf(ScalarSet("+-")), minimum: 0, maximum: 1),
        .repeated(digit, minimum: 1, maximum: 2),
      ]), "exponent")
    return try builder.atom(
      .sequence([
        .repeated(.literal("-"), minimum: 0, maximum: 1),
        .choice([
          .literal("0"),
          .sequence([
            .oneOf(ScalarSet([0x31...0x39])), .repeated(digit, minimum: 0, maximum: Self.integerDigits),
          ]),
        ]),
        .repeated(fraction, minimum: 0, maximum: 1), .repeated(exponent, minimum: 0, maximum: 1),
      ]), "number")
  }

  mutating func boolean() throws(GrammarError) -> GrammarNode {
    try builder.atom(.choice([.literal("true"), .literal("false")]), "boolean")
  }

  /// Any JSON value.
  mutating func anyValue() throws(GrammarError) -> GrammarNode {
    if let anyValueRule { return .rule(anyValueRule) }
    let rule = try builder.declare("value")
    anyValueRule = rule
    builder.define(
      rule,
      as: .choice([
        try anyObject(), try anyArray(), try string(), try number(), try boolean(), .literal("null"),
      ]))
    return .rule(rule)
  }

  /// Any JSON object.
  mutating func anyObject() throws(GrammarError) -> GrammarNode {
    let member = try builder.atom(.sequence([string(), colon(), anyValue()]), "member")
    return try builder.atom(list(of: member, between: ("{", "}"), 0, nil), "object")
  }

  /// Any JSON array.
  mutating func anyArray() throws(GrammarError) -> GrammarNode {
    try builder.atom(list(of: anyValue(), between: ("[", "]"), 0, nil), "array")
  }

  /// Items with commas between brackets.
  mutating func list(
    of item: GrammarNode, between brackets: (String, String), _ minimum: Int, _ maximum: Int?
  ) throws(GrammarError) -> GrammarNode {
    if let maximum, maximum < minimum { return .never }
    var inside = GrammarNode.empty
    if maximum != 0 {
      let further = try builder.atom(.sequence([comma(), item]), "further")
      let items = GrammarNode.sequence([
        item, try builder.repetition(further, max(minimum - 1, 0), maximum.map { $0 - 1 }, "further"), try gap(),
      ])
      inside = minimum > 0 ? items : try builder.optional(items, "items")
    }
    return .sequence([.literal(brackets.0), try gap(), inside, .literal(brackets.1)])
  }
}
