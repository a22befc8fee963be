/// Jinja's functions, operators and tests, as far as chat templates use them. Filters and methods are beside.
enum TemplateFunctions {
  static let globals: Set<String> = ["raise_exception", "namespace", "range", "strftime_now", "dict"]

  static func call(
    _ name: String, _ positional: [TemplateValue], _ named: [String: TemplateValue]
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "raise_exception":
      throw TemplateError(positional.first?.text ?? "the template refuses the conversation", isRefusal: true)
    case "namespace":
      var members = named
      if case .dictionary(let pairs)? = positional.first { for pair in pairs { members[pair.name] = pair.value } }
      return .namespace(TemplateNamespace(members))
    case "dict": return .dictionary(named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    case "range":
      let bounds = positional.compactMap(\.integer)
      let (first, end, step) =
        switch bounds.count {
        case 1: (0, bounds[0], 1)
        case 2: (bounds[0], bounds[1], 1)
        case 3: (bounds[0], bounds[1], bounds[2])
        default: (0, 0, 1)
        }
      guard step != 0, abs(end.subtractingReportingOverflow(first).partialValue) / abs(max(1, abs(step))) <= 100_000
      else {
        throw TemplateError("range() of the template is too long")
      }
      return .list(stride(from: first, to: end, by: step).map { .integer($0) })
    case "strftime_now": return .string(TemplateClock.today(positional.first?.text ?? "%d %b %Y"))
    default: throw TemplateError("the template calls \(name)(), which is not supported")
    }
  }

  static func binary(
    _ symbol: String, _ left: TemplateValue, _ right: TemplateValue
  ) throws(TemplateError) -> TemplateValue {
    switch symbol {
    case "~": return .string(left.text + right.text)
    case "==": return .bool(left.equals(right))
    case "!=": return .bool(!left.equals(right))
    case "in": return .bool(contains(right, left))
    case "<", ">", "<=", ">=": return .bool(try compare(symbol, left, right))
    case "+":
      if case .string(let a) = left, case .string(let b) = right { return .string(a + b) }
      if case .list(let a) = left, case .list(let b) = right { return .list(a + b) }
    case "*":
      if case .string(let text) = left, let count = right.integer {
        guard count * text.utf8.count < 1 << 20 else { throw TemplateError("a text of the template is too long") }
        return .string(String(repeating: text, count: max(0, count)))
      }
    default: break
    }
    guard let a = left.number, let b = right.number else {
      throw TemplateError("the template computes \(left.kind) \(symbol) \(right.kind)")
    }
    return try arithmetic(symbol, left, right, a, b)
  }

  private static func arithmetic(
    _ symbol: String, _ left: TemplateValue, _ right: TemplateValue, _ a: Double, _ b: Double
  ) throws(TemplateError) -> TemplateValue {
    if symbol != "/", case .some(let x) = left.exactInteger, case .some(let y) = right.exactInteger {
      let result: (partialValue: Int, overflow: Bool)
      switch symbol {
      case "+": result = x.addingReportingOverflow(y)
      case "-": result = x.subtractingReportingOverflow(y)
      case "*": result = x.multipliedReportingOverflow(by: y)
      case "//", "%":
        guard y != 0, !(x == .min && y == -1) else { throw TemplateError("the template divides by zero") }
        let quotient = (x / y) - ((x % y != 0 && (x < 0) != (y < 0)) ? 1 : 0)
        result = (symbol == "//" ? quotient : x - quotient * y, false)
      case "**":
        var power = (partialValue: 1, overflow: y < 0 || y > 62)
        for _ in 0..<min(max(0, y), 62) where !power.overflow {
          power = power.partialValue.multipliedReportingOverflow(by: x)
        }
        result = power
      default: throw TemplateError("the template uses the operator \(symbol), which is not supported")
      }
      guard !result.overflow else { throw TemplateError("a number of the template is too great") }
      return .integer(result.partialValue)
    }
    switch symbol {
    case "+": return .double(a + b)
    case "-": return .double(a - b)
    case "*": return .double(a * b)
    case "/":
      guard b != 0 else { throw TemplateError("the template divides by zero") }
      return .double(a / b)
    default: throw TemplateError("the template uses the operator \(symbol) on fractions, which is not supported")
    }
  }

