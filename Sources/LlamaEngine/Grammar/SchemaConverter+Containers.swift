import ModelInterface

extension SchemaConverter {
  /// The most properties of one object.
  private static let maximumProperties = 1_000
  /// The longest name that a schema does not declare.
  private static let extraNameLength = 64

  mutating func array(_ schema: JSONObject, at path: String, depth: Int) throws(GrammarError) -> GrammarNode {
    let minimum = try SchemaKeywords.count(schema, "minItems", isStrict: isStrict, at: path) ?? 0
    var maximum = try SchemaKeywords.count(schema, "maxItems", isStrict: isStrict, at: path)
    var first: [GrammarNode] = []
    if let prefix = schema["prefixItems"] {
      guard let list = prefix.array else {
        throw Self.fault("\(path)/prefixItems", "expected an array of schemas, found \(prefix.kind)")
      }
      for (index, item) in list.enumerated() {
        let node = try node(item, at: "\(path)/prefixItems/\(index)", depth: depth + 1)
        first.append(try json.builder.atom(node, "item-\(index)"))
      }
    }
    if let items = schema["items"], items.array != nil {
      throw Self.fault("\(path)/items", "expected a schema, found an array", "Use `prefixItems` for tuples.")
    }
    let further = try node(schema["items"] ?? true, at: "\(path)/items", depth: depth + 1)
    if further == .never { maximum = min(maximum ?? first.count, first.count) }
    if let maximum, maximum < minimum { return .never }
    let item = try json.builder.atom(further == .never ? .empty : further, "item")
    guard !first.isEmpty else { return try json.list(of: item, between: ("[", "]"), minimum, maximum) }
    return try tuple(first, then: item, minimum, maximum)
  }

  /// The items of a tuple, each after the one before, then any more; what is not required may be missing from the end.
  private mutating func tuple(
    _ first: [GrammarNode], then item: GrammarNode, _ minimum: Int, _ maximum: Int?
  ) throws(GrammarError) -> GrammarNode {
    let gap = try json.gap()
    let comma = try json.comma()
    let count = min(first.count, maximum ?? first.count)
    var tail = GrammarNode.empty
    if count == first.count {
      let next = try json.builder.atom(.sequence([comma, item]), "further")
      tail = try json.builder.repetition(next, max(minimum - count, 0), maximum.map { $0 - count }, "further")
    }
    for index in stride(from: count - 1, through: 0, by: -1) {
      let head: [GrammarNode] = index == 0 ? [first[index]] : [comma, first[index]]
      let node = GrammarNode.sequence(head + [tail])
      tail = index < minimum ? node : try json.builder.optional(node, "tuple")
    }
    return .sequence([.literal("["), gap, tail, gap, .literal("]")])
  }

  mutating func object(_ schema: JSONObject, at path: String, depth: Int) throws(GrammarError) -> GrammarNode {
    let properties = try SchemaProperties(schema, isStrict: isStrict, at: path)
    guard properties.members.count <= Self.maximumProperties else {
      throw Self.fault(
        "\(path)/properties",
        "expected at most \(Self.maximumProperties) properties, found \(properties.members.count)",
        "Split the object.")
    }
    let minimum = try SchemaKeywords.count(schema, "minProperties", isStrict: isStrict, at: path) ?? 0
    let maximum = try SchemaKeywords.count(schema, "maxProperties", isStrict: isStrict, at: path)
    let extra = try extraMember(properties, at: path, depth: depth)
    if properties.members.isEmpty {
      if extra == .never { return minimum > 0 ? .never : .sequence([.literal("{"), try json.gap(), .literal("}")]) }
      return try json.list(of: extra, between: ("{", "}"), minimum, maximum)
    }
    let required = properties.members.count { $0.isRequired }
    let possible = extra == .never ? properties.members.count : Int.max
    for (keyword, holds) in [
      ("minProperties", required >= minimum), ("maxProperties", maximum.map { possible <= $0 } ?? true),
    ] where !holds {
      throw Self.fault(
        "\(path)/\(keyword)", "expected a bound that `properties` and `required` imply, found another",
        "Remove it, or name the properties in `required`.")
    }
    return try members(properties, extra: extra, at: path, depth: depth)
  }

