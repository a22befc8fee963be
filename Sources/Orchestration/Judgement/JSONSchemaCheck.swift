import ModelInterface

/// Whether a value is valid by a JSON schema (draft 2020-12): the assertions of the validation vocabulary that models are
/// given, references within the document, and the combining keywords. Keywords that it does not know assert nothing, as
/// the specification says (core, section 6.5).
struct JSONSchemaCheck {
  /// References and nesting may go this deep; deeper ones do not hold.
  private static let maximumDepth = 64

  private let root: JSONValue

  init(_ schema: JSONValue) {
    root = schema
  }

  /// What is wrong with the value, with its place; nil where it is valid.
  func problem(with value: JSONValue) -> String? {
    problem(value, root, at: "", depth: 0)
  }

  private func problem(_ value: JSONValue, _ schema: JSONValue, at place: String, depth: Int) -> String? {
    if let truth = schema.bool { return truth ? nil : "\(name(place)) is not allowed" }
    guard let object = schema.object else { return nil }
    guard depth < Self.maximumDepth else { return "\(name(place)) is nested too deeply" }
    if let reference = object["$ref"]?.string {
      guard let target = resolve(reference) else { return "the schema refers to `\(reference)`, which is not there" }
      if let problem = problem(value, target, at: place, depth: depth + 1) { return problem }
    }
    return typeProblem(value, object, place) ?? valueProblem(value, object, place)
      ?? combinedProblem(value, object, place, depth) ?? partsProblem(value, object, place, depth)
  }

  private func name(_ place: String) -> String { place.isEmpty ? "the value" : "`\(place)`" }

  private func resolve(_ reference: String) -> JSONValue? {
    guard reference.hasPrefix("#") else { return nil }
    var value = root
    for part in reference.dropFirst().split(separator: "/") {
      let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
      if let next = value[key] {
        value = next
      } else if let index = Int(key), let array = value.array, array.indices.contains(index) {
        value = array[index]
      } else {
        return nil
      }
    }
    return value
  }

  private func typeProblem(_ value: JSONValue, _ schema: JSONObject, _ place: String) -> String? {
    guard let type = schema["type"] else { return nil }
    let allowed = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
    guard !allowed.isEmpty, !allowed.contains(where: { Self.has(value, type: $0) }) else { return nil }
    return "\(name(place)) is \(value.kind), expected \(allowed.joined(separator: " or "))"
  }

  private static func has(_ value: JSONValue, type: String) -> Bool {
    switch (type, value) {
    case ("null", .null), ("boolean", .bool), ("number", .number), ("string", .string), ("array", .array),
      ("object", .object):
      true
    case ("integer", .number(let number)): number.double == number.double.rounded()
    default: false
    }
  }

  private func valueProblem(_ value: JSONValue, _ schema: JSONObject, _ place: String) -> String? {
    if let options = schema["enum"]?.array, !options.contains(where: { Self.equal($0, value) }) {
      return "\(name(place)) is none of the values that are allowed"
    }
    if let constant = schema["const"], !Self.equal(constant, value) {
      return "\(name(place)) is not \(constant.text.prefix(80))"
    }
    switch value {
    case .number(let number): return numberProblem(number.double, schema, place)
    case .string(let text): return textProblem(text, schema, place)
    default: return nil
    }
  }

  private static func equal(_ left: JSONValue, _ right: JSONValue) -> Bool {
    AnswerKey.canonical(left) == AnswerKey.canonical(right)
  }

  private func numberProblem(_ number: Double, _ schema: JSONObject, _ place: String) -> String? {
    if let least = schema["minimum"]?.double, number < least { return "\(name(place)) is less than \(least)" }
    if let most = schema["maximum"]?.double, number > most { return "\(name(place)) is more than \(most)" }
    if let bound = schema["exclusiveMinimum"]?.double, number <= bound { return "\(name(place)) is not above \(bound)" }
    if let bound = schema["exclusiveMaximum"]?.double, number >= bound { return "\(name(place)) is not below \(bound)" }
    if let step = schema["multipleOf"]?.double, step > 0 {
      let quotient = number / step
      if abs(quotient - quotient.rounded()) > 1e-9 * max(1, abs(quotient)) {
        return "\(name(place)) is no multiple of \(step)"
      }
    }
    return nil
  }

  private func textProblem(_ text: String, _ schema: JSONObject, _ place: String) -> String? {
    let length = text.unicodeScalars.count
    if let least = schema["minLength"]?.integer, length < least { return "\(name(place)) is shorter than \(least)" }
    if let most = schema["maxLength"]?.integer, length > most { return "\(name(place)) is longer than \(most)" }
    if let pattern = schema["pattern"]?.string, Self.matches(pattern, text) == false {
      return "\(name(place)) does not match `\(pattern.prefix(80))`"
    }
    return nil
  }

