import ModelInterface
import Testing

@testable import LlamaEngine

@Suite("Grammars of random schemas")
struct GrammarPropertyTests {
  @Test("every integer range is exact", arguments: 0..<40 as Range<UInt64>)
  func integerRanges(seed: UInt64) throws {
    var random = SeededNumbers(seed: seed)
    let span = [9, 99, 1_200, 1 << 40].randomElement(using: &random) ?? 9
    let first = Int.random(in: -span...span, using: &random)
    let second = Int.random(in: -span...span, using: &random)
    let (low, high) = (min(first, second), max(first, second))
    let recognizer = try GrammarRecognizer(
      try JSONSchemaGrammar.grammar(for: ["type": "integer", "minimum": .integer(low), "maximum": .integer(high)]))
    var candidates = [low - 1, low, low + 1, high - 1, high, high + 1, 0, -1, 1]
    for _ in 0..<100 { candidates.append(Int.random(in: (low - span)...(high + span), using: &random)) }
    for candidate in candidates {
      #expect(
        recognizer.accepts(String(candidate)) == (low...high).contains(candidate), "\(candidate) in \(low)...\(high)")
    }
    #expect(!recognizer.accepts("0\(abs(low))"))
  }

  @Test("every number range is exact", arguments: 0..<60 as Range<UInt64>)
  func numberRanges(seed: UInt64) throws {
    var random = SeededNumbers(seed: seed)
    // Thousandths, so that the expectation is exact as well.
    let first = Int.random(in: -12_000...12_000, using: &random)
    let second = first + Int.random(in: 1...(Bool.random(using: &random) ? 30 : 9_000), using: &random)
    let isLowStrict = Bool.random(using: &random)
    let isHighStrict = Bool.random(using: &random)
    var schema: JSONObject = ["type": "number"]
    schema[isLowStrict ? "exclusiveMinimum" : "minimum"] = try JSONValue.parse(spelled(first))
    schema[isHighStrict ? "exclusiveMaximum" : "maximum"] = try JSONValue.parse(spelled(second))
    let recognizer = try GrammarRecognizer(try JSONSchemaGrammar.grammar(for: .object(schema)))
    var candidates = [first - 1, first, first + 1, second - 1, second, second + 1]
    for _ in 0..<100 { candidates.append(Int.random(in: (first - 3_000)...(second + 3_000), using: &random)) }
    for candidate in candidates where candidate != 0 {
      let isAllowed =
        (isLowStrict ? candidate > first : candidate >= first)
        && (isHighStrict ? candidate < second : candidate <= second)
      for text in [spelled(candidate), spelled(candidate, padding: true)] {
        #expect(recognizer.accepts(text) == isAllowed, "\(text) with \(JSONValue.object(schema).text)")
      }
    }
  }

  private func spelled(_ thousandths: Int, padding: Bool = false) -> String {
    let magnitude = abs(thousandths)
    var fraction = String(1_000 + magnitude % 1_000).dropFirst()
    if !padding { while fraction.last == "0" { fraction.removeLast() } }
    return (thousandths < 0 ? "-" : "") + "\(magnitude / 1_000)" + (fraction.isEmpty ? "" : "." + fraction)
  }

  @Test(
    "a grammar agrees with a validator on values made for its schema and on changed ones",
    arguments: 0..<150 as Range<UInt64>)
  func schemas(seed: UInt64) throws {
    var random = SeededNumbers(seed: seed)
    let schema = RandomSchema.schema(depth: 3, &random)
    let recognizer = try GrammarRecognizer(try JSONSchemaGrammar.grammar(for: schema))
    for _ in 0..<12 {
      let value = RandomSchema.value(for: schema, &random)
      #expect(RandomSchema.isValid(value, schema), "the test's own generator: \(value.text) for \(schema.text)")
      #expect(recognizer.accepts(value.text), "\(value.text) for \(schema.text)")
      let changed = RandomSchema.changed(value, &random)
      #expect(
        recognizer.accepts(changed.text) == RandomSchema.isValid(changed, schema), "\(changed.text) for \(schema.text)")
    }
  }
}

/// Random schemas, values for them, and a validator of its own for the keywords that they use.
private enum RandomSchema {
  static let names = ["a", "ab", "abc", "b", "name\"", "é"]

