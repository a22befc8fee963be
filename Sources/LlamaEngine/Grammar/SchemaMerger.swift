import ModelInterface

/// Turns a schema with `allOf`, `anyOf`, `oneOf` or `$ref` beside other keywords into alternatives without any of them.
struct SchemaMerger {
  let root: JSONValue
  let isStrict: Bool

  /// The deepest chain of combinations that is followed.
  private static let maximumDepth = 16

  init(root: JSONValue, isStrict: Bool) {
    self.root = root
    self.isStrict = isStrict
  }

  mutating func alternatives(
    _ schema: JSONValue, at path: String, depth: Int
  ) throws(GrammarError) -> [JSONObject] {
    guard depth <= Self.maximumDepth else {
      throw SchemaConverter.fault(
        path, "expected at most \(Self.maximumDepth) combinations within one another, found more",
        "Write the combined schema out, above all where `$ref` stands beside other keywords and refers to itself.")
    }
    switch schema {
    case .bool(true): return [JSONObject()]
    case .bool(false): return []
    case .object(let object): return try alternatives(object, at: path, depth: depth)
    default: throw SchemaConverter.fault(path, "expected a schema, found \(schema.kind)")
    }
  }

  private mutating func alternatives(
    _ schema: JSONObject, at path: String, depth: Int
  ) throws(GrammarError) -> [JSONObject] {
    try SchemaKeywords.check(schema, isStrict: isStrict, at: path)
    var own = schema
    for name in SchemaKeywords.combining { own[name] = nil }
    // In the order in which a person reads them: what is inherited first, then the schema's own, then its alternatives.
    var found = [JSONObject()]
    if let reference = schema["$ref"] {
      let (target, pointer) = try SchemaReference.resolve(reference, in: root, at: path + "/$ref")
      found = try combined(found, try alternatives(target, at: pointer, depth: depth + 1), at: path)
    }
    for (index, part) in (schema["allOf"]?.array ?? []).enumerated() {
      let path = "\(path)/allOf/\(index)"
      found = try combined(found, try alternatives(part, at: path, depth: depth + 1), at: path)
    }
    found = try combined(found, [own], at: path)
    for name in ["anyOf", "oneOf"] {
      guard let options = schema[name]?.array else { continue }
      var each: [JSONObject] = []
      for (index, option) in options.enumerated() {
        each += try alternatives(option, at: "\(path)/\(name)/\(index)", depth: depth + 1)
      }
      found = try combined(found, each, at: "\(path)/\(name)")
    }
    return found
  }

  private func combined(
    _ left: [JSONObject], _ right: [JSONObject], at path: String
  ) throws(GrammarError) -> [JSONObject] {
    guard left.count * right.count <= JSONSchemaGrammar.maximumAlternatives else {
      throw SchemaConverter.fault(
        path,
        "expected at most \(JSONSchemaGrammar.maximumAlternatives) combinations, found \(left.count * right.count)",
        "Combine fewer alternatives.")
    }
    var all: [JSONObject] = []
    for one in left { for other in right { if let both = try merged(one, other, at: path) { all.append(both) } } }
    return all
  }

  /// A schema of the values that both allow, or nil where that is plainly none.
  private func merged(_ left: JSONObject, _ right: JSONObject, at path: String) throws(GrammarError) -> JSONObject? {
    var result = left
    for (name, value) in right.members where SchemaKeywords.constraining.contains(name) || name == "nullable" {
      guard let present = left[name], present != value else {
        result[name] = value
        continue
      }
      switch name {
      case "properties", "additionalProperties": break
      case "type":
        guard let both = try commonTypes(left, right, at: path) else { return nil }
        result[name] = both
      case "enum":
        result[name] = .array((present.array ?? []).filter { (value.array ?? []).contains($0) })
      case "const": return nil
      case "nullable": result[name] = .bool(present == true && value == true)
      case "required":
        let names = (present.array ?? []) + (value.array ?? []).filter { !(present.array ?? []).contains($0) }
        result[name] = .array(names)
      case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
        if let one = present.double, let other = value.double { result[name] = one >= other ? present : value }
      case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
        if let one = present.double, let other = value.double { result[name] = one <= other ? present : value }
      case "items": result[name] = .object(["allOf": [present, value]])
      default:
        guard isStrict else { continue }
        throw SchemaConverter.fault(
          "\(path)/\(name)", "expected one `\(name)` in a combination, found two", "Combine the two by hand.")
      }
    }
    if left["properties"] != nil || right["properties"] != nil {
      try mergeProperties(left, right, into: &result, at: path)
    } else if let one = left["additionalProperties"], let other = right["additionalProperties"], one != other {
      result["additionalProperties"] = both(one, other)
    }
    return result
  }

  private func commonTypes(_ left: JSONObject, _ right: JSONObject, at path: String) throws(GrammarError) -> JSONValue?
  {
    guard let one = try SchemaKeywords.types(of: left, at: path),
      let other = try SchemaKeywords.types(of: right, at: path)
    else { return nil }
    let common = one.filter { other.contains($0) || ($0 == "integer" && other.contains("number")) }
    let narrowed = one.contains("number") && !other.contains("number") && other.contains("integer")
    let types = common + (narrowed && !common.contains("integer") ? ["integer"] : [])
    return types.isEmpty ? nil : .array(types.map { .string($0) })
  }

  /// A member must satisfy what either side says of its name: its own property, or else the additional properties.
  private func mergeProperties(
    _ left: JSONObject, _ right: JSONObject, into result: inout JSONObject, at path: String
  ) throws(GrammarError) {
    guard let one = (left["properties"] ?? .object([:])).object,
      let other = (right["properties"] ?? .object([:])).object
    else { throw SchemaConverter.fault("\(path)/properties", "expected an object, found another value") }
    let leftRest = left["additionalProperties"] ?? true
    let rightRest = right["additionalProperties"] ?? true
    var properties: JSONObject = [:]
    let shared = other.members.filter { one[$0.name] == nil }
    for (name, schema) in one.members { properties[name] = both(schema, other[name] ?? rightRest) }
    for (name, schema) in shared { properties[name] = both(leftRest, schema) }
    result["properties"] = .object(properties)
    if left["additionalProperties"] != nil || right["additionalProperties"] != nil {
      result["additionalProperties"] = both(leftRest, rightRest)
    }
  }

  private func both(_ left: JSONValue, _ right: JSONValue) -> JSONValue {
    if left == true || left == right { return right }
    if right == true { return left }
    if left == false || right == false { return false }
    return .object(["allOf": [left, right]])
  }
}