  private mutating func members(
    _ properties: SchemaProperties, extra: GrammarNode, at path: String, depth: Int
  ) throws(GrammarError) -> GrammarNode {
    let gap = try json.gap()
    let comma = try json.comma()
    var pairs: [GrammarNode] = []
    for member in properties.members {
      let value = try node(
        member.schema, at: "\(path)/properties/\(SchemaReference.escaped(member.name))", depth: depth + 1)
      let pair = GrammarNode.sequence([.literal(JSONValue.string(member.name).text), try json.colon(), value])
      pairs.append(try json.builder.atom(pair, member.name))
    }
    // `tail` is what may follow once a member stands, `head` what may come while none does.
    var tail = gap
    var head = GrammarNode.empty
    if extra != .never {
      let further = try json.builder.atom(.sequence([comma, extra]), "further")
      let furthers = GrammarNode.repeated(further, minimum: 0, maximum: nil)
      tail = try json.builder.atom(.sequence([furthers, gap]), "end")
      head = try json.builder.optional(.sequence([extra, furthers, gap]), "extra")
    }
    for (index, member) in properties.members.enumerated().reversed() {
      let first = GrammarNode.sequence([pairs[index], tail])
      let next = GrammarNode.sequence([comma, pairs[index], tail])
      head = try json.builder.atom(member.isRequired ? first : .choice([first, head]), "head")
      tail = try json.builder.atom(member.isRequired ? next : .choice([next, tail]), "tail")
    }
    return .sequence([.literal("{"), gap, head, .literal("}")])
  }

  /// A member whose name the schema does not declare, or ``GrammarNode/never``.
  private mutating func extraMember(
    _ properties: SchemaProperties, at path: String, depth: Int
  ) throws(GrammarError) -> GrammarNode {
    if properties.additional == false { return .never }
    let value = try node(properties.additional, at: "\(path)/additionalProperties", depth: depth + 1)
    if value == .never { return .never }
    let names = properties.declared.map { ArraySlice($0.unicodeScalars.map(\.value)) }
      .filter { $0.allSatisfy(JSONTextGrammar.plain.contains) }
    let name = try extraName(besides: names, place: 0)
    let member = GrammarNode.sequence([.literal("\""), name, .literal("\""), try json.colon(), value])
    return try json.builder.atom(member, "extra")
  }

  /// A name, without its quotes, that is none of `names`: it leaves their common trie somewhere.
  private mutating func extraName(besides names: [ArraySlice<UInt32>], place: Int) throws(GrammarError) -> GrammarNode {
    let any = GrammarNode.oneOf(JSONTextGrammar.plain)
    let rest = max(Self.extraNameLength - place, 0)
    guard !names.isEmpty else { return .repeated(any, minimum: 0, maximum: rest) }
    guard place < 256 else { return .never }
    var options: [GrammarNode] = names.contains { $0.isEmpty } ? [] : [.empty]
    var next: [UInt32: [ArraySlice<UInt32>]] = [:]
    for name in names { if let first = name.first { next[first, default: []].append(name.dropFirst()) } }
    for (scalar, names) in next.sorted(by: { $0.key < $1.key }) {
      var further = try extraName(besides: names, place: place + 1)
      if place % 8 == 7 { further = try json.builder.atom(further, "name") }
      options.append(.sequence([.oneOf(ScalarSet([scalar...scalar])), further]))
    }
    let others = JSONTextGrammar.plain.subtracting(ScalarSet(next.keys.map { $0...$0 }))
    options.append(
      .sequence([.oneOf(others), .repeated(any, minimum: 0, maximum: max(rest - 1, 0))]))
    return .choice(options)
  }
}

/// What an object schema says of its members.
struct SchemaProperties {
  var members: [(name: String, schema: JSONValue, isRequired: Bool)] = []
  /// All names in `properties`, those that no value may stand under as well.
  var declared: [String] = []
  /// The schema of members that are not declared.
  var additional: JSONValue

  init(_ schema: JSONObject, isStrict: Bool, at path: String) throws(GrammarError) {
    additional = schema["additionalProperties"] ?? .bool(!isStrict)
    var required: [String] = []
    if let value = schema["required"] {
      guard let list = value.array else {
        throw SchemaConverter.fault("\(path)/required", "expected an array of names, found \(value.kind)")
      }
      for name in list {
        guard let name = name.string else {
          throw SchemaConverter.fault("\(path)/required", "expected names, found \(name.kind)")
        }
        if !required.contains(name) { required.append(name) }
      }
    }
    if let value = schema["properties"] {
      guard let properties = value.object else {
        throw SchemaConverter.fault("\(path)/properties", "expected an object, found \(value.kind)")
      }
      let names = Set(required)
      for (name, schema) in properties.members {
        declared.append(name)
        if schema == false, !names.contains(name) { continue }
        members.append((name, schema, names.contains(name)))
      }
    }
    let known = Set(declared)
    for name in required where !known.contains(name) {
      guard additional != false else {
        throw SchemaConverter.fault(
          "\(path)/required", "expected names from `properties`, found `\(name)`, which `additionalProperties` forbids",
          "Declare it or take it off the list.")
      }
      declared.append(name)
      members.append((name, additional, true))
    }
  }
}
