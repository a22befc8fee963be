import ModelInterface

/// A decimal number by its digits, so that bounds are exact where a `Double` would round.
struct DecimalBound {
  var isNegative: Bool
  /// The digits before the point, without leading zeros, `[0]` for none.
  var whole: [UInt8]
  /// The digits after the point, without trailing zeros.
  var fraction: [UInt8]

  var isZero: Bool { whole == [0] && fraction.isEmpty }

  /// The decimal of a JSON number, or nil where it has more than 18 digits before the point or 16 after it.
  init?(_ number: JSONNumber) {
    var text = Array(number.literal.utf8)
    isNegative = text.first == UInt8(ascii: "-")
    if isNegative { text.removeFirst() }
    var exponent = 0
    if let mark = text.firstIndex(where: { $0 | 0x20 == UInt8(ascii: "e") }) {
      guard let parsed = Int(String(decoding: text[(mark + 1)...], as: UTF8.self)), abs(parsed) <= 64 else {
        return nil
      }
      exponent = parsed
      text.removeSubrange(mark...)
    }
    let point = text.firstIndex(of: UInt8(ascii: ".")) ?? text.count
    let digits = text.filter { $0 != UInt8(ascii: ".") }.map { $0 - UInt8(ascii: "0") }
    let position = point + exponent
    var before = position > 0 ? Array(digits.prefix(position)) : []
    if position > digits.count { before += [UInt8](repeating: 0, count: position - digits.count) }
    var after = position < digits.count ? Array(digits.suffix(digits.count - max(position, 0))) : []
    if position < 0 { after = [UInt8](repeating: 0, count: -position) + after }
    while after.last == 0 { after.removeLast() }
    before = Array(before.drop { $0 == 0 })
    whole = before.isEmpty ? [0] : before
    fraction = after
    guard whole.count <= 18, fraction.count <= JSONTextGrammar.fractionDigits else { return nil }
    if isZero { isNegative = false }
  }

  /// The whole part with its sign; it fits as it has at most 18 digits.
  var integer: Int {
    let magnitude = whole.reduce(0) { $0 * 10 + Int($1) }
    return isNegative ? -magnitude : magnitude
  }
}

/// Grammars of numbers between bounds.
enum NumberRangeGrammar {
  /// The largest magnitude that is written where there is no bound.
  static let unbounded = 999_999_999_999_999_999

  /// The integers from `lower` to `upper`, both within 18 digits.
  static func integers(_ lower: Int, _ upper: Int) -> GrammarNode {
    guard lower <= upper else { return .never }
    var options: [GrammarNode] = []
    if lower < 0 { options.append(.sequence([.literal("-"), magnitudes(max(1, -upper), -lower)])) }
    if upper >= 0 { options.append(magnitudes(max(0, lower), upper)) }
    return options.count == 1 ? options[0] : .choice(options)
  }

  /// The non-negative integers from `lower` to `upper`, without leading zeros.
  static func magnitudes(_ lower: Int, _ upper: Int) -> GrammarNode {
    guard lower <= upper else { return .never }
    var options: [GrammarNode] = []
    var start = lower
    while start <= upper {
      let digits = String(start).utf8.count
      let last = digits >= 18 ? unbounded : power(digits) - 1
      let end = min(upper, last)
      options.append(sameLength(spelled(start), spelled(end)))
      if end == upper { break }
      start = end + 1
    }
    return options.count == 1 ? options[0] : .choice(options)
  }

  private static func power(_ exponent: Int) -> Int { (0..<exponent).reduce(1) { value, _ in value * 10 } }

  private static func spelled(_ number: Int) -> ArraySlice<UInt8> {
    ArraySlice(String(number).utf8.map { $0 - UInt8(ascii: "0") })
  }

  static func digit(_ lower: UInt8, _ upper: UInt8) -> GrammarNode {
    lower == upper
      ? .literal(String(lower)) : .oneOf(ScalarSet([(0x30 + UInt32(lower))...(0x30 + UInt32(upper))]))
  }

  private static func digits(_ count: Int) -> [GrammarNode] {
    count == 0 ? [] : [.repeated(.oneOf(JSONTextGrammar.digits), minimum: count, maximum: count)]
  }

  /// Digit strings of one length between two of that length.
  private static func sameLength(_ lower: ArraySlice<UInt8>, _ upper: ArraySlice<UInt8>) -> GrammarNode {
    guard let low = lower.first, let high = upper.first else { return .empty }
    let rest = lower.count - 1
    if low == high { return .sequence([digit(low, low), sameLength(lower.dropFirst(), upper.dropFirst())]) }
    var options: [GrammarNode] = []
    var from = low
    var to = high
    if lower.dropFirst().contains(where: { $0 != 0 }) {
      let nines = [UInt8](repeating: 9, count: rest)
      options.append(.sequence([digit(low, low), sameLength(lower.dropFirst(), nines[...])]))
      from += 1
    }
    var last: GrammarNode?
    if upper.dropFirst().contains(where: { $0 != 9 }) {
      let zeros = [UInt8](repeating: 0, count: rest)
      last = .sequence([digit(high, high), sameLength(zeros[...], upper.dropFirst())])
      to -= 1
    }
    if from <= to { options.append(.sequence([digit(from, to)] + digits(rest))) }
    if let last { options.append(last) }
    return options.count == 1 ? options[0] : .choice(options)
  }

  /// A bound and whether the bound itself is excluded.
  typealias Bound = (value: DecimalBound, isStrict: Bool)

