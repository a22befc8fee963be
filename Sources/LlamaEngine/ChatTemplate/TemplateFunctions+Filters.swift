extension TemplateFunctions {
  /// Applies a filter.
  static func filter(
    _ name: String, _ value: TemplateValue, _ positional: [TemplateValue], _ named: [String: TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "trim": return .string(strip(value.text, positional.first?.text))
    case "upper": return .string(value.text.uppercased())
    case "lower": return .string(value.text.lowercased())
    case "capitalize", "title", "string", "safe": return text(name, value)
    case "tojson":
      return .string(value.json(indent: (named["indent"] ?? positional.first)?.integer.map { min(16, max(0, $0)) }))
    case "length", "count":
      if case .string(let text) = value { return .integer(text.unicodeScalars.count) }
      return .integer(value.elements?.count ?? 0)
    case "default", "d":
      let replacesFalse = (named["boolean"] ?? positional.dropFirst().first)?.isTrue ?? false
      if case .undefined = value { return positional.first ?? named["default_value"] ?? .string("") }
      return replacesFalse && !value.isTrue ? positional.first ?? .string("") : value
    case "first": return value.elements?.first ?? .undefined
    case "last": return value.elements?.last ?? .undefined
    case "list": return .list(value.elements ?? [])
    case "int": return .integer(value.integer ?? Int(value.text) ?? positional.first?.integer ?? 0)
    case "float": return .double(value.number ?? Double(value.text) ?? 0)
    case "abs": return try value.number ?? 0 < 0 ? binary("-", .integer(0), value) : value
    case "join":
      let parts = attribute(of: value.elements ?? [], named["attribute"])
      return .string(parts.map(\.text).joined(separator: (positional.first ?? named["d"])?.text ?? ""))
    case "replace":
      guard positional.count >= 2 else { throw TemplateError("replace of the template needs two texts") }
      return .string(replace(value.text, positional[0].text, positional[1].text))
    case "items", "dictsort":
      guard case .dictionary(var members) = value else { return .list([]) }
      if name == "dictsort" { members.sort { $0.name < $1.name } }
      return .list(members.map { .list([.string($0.name), $0.value]) })
    case "reverse":
      if case .string(let text) = value {
        return .string(String(String.UnicodeScalarView(text.unicodeScalars.reversed())))
      }
      return .list((value.elements ?? []).reversed())
    case "unique":
      var kept: [TemplateValue] = []
      for element in value.elements ?? [] where !kept.contains(where: { $0.equals(element) }) { kept.append(element) }
      return .list(kept)
    case "sort": return .list((value.elements ?? []).sorted { ($0.number ?? 0, $0.text) < ($1.number ?? 0, $1.text) })
    case "indent":
      let width = (positional.first ?? named["width"])?.integer ?? 4
      return .string(
        indent(
          value.text, min(64, max(0, width)), first: (named["first"] ?? positional.dropFirst().first)?.isTrue ?? false))
    case "map": return try map(value, positional, named)
    case "select", "reject", "selectattr", "rejectattr": return try select(name, value, positional)
    default: throw TemplateError("the template uses the filter `\(name)`, which is not supported")
    }
  }

  /// Calls a method of a string, a mapping or a list.
  static func method(
    _ name: String, of value: TemplateValue, _ arguments: [TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    let first = arguments.first
    switch (name, value) {
    case ("get", .dictionary):
      let found = value.member(first?.text ?? "")
      if case .undefined = found { return arguments.dropFirst().first ?? .none }
      return found
    case ("items", .dictionary): return try filter("items", value, [], [:])
    case ("keys", .dictionary(let members)): return .list(members.map { .string($0.name) })
    case ("values", .dictionary(let members)): return .list(members.map(\.value))
    case ("strip", .string(let text)): return .string(strip(text, first?.text))
    case ("lstrip", .string(let text)): return .string(strip(text, first?.text, atEnd: false))
    case ("rstrip", .string(let text)): return .string(strip(text, first?.text, atStart: false))
    case ("startswith", .string(let text)): return .bool(affixes(first).contains { text.utf8.starts(with: $0.utf8) })
    case ("endswith", .string(let text)):
      return .bool(affixes(first).contains { text.utf8.reversed().starts(with: $0.utf8.reversed()) })
    case ("split", .string(let text)): return .list(split(text, first, arguments.dropFirst().first?.integer))
    case ("replace", .string): return try filter("replace", value, arguments, [:])
    case ("upper", .string), ("lower", .string), ("title", .string), ("capitalize", .string):
      return try filter(name, value, [], [:])
    case ("join", .string(let separator)):
      return .string((first?.elements ?? []).map(\.text).joined(separator: separator))
    case ("find", .string(let text)):
      return .integer(StopMatcher.firstIndex(of: Array((first?.text ?? "").utf8), in: Array(text.utf8)) ?? -1)
    case ("count", .string(let text)):
      return .integer(split(text, first, nil).count - 1)
    case ("index", .list(let values)):
      return .integer(values.firstIndex { $0.equals(first ?? .none) } ?? -1)
    default: throw TemplateError("the template calls .\(name)() of \(value.kind), which is not supported")
    }
  }

  private static func text(_ name: String, _ value: TemplateValue) -> TemplateValue {
    switch name {
    case "capitalize": .string(value.text.prefix(1).uppercased() + value.text.dropFirst().lowercased())
    case "title":
      .string(
        value.text.split(separator: " ", omittingEmptySubsequences: false)
          .map { $0.prefix(1).uppercased() + $0.dropFirst().lowercased() }.joined(separator: " "))
    default: .string(value.text)
    }
  }

  private static func affixes(_ value: TemplateValue?) -> [String] {
    if case .list(let values)? = value { return values.map(\.text) }
    return [value?.text ?? ""]
  }

  private static func strip(_ text: String, _ characters: String?, atStart: Bool = true, atEnd: Bool = true) -> String {
    let unwanted = characters.map { Set($0.unicodeScalars) }
    func goes(_ scalar: Unicode.Scalar) -> Bool { unwanted?.contains(scalar) ?? scalar.properties.isWhitespace }
    var scalars = text.unicodeScalars[...]
    if atStart { scalars = scalars.drop(while: goes) }
    if atEnd { while let last = scalars.last, goes(last) { scalars.removeLast() } }
    return String(scalars)
  }

  static func replace(_ text: String, _ old: String, _ new: String) -> String {
    guard !old.isEmpty else { return text }
    return split(text, .string(old), nil).map(\.text).joined(separator: new)
  }

  private static func split(_ text: String, _ separator: TemplateValue?, _ limit: Int?) -> [TemplateValue] {
    guard case .string(let separator)? = separator, !separator.isEmpty else {
      return text.unicodeScalars.split(whereSeparator: \.properties.isWhitespace).map { .string(String($0)) }
    }
    let pattern = Array(separator.utf8)
    var rest = Array(text.utf8)
    var parts: [TemplateValue] = []
    while limit.map({ parts.count < $0 }) ?? true, let place = StopMatcher.firstIndex(of: pattern, in: rest) {
      parts.append(.string(String(decoding: rest.prefix(place), as: UTF8.self)))
      rest.removeFirst(place + pattern.count)
    }
    return parts + [.string(String(decoding: rest, as: UTF8.self))]
  }

  private static func indent(_ text: String, _ width: Int, first: Bool) -> String {
    let margin = String(repeating: " ", count: width)
    return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
      .map { ($0.offset > 0 || first) && !$0.element.isEmpty ? margin + $0.element : String($0.element) }
      .joined(separator: "\n")
  }

  private static func attribute(of values: [TemplateValue], _ attribute: TemplateValue?) -> [TemplateValue] {
    guard let attribute else { return values }
    return values.map { value in
      attribute.text.split(separator: ".").reduce(value) { $0.member(String($1)) }
    }
  }

  private static func map(
    _ value: TemplateValue, _ positional: [TemplateValue], _ named: [String: TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    let values = value.elements ?? []
    if let name = named["attribute"] { return .list(attribute(of: values, name)) }
    guard let name = positional.first?.text else { throw TemplateError("map of the template names no filter") }
    var result: [TemplateValue] = []
    for value in values { result.append(try filter(name, value, Array(positional.dropFirst()), [:])) }
    return .list(result)
  }

  private static func select(
    _ name: String, _ value: TemplateValue, _ arguments: [TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    let byAttribute = name.hasSuffix("attr")
    let keeps = name.hasPrefix("select")
    let rest = byAttribute ? Array(arguments.dropFirst()) : arguments
    var kept: [TemplateValue] = []
    for element in value.elements ?? [] {
      let subject = byAttribute ? attribute(of: [element], arguments.first)[0] : element
      let holds: Bool
      if let test = rest.first?.text {
        let parameter = Array(rest.dropFirst())
        holds = try test == "==" ? subject.equals(parameter.first ?? .none) : self.test(test, subject, parameter)
      } else {
        holds = subject.isTrue
      }
      if holds == keeps { kept.append(element) }
    }
    return .list(kept)
  }
}