  private static func compare(
    _ symbol: String, _ left: TemplateValue, _ right: TemplateValue
  ) throws(TemplateError) -> Bool {
    let isLess: Bool
    let isGreater: Bool
    if let a = left.number, let b = right.number {
      (isLess, isGreater) = (a < b, a > b)
    } else if case .string(let a) = left, case .string(let b) = right {
      (isLess, isGreater) = (a < b, a > b)
    } else {
      throw TemplateError("the template compares \(left.kind) with \(right.kind)")
    }
    return switch symbol {
    case "<": isLess
    case ">": isGreater
    case "<=": !isGreater
    default: !isLess
    }
  }

  static func contains(_ container: TemplateValue, _ value: TemplateValue) -> Bool {
    switch container {
    case .string(let text):
      StopMatcher.firstIndex(of: Array(value.text.utf8), in: Array(text.utf8)) != nil || value.text.isEmpty
    case .dictionary(let members): members.contains { $0.name == value.text }
    case .namespace(let namespace): namespace.members[value.text] != nil
    default: container.elements?.contains { $0.equals(value) } ?? false
    }
  }

  static func test(_ name: String, _ value: TemplateValue, _ arguments: [TemplateValue]) throws(TemplateError) -> Bool {
    switch (name, value) {
    case ("defined", .undefined): return false
    case ("defined", _): return true
    case ("undefined", .undefined): return true
    case ("none", .none): return true
    case ("string", .string): return true
    case ("mapping", .dictionary), ("mapping", .namespace): return true
    case ("iterable", .string), ("iterable", .list), ("iterable", .dictionary): return true
    case ("sequence", .string), ("sequence", .list), ("sequence", .dictionary): return true
    case ("number", .integer), ("number", .double), ("integer", .integer), ("float", .double): return true
    case ("boolean", .bool): return true
    case ("true", .bool(let truth)): return truth
    case ("false", .bool(let truth)): return !truth
    case ("callable", .macro), ("callable", .function): return true
    case ("odd", _): return (value.integer ?? 0) % 2 != 0
    case ("even", _): return (value.integer ?? 1) % 2 == 0
    case ("lower", .string(let text)): return text == text.lowercased()
    case ("upper", .string(let text)): return text == text.uppercased()
    case ("equalto", _), ("eq", _), ("sameas", _): return arguments.first.map { value.equals($0) } ?? false
    case ("ne", _): return arguments.first.map { !value.equals($0) } ?? false
    case ("in", _): return arguments.first.map { contains($0, value) } ?? false
    case ("undefined", _), ("none", _), ("string", _), ("mapping", _), ("iterable", _), ("sequence", _), ("number", _),
      ("integer", _), ("float", _), ("boolean", _), ("true", _), ("false", _), ("callable", _), ("lower", _),
      ("upper", _):
      return false
    default: throw TemplateError("the template uses the test `\(name)`, which is not supported")
    }
  }

  /// Python's slicing of lists and strings.
  static func slice(_ value: TemplateValue, _ from: Int?, _ to: Int?, _ by: Int?) throws(TemplateError) -> TemplateValue
  {
    let step = by ?? 1
    guard step != 0, step != .min else { throw TemplateError("the template slices with a step of \(step)") }
    func places(_ count: Int) -> [Int] {
      func clamp(_ index: Int, _ low: Int, _ high: Int) -> Int {
        min(max(index < 0 ? max(index, -count - 1) + count : index, low), high)
      }
      if step > 0 {
        let first = from.map { clamp($0, 0, count) } ?? 0
        let end = to.map { clamp($0, 0, count) } ?? count
        return Array(stride(from: first, to: end, by: step))
      }
      let first = from.map { clamp($0, -1, count - 1) } ?? count - 1
      let end = to.map { clamp($0, -1, count - 1) } ?? -1
      return Array(stride(from: first, to: end, by: step))
    }
    switch value {
    case .list(let values): return .list(places(values.count).map { values[$0] })
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for place in places(scalars.count) { result.append(scalars[place]) }
      return .string(String(result))
    case .undefined: return .undefined
    default: throw TemplateError("the template slices \(value.kind)")
    }
  }
}

extension TemplateValue {
  /// The value of an integer, and of nothing else.
  var exactInteger: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }
}