  static func schema(depth: Int, _ random: inout SeededNumbers) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 9 : 5), using: &random) {
    case 0: return ["type": "null"]
    case 1: return ["type": "boolean"]
    case 2:
      let low = Int.random(in: -50...50, using: &random)
      return [
        "type": "integer", "minimum": .integer(low), "maximum": .integer(low + Int.random(in: 0...99, using: &random)),
      ]
    case 3:
      let low = Int.random(in: 0...3, using: &random)
      return [
        "type": "string", "minLength": .integer(low),
        "maxLength": .integer(low + Int.random(in: 0...3, using: &random)),
      ]
    case 4: return ["enum": ["x", 7, nil, "x y"]]
    case 5:
      let low = Int.random(in: 0...2, using: &random)
      return [
        "type": "array", "items": schema(depth: depth - 1, &random), "minItems": .integer(low),
        "maxItems": .integer(low + Int.random(in: 0...2, using: &random)),
      ]
    case 6: return ["anyOf": [schema(depth: depth - 1, &random), schema(depth: depth - 1, &random)]]
    default:
      var properties: JSONObject = [:]
      var required: [JSONValue] = []
      for name in names where Bool.random(using: &random) {
        properties[name] = schema(depth: depth - 1, &random)
        if Bool.random(using: &random) { required.append(.string(name)) }
      }
      let extra: JSONValue = Bool.random(using: &random) ? false : schema(depth: 0, &random)
      return [
        "type": "object", "properties": .object(properties), "required": .array(required),
        "additionalProperties": extra,
      ]
    }
  }

  static func value(for schema: JSONValue, _ random: inout SeededNumbers) -> JSONValue {
    if let options = schema["anyOf"]?.array, let option = options.randomElement(using: &random) {
      return value(for: option, &random)
    }
    if let values = schema["enum"]?.array, let value = values.randomElement(using: &random) { return value }
    let low = (schema["minimum"] ?? schema["minLength"] ?? schema["minItems"])?.integer ?? 0
    let high = (schema["maximum"] ?? schema["maxLength"] ?? schema["maxItems"])?.integer ?? 0
    let count = Int.random(in: low...max(low, high), using: &random)
    switch schema["type"]?.string {
    case "null": return nil
    case "boolean": return .bool(Bool.random(using: &random))
    case "integer": return .integer(count)
    case "string":
      return .string(String((0..<count).map { _ in "aé\"\\\n😀 z".randomElement(using: &random) ?? "a" }))
    case "array": return .array((0..<count).map { _ in value(for: schema["items"] ?? true, &random) })
    default:
      var object: JSONObject = [:]
      let required = schema["required"]?.array ?? []
      for (name, inner) in schema["properties"]?.object?.members ?? [] {
        guard required.contains(.string(name)) || Bool.random(using: &random) else { continue }
        object[name] = value(for: inner, &random)
      }
      if let extra = schema["additionalProperties"], extra != false, Bool.random(using: &random) {
        object["extra"] = value(for: extra, &random)
      }
      return .object(object)
    }
  }

  /// The value with something about it different; at times still valid.
  static func changed(_ value: JSONValue, _ random: inout SeededNumbers) -> JSONValue {
    switch value {
    case .array(var elements) where !elements.isEmpty && Bool.random(using: &random):
      let index = Int.random(in: elements.indices, using: &random)
      if Bool.random(using: &random) {
        elements.remove(at: index)
      } else {
        elements[index] = changed(elements[index], &random)
      }
      return .array(elements)
    case .array(let elements): return .array(elements + [.integer(Int.random(in: -9...99, using: &random))])
    case .object(var object):
      guard let member = object.members.randomElement(using: &random), Bool.random(using: &random) else {
        object["added"] = .integer(Int.random(in: -9...99, using: &random))
        return .object(object)
      }
      object[member.name] = Bool.random(using: &random) ? nil : changed(member.value, &random)
      return .object(object)
    case .string(let text): return .string(text + "xy")
    case .number(let number): return .integer((number.integer ?? 0) + Int.random(in: -99...99, using: &random))
    default: return [7, "x", nil, true, []].randomElement(using: &random) ?? nil
    }
  }

  static func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool {
    if let options = schema["anyOf"]?.array { return options.contains { isValid(value, $0) } }
    if let values = schema["enum"]?.array { return values.contains(value) }
    func within(_ number: Int, _ low: String, _ high: String) -> Bool {
      number >= schema[low]?.integer ?? .min && number <= schema[high]?.integer ?? .max
    }
    switch (schema["type"]?.string, value) {
    case ("null", .null), ("boolean", .bool): return true
    case ("integer", .number(let number)): return number.integer.map { within($0, "minimum", "maximum") } ?? false
    case ("string", .string(let text)): return within(text.unicodeScalars.count, "minLength", "maxLength")
    case ("array", .array(let elements)):
      return within(elements.count, "minItems", "maxItems")
        && elements.allSatisfy { isValid($0, schema["items"] ?? true) }
    case ("object", .object(let object)):
      let required = (schema["required"]?.array ?? []).compactMap(\.string)
      return required.allSatisfy { object[$0] != nil }
        && object.members.allSatisfy { name, value in
          if let inner = schema["properties"]?[name] { return isValid(value, inner) }
          let extra = schema["additionalProperties"] ?? true
          return extra != false && isValid(value, extra)
        }
    default: return false
    }
  }
}