  /// Whether a text matches somewhere; nil where the pattern cannot be read here, which asserts nothing. Patterns come from
  /// clients: those that repeat a group, whose matching may take exponential time, are not tried, nor are long texts.
  private static func matches(_ pattern: String, _ text: String) -> Bool? {
    let repeats = [")+", ")*", "){", ")?"].contains { pattern.contains($0) }
    guard !repeats, pattern.utf8.count <= 512, text.utf8.count <= 4_096, let expression = try? Regex(pattern) else {
      return nil
    }
    do { return try expression.firstMatch(in: text) != nil } catch { return nil }
  }

  private func combinedProblem(_ value: JSONValue, _ schema: JSONObject, _ place: String, _ depth: Int) -> String? {
    for part in schema["allOf"]?.array ?? [] {
      if let problem = problem(value, part, at: place, depth: depth + 1) { return problem }
    }
    func fitting(_ keyword: String) -> Int? {
      schema[keyword]?.array?.count { problem(value, $0, at: place, depth: depth + 1) == nil }
    }
    if fitting("anyOf") == 0 { return "\(name(place)) fits none of `anyOf`" }
    if let count = fitting("oneOf"), count != 1 { return "\(name(place)) fits \(count) of `oneOf`, expected 1" }
    if let not = schema["not"], problem(value, not, at: place, depth: depth + 1) == nil {
      return "\(name(place)) fits what `not` excludes"
    }
    if let condition = schema["if"] {
      let holds = problem(value, condition, at: place, depth: depth + 1) == nil
      if let branch = schema[holds ? "then" : "else"] {
        return problem(value, branch, at: place, depth: depth + 1)
      }
    }
    return nil
  }

  private func partsProblem(_ value: JSONValue, _ schema: JSONObject, _ place: String, _ depth: Int) -> String? {
    switch value {
    case .object(let object): objectProblem(object, schema, place, depth)
    case .array(let elements): arrayProblem(elements, schema, place, depth)
    default: nil
    }
  }

  private func objectProblem(
    _ object: JSONObject, _ schema: JSONObject, _ place: String, _ depth: Int
  ) -> String? {
    for member in schema["required"]?.array ?? [] {
      if let key = member.string, object[key] == nil { return "\(name(place)) lacks `\(key)`" }
    }
    if let least = schema["minProperties"]?.integer, object.members.count < least {
      return "\(name(place)) has fewer than \(least) members"
    }
    if let most = schema["maxProperties"]?.integer, object.members.count > most {
      return "\(name(place)) has more than \(most) members"
    }
    let properties = schema["properties"]?.object
    let patterns = schema["patternProperties"]?.object?.members ?? []
    for member in object.members {
      let inner = place.isEmpty ? member.name : "\(place).\(member.name)"
      var isKnown = false
      if let property = properties?[member.name] {
        isKnown = true
        if let problem = problem(member.value, property, at: inner, depth: depth + 1) { return problem }
      }
      for pattern in patterns where Self.matches(pattern.name, member.name) == true {
        isKnown = true
        if let problem = problem(member.value, pattern.value, at: inner, depth: depth + 1) { return problem }
      }
      if !isKnown, let others = schema["additionalProperties"],
        let problem = problem(member.value, others, at: inner, depth: depth + 1)
      {
        return problem
      }
    }
    return nil
  }

  private func arrayProblem(
    _ elements: [JSONValue], _ schema: JSONObject, _ place: String, _ depth: Int
  ) -> String? {
    if let least = schema["minItems"]?.integer, elements.count < least {
      return "\(name(place)) has fewer than \(least) elements"
    }
    if let most = schema["maxItems"]?.integer, elements.count > most {
      return "\(name(place)) has more than \(most) elements"
    }
    if schema["uniqueItems"]?.bool == true, Set(elements.map(AnswerKey.canonical)).count < elements.count {
      return "\(name(place)) has equal elements"
    }
    let leading = schema["prefixItems"]?.array ?? []
    for (index, element) in elements.enumerated() {
      let form = index < leading.count ? leading[index] : schema["items"]
      if let form, let problem = problem(element, form, at: "\(place)[\(index)]", depth: depth + 1) { return problem }
    }
    if let form = schema["contains"],
      !elements.contains(where: { problem($0, form, at: place, depth: depth + 1) == nil })
    {
      return "\(name(place)) contains nothing that is asked for"
    }
    return nil
  }
}
