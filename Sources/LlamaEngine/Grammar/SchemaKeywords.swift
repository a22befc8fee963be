import ModelInterface

/// Which keywords of JSON Schema are understood, and what kind each is.
enum SchemaKeywords {
  static let combining = ["$ref", "allOf", "anyOf", "oneOf"]

  static let byType: [(type: String, keywords: Set<String>)] = [
    (
      "object", ["properties", "required", "additionalProperties", "minProperties", "maxProperties"]
    ),
    ("array", ["items", "prefixItems", "minItems", "maxItems"]),
    ("string", ["minLength", "maxLength", "pattern", "format"]),
    ("number", ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
  ]

  static let constraining: Set<String> = byType.reduce(into: ["type", "enum", "const"]) { $0.formUnion($1.keywords) }

  /// What describes and does not constrain.
  private static let annotations: Set<String> = [
    "$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default", "example", "examples",
    "deprecated", "readOnly", "writeOnly", "contentMediaType", "contentEncoding", "discriminator", "propertyOrdering",
    "strict", "nullable", "externalDocs", "xml",
  ]

  private static let types: Set<String> = ["null", "boolean", "integer", "number", "string", "array", "object"]

  /// Refuses a schema with a keyword that is malformed or, in strict mode, not understood.
  static func check(_ schema: JSONObject, isStrict: Bool, at path: String) throws(GrammarError) {
    for (name, value) in schema.members where isStrict {
      if constraining.contains(name) || annotations.contains(name) || combining.contains(name) { continue }
      if name.hasPrefix("x-") { continue }
      // What constrains nothing may stand.
      switch (name, value) {
      case ("uniqueItems", .bool(false)), ("unevaluatedProperties", .bool(true)), ("unevaluatedItems", .bool(true)):
        continue
      case ("multipleOf", .number(let number)) where number.double == 1 && schema["type"]?.string == "integer": continue
      default: break
      }
      throw SchemaConverter.fault(
        "\(path)/\(SchemaReference.escaped(name))", "expected a keyword that grammars can state, found `\(name)`",
        "Remove it, or leave `strict` out and check the answer yourself.")
    }
    if let value = schema["nullable"], value.bool == nil {
      throw SchemaConverter.fault("\(path)/nullable", "expected a boolean, found \(value.kind)")
    }
    for name in ["allOf", "anyOf", "oneOf"] {
      guard let value = schema[name] else { continue }
      guard let options = value.array, !options.isEmpty else {
        throw SchemaConverter.fault("\(path)/\(name)", "expected an array of one schema or more, found \(value.kind)")
      }
    }
  }

  /// The types that a schema names, or nil where it names none.
  static func types(of schema: JSONObject, at path: String) throws(GrammarError) -> [String]? {
    let names: [JSONValue]
    switch schema["type"] {
    case nil: return nil
    case .array(let all)?: names = all
    case let value?: names = [value]
    }
    var found: [String] = []
    for name in names {
      guard let text = name.string, types.contains(text) else {
        throw SchemaConverter.fault(
          "\(path)/type", "expected one of \(types.sorted().joined(separator: ", ")), found \(name.text.prefix(64))")
      }
      if !found.contains(text) { found.append(text) }
    }
    return found
  }

  /// The types of which the schema's keywords speak, or nil where they speak of none.
  static func impliedTypes(of schema: JSONObject) -> [String]? {
    let found = byType.filter { entry in schema.members.contains { entry.keywords.contains($0.name) } }.map(\.type)
    return found.isEmpty ? nil : found
  }

  /// The values of `enum` and `const`, or nil where the schema has neither. Other keywords beside them are refused in strict
  /// mode, and else are the caller's to see to.
  static func enumerated(
    _ schema: JSONObject, isStrict: Bool, at path: String
  ) throws(GrammarError) -> [JSONValue]? {
    var values: [JSONValue]?
    if let all = schema["enum"] {
      guard let list = all.array else {
        throw SchemaConverter.fault("\(path)/enum", "expected an array, found \(all.kind)")
      }
      values = list
    }
    if let only = schema["const"] { values = values.map { $0.filter { $0 == only } } ?? [only] }
    guard values != nil, isStrict else { return values }
    if let other = schema.members.first(where: {
      !["type", "enum", "const"].contains($0.name) && constraining.contains($0.name)
    }) {
      throw SchemaConverter.fault(
        "\(path)/\(other.name)", "expected `enum` or `const` alone, found `\(other.name)` beside it",
        "Leave only the values that it allows in the list.")
    }
    return values
  }

  /// A keyword's whole number, not negative and within what grammars can count. Where not strict, a largest number past that
  /// is none.
  static func count(
    _ schema: JSONObject, _ name: String, isStrict: Bool, at path: String
  ) throws(GrammarError) -> Int? {
    guard let value = schema[name] else { return nil }
    if !isStrict, name.hasPrefix("max"), let count = value.integer, count > GrammarBuilder.Limit.repetitions {
      return nil
    }
    guard let count = value.integer, (0...GrammarBuilder.Limit.repetitions).contains(count) else {
      throw SchemaConverter.fault(
        "\(path)/\(name)",
        "expected a whole number from 0 to \(GrammarBuilder.Limit.repetitions), found \(value.text.prefix(64))",
        "Use a bound in that range, or none.")
    }
    return count
  }
}

/// References within a schema (JSON Pointer, RFC 6901, as a URI fragment).
enum SchemaReference {
  static func escaped(_ name: String) -> String {
    name.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
      .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
  }

  /// What a reference names, and the pointer in its plain form.
  static func resolve(
    _ reference: JSONValue, in root: JSONValue, at path: String
  ) throws(GrammarError) -> (JSONValue, String) {
    guard let text = reference.string else {
      throw SchemaConverter.fault(path, "expected a string, found \(reference.kind)")
    }
    guard text == "#" || text.hasPrefix("#/") else {
      throw SchemaConverter.fault(
        path, "expected a reference within the schema such as `#/$defs/name`, found `\(text.prefix(128))`",
        "Copy what it names into `$defs`.")
    }
    guard let decoded = percentDecoded(text) else {
      throw SchemaConverter.fault(path, "expected a well-formed reference, found `\(text.prefix(128))`")
    }
    var target = root
    for part in decoded.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = part.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
        .replacingTildes()
      let next =
        target[name]
        ?? target.array.flatMap { list in Int(name).flatMap { list.indices.contains($0) ? list[$0] : nil } }
      guard let next else {
        throw SchemaConverter.fault(
          path, "expected a reference to something in the schema, found `\(text.prefix(128))`",
          "Define it under `$defs`, or correct the reference.")
      }
      target = next
    }
    return (target, decoded)
  }

  private static func percentDecoded(_ text: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self)
  }
}

extension String {
  /// `~0` is JSON Pointer's spelling of a tilde.
  fileprivate func replacingTildes() -> String {
    split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
  }
}