  /// The numbers between two bounds, written without exponent and with up to 16 digits after the point.
  static func numbers(_ lower: Bound?, _ upper: Bound?) -> GrammarNode {
    var options: [GrammarNode] = []
    if lower?.value.isNegative ?? true {
      // -upper ≤ magnitude ≤ -lower; zero itself is written without a sign.
      let from = upper.flatMap { $0.value.isNegative ? $0 : nil }
      let negative = positive(from, lower, excludesZero: from == nil)
      if negative != .never { options.append(.sequence([.literal("-"), negative])) }
    }
    if !(upper?.value.isNegative ?? false) {
      let from = lower.flatMap { $0.value.isNegative ? nil : $0 }
      options.append(positive(from, upper, excludesZero: false))
    }
    return options.count == 1 ? options[0] : .choice(options)
  }

  /// Magnitudes between the magnitudes of two bounds.
  private static func positive(_ lower: Bound?, _ upper: Bound?, excludesZero: Bool) -> GrammarNode {
    let low = abs(lower?.value.integer ?? 0)
    let high = upper.map { abs($0.value.integer) } ?? unbounded
    guard low <= high else { return .never }
    let from = Edge(digits: lower?.value.fraction ?? [], isStrict: lower?.isStrict ?? excludesZero)
    let to = upper.map { Edge(digits: $0.value.fraction, isStrict: $0.isStrict) }
    if low == high { return whole(low, low, fraction(from, to)) }
    var options = [whole(low, low, fraction(from, nil))]
    if low + 1 <= high - 1 {
      options.append(whole(low + 1, high - 1, fraction(Edge(digits: [], isStrict: false), nil)))
    }
    options.append(whole(high, high, fraction(Edge(digits: [], isStrict: false), to)))
    options.removeAll { $0 == .never }
    return options.count == 1 ? options[0] : .choice(options)
  }

  private static func whole(_ from: Int, _ to: Int, _ fraction: Fraction) -> GrammarNode {
    let pointed = fraction.digits.map { GrammarNode.sequence([.literal("."), $0]) }
    switch (pointed, fraction.mayBeAbsent) {
    case (nil, false): return .never
    case (nil, true): return magnitudes(from, to)
    case (let pointed?, false): return .sequence([magnitudes(from, to), pointed])
    case (let pointed?, true): return .sequence([magnitudes(from, to), .choice([.empty, pointed])])
    }
  }

  private struct Edge {
    var digits: [UInt8]
    var isStrict: Bool
  }

  private struct Fraction {
    /// One digit or more after the point, or nil where none will do.
    var digits: GrammarNode?
    var mayBeAbsent: Bool
  }

  private static func fraction(_ lower: Edge, _ upper: Edge?) -> Fraction {
    let absent = lower.digits.isEmpty && !lower.isStrict && !(upper.map { $0.digits.isEmpty && $0.isStrict } ?? false)
    let node = fractionDigits(
      lower.digits[...], lower.isStrict, upper.map { $0.digits[...] }, upper?.isStrict ?? false, 0)
    return Fraction(digits: node == .never ? nil : node, mayBeAbsent: absent)
  }

  /// Digits after the point, at least one, that lie between two such strings; `place` digits stand before them.
  private static func fractionDigits(
    _ lower: ArraySlice<UInt8>, _ isLowerStrict: Bool, _ upper: ArraySlice<UInt8>?, _ isUpperStrict: Bool, _ place: Int
  ) -> GrammarNode {
    let room = JSONTextGrammar.fractionDigits + 2 - place
    guard room > 0 else { return .never }
    let any = GrammarNode.oneOf(JSONTextGrammar.digits)
    if upper == nil, lower.isEmpty {
      guard isLowerStrict else { return .repeated(any, minimum: 1, maximum: room) }
      return .sequence([
        .repeated(.literal("0"), minimum: 0, maximum: room - 1), .oneOf(ScalarSet([0x31...0x39])),
        .repeated(any, minimum: 0, maximum: room - 1),
      ])
    }
    if let upper, upper.isEmpty {
      let allowsZeros = lower.isEmpty && !isLowerStrict && !isUpperStrict
      return allowsZeros ? .repeated(.literal("0"), minimum: 1, maximum: room) : .never
    }
    let low = lower.first ?? 0
    let high = upper?.first ?? 9
    var options: [GrammarNode] = []
    var free: (UInt8, UInt8)?
    for value in low...max(low, high) where value <= high {
      let nextLower = value > low ? [] : lower.dropFirst()
      let strictBelow = value > low ? false : isLowerStrict
      let nextUpper = upper.flatMap { value < high ? nil : $0.dropFirst() }
      if nextUpper == nil, nextLower.isEmpty, !strictBelow {
        free = (free?.0 ?? value, value)
        continue
      }
      let further = fractionDigits(nextLower, strictBelow, nextUpper, isUpperStrict, place + 1)
      let mayEnd = nextLower.isEmpty && !strictBelow && !(nextUpper.map { $0.isEmpty && isUpperStrict } ?? false)
      switch (further == .never, mayEnd) {
      case (true, false): continue
      case (true, true): options.append(digit(value, value))
      case (false, false): options.append(.sequence([digit(value, value), further]))
      case (false, true): options.append(.sequence([digit(value, value), .choice([.empty, further])]))
      }
    }
    if let free {
      options.append(.sequence([digit(free.0, free.1), .repeated(any, minimum: 0, maximum: room - 1)]))
    }
    return options.count == 1 ? options[0] : .choice(options)
  }
}
