/// Calls like a given one with one argument changed: what tells programs apart that pass the same test.
struct NearbyCalls {
  /// One of them.
  struct Call: Hashable {
    /// Which argument is another, from 0.
    var argument: Int
    var text: String
  }

  /// The most calls, and of these for one argument.
  static let most = 12
  static let mostForOne = 6

  /// Spread over the arguments; empty where none is a plain value.
  private(set) var calls: [Call] = []

  /// Calls near the given one.
  init(_ call: String) {
    guard let open = call.firstIndex(of: "("), call.hasSuffix(")") else { return }
    let head = call[...open]
    let arguments = Self.arguments(call[call.index(after: open)...].dropLast())
    let variants = arguments.map { argument -> [String] in
      guard let value = PythonLiteral(argument) else { return [] }
      let spelled = value.spelled
      return value.variants.map(\.spelled).reduce(into: []) { if $1 != spelled, !$0.contains($1) { $0.append($1) } }
    }
    for round in 0..<Self.mostForOne {
      for (index, texts) in variants.enumerated() where round < texts.count && calls.count < Self.most {
        var changed = arguments
        changed[index] = texts[round]
        calls.append(Call(argument: index, text: head + changed.joined(separator: ", ") + ")"))
      }
    }
  }

  /// What stands between the commas.
  static func arguments(_ text: some StringProtocol) -> [String] {
    var arguments: [String] = []
    var current = ""
    var depth = 0
    var quote: Character?
    var last: Character = " "
    for character in text {
      defer { last = character }
      if let open = quote {
        if character == open, last != "\\" { quote = nil }
      } else {
        switch character {
        case "\"", "'": quote = character
        case "(", "[", "{": depth += 1
        case ")", "]", "}": depth -= 1
        case "," where depth == 0:
          arguments.append(PythonText.trim(current))
          current = ""
          continue
        default: break
        }
      }
      current.append(character)
    }
    let rest = PythonText.trim(current)
    return rest.isEmpty ? arguments : arguments + [rest]
  }
}
