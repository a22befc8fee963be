import ModelInterface

/// A value of a template: what Jinja would have as a Python object.
indirect enum TemplateValue {
  case undefined
  case none
  case bool(Bool)
  case integer(Int)
  case double(Double)
  case string(String)
  case list([TemplateValue])
  case dictionary([(name: String, value: TemplateValue)])
  /// `namespace(…)`: the one thing that a loop can change for what comes after it.
  case namespace(TemplateNamespace)
  case macro(TemplateMacro)
  /// A function of the language by its name.
  case function(String)

  /// A JSON value as Python would load it.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .string(let value): self = .string(value)
    case .number(let value): self = value.integer.map { .integer($0) } ?? .double(value.double)
    case .array(let values): self = .list(values.map { TemplateValue($0) })
    case .object(let object): self = .dictionary(object.members.map { ($0.name, TemplateValue($0.value)) })
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .double(let value): value != 0
    case .string(let value): !value.isEmpty
    case .list(let values): !values.isEmpty
    case .dictionary(let members): !members.isEmpty
    case .namespace, .macro, .function: true
    }
  }

  /// As `{{ … }}` shows it.
  var text: String {
    switch self {
    case .undefined: ""
    case .none: "None"
    case .bool(let value): value ? "True" : "False"
    case .integer(let value): "\(value)"
    case .double(let value): value == value.rounded() && abs(value) < 1e16 ? "\(Int(value)).0" : "\(value)"
    case .string(let value): value
    case .list(let values): "[" + values.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let members):
      "{" + members.map { "'\($0.name)': \($0.value.representation)" }.joined(separator: ", ") + "}"
    case .namespace: "<namespace>"
    case .macro, .function: "<function>"
    }
  }

  /// As it shows inside a list.
  private var representation: String {
    guard case .string(let value) = self else { return text }
    let quote = value.contains("'") && !value.contains("\"") ? "\"" : "'"
    var escaped = quote
    for character in value.unicodeScalars {
      switch character {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\r": escaped += "\\r"
      case "\t": escaped += "\\t"
      case "'" where quote == "'": escaped += "\\'"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped + quote
  }

  /// As JSON in the way of Python's `json.dumps`: a space after `,` and `:`.
  func json(indent: Int? = nil, depth: Int = 0) -> String {
    switch self {
    case .undefined, .none, .namespace, .macro, .function: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .integer, .double: return text
    case .string(let value): return JSONValue.string(value).text
    case .list(let values):
      return Self.enclose("[", values.map { $0.json(indent: indent, depth: depth + 1) }, "]", indent, depth)
    case .dictionary(let members):
      let written = members.map {
        JSONValue.string($0.name).text + ": " + $0.value.json(indent: indent, depth: depth + 1)
      }
      return Self.enclose("{", written, "}", indent, depth)
    }
  }

  private static func enclose(
    _ opening: String, _ items: [String], _ closing: String, _ indent: Int?, _ depth: Int
  ) -> String {
    guard let indent, !items.isEmpty else { return opening + items.joined(separator: ", ") + closing }
    let inner = "\n" + String(repeating: " ", count: indent * (depth + 1))
    let outer = "\n" + String(repeating: " ", count: indent * depth)
    return opening + inner + items.joined(separator: "," + inner) + outer + closing
  }

  /// The member of that name; `undefined` where there is none.
  func member(_ name: String) -> TemplateValue {
    switch self {
    case .dictionary(let members): members.last { $0.name == name }?.value ?? .undefined
    case .namespace(let namespace): namespace.members[name] ?? .undefined
    default: .undefined
    }
  }

  /// Whether Python's `==` holds.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)): return left == right
    case (.list(let left), .list(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.equals($1) }
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count && left.allSatisfy { other.member($0.name).equals($0.value) && !right.isEmpty }
    default:
      guard let left = number, let right = other.number else { return false }
      return left == right
    }
  }

  /// As a number, where it is one; Python counts `True` as 1.
  var number: Double? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  var integer: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .integer(let value): value
    case .double(let value): Int(exactly: value.rounded(.towardZero))
    default: nil
    }
  }

  /// What a loop goes over; nil where it is nothing to go over.
  var elements: [TemplateValue]? {
    switch self {
    case .list(let values): values
    case .dictionary(let members): members.map { .string($0.name) }
    case .string(let value): value.unicodeScalars.map { .string(String($0)) }
    case .undefined: []
    default: nil
    }
  }

  /// Jinja's word for what kind of value it is.
  var kind: String {
    switch self {
    case .undefined: "undefined"
    case .none: "none"
    case .bool: "a boolean"
    case .integer, .double: "a number"
    case .string: "a string"
    case .list: "a list"
    case .dictionary: "a mapping"
    case .namespace: "a namespace"
    case .macro, .function: "a function"
    }
  }
}

/// The members of a `namespace(…)`. One rendering owns it.
final class TemplateNamespace {
  var members: [String: TemplateValue]

  init(_ members: [String: TemplateValue]) {
    self.members = members
  }
}

/// A `{% macro %}`.
final class TemplateMacro {
  let parameters: [(name: String, fallback: TemplateExpression?)]
  let body: [TemplateNode]

  init(parameters: [(name: String, fallback: TemplateExpression?)], body: [TemplateNode]) {
    self.parameters = parameters
    self.body = body
  }
}

/// Why a template cannot be read or rendered.
struct TemplateError: Error, Equatable {
  var reason: String
  /// Whether the template itself refused, by `raise_exception`.
  var isRefusal = false

  init(_ reason: String, isRefusal: Bool = false) {
    self.reason = reason
    self.isRefusal = isRefusal
  }
}
