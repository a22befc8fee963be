/// What the tests' calls say about the function that is wanted: its name, and how many arguments it is given. The published
/// algorithm, too, has the model go on behind `def NAME(` (EG-CFG, section 5).
struct Signature: Sendable, Hashable {
  let name: String
  /// The numbers of arguments that it must take; empty where that is not known.
  let counts: Set<Int>

  /// Read off calls such as `f([1, 2], 3)`; nil where they call no function of this name.
  init?(_ name: String?, calls: [String]) {
    guard let name, calls.contains(where: { $0.hasPrefix(name + "(") }) else { return nil }
    self.name = name
    var counts: Set<Int> = []
    for call in calls where call.hasPrefix(name + "(") && call.hasSuffix(")") {
      let arguments = NearbyCalls.arguments(call.dropFirst(name.count + 1).dropLast())
      let isPlain = arguments.allSatisfy { argument in
        !argument.hasPrefix("*") && argument.firstIndex(of: "=").map { PythonText.isName(argument[..<$0]) } != true
      }
      if isPlain { counts.insert(arguments.count) }
    }
    self.counts = counts
  }

  /// Whether a line at the left margin may still become, or stay, the function's first line. Lines that define no function
  /// may be anything.
  ///
  /// - Parameter line: its beginning, or all of it.
  func allows(_ line: some StringProtocol) -> Bool {
    let text = String(line.prefix { $0 != "\n" })
    guard text.hasPrefix("def ") else { return true }
    let wanted = "def " + name + "("
    guard text.hasPrefix(wanted) else { return wanted.hasPrefix(text) }
    guard let most = counts.max(), let least = counts.min() else { return true }
    var depth = 0
    var parameters: [Substring] = []
    let rest = text.dropFirst(wanted.count)
    var start = rest.startIndex
    for index in rest.indices {
      switch rest[index] {
      case "(", "[", "{": depth += 1
      case "]", "}": depth -= 1
      case ")" where depth > 0: depth -= 1
      case ",", ")":
        guard depth == 0 else { continue }
        let parameter = PythonText.trim(String(rest[start..<index]))
        if !parameter.isEmpty { parameters.append(Substring(parameter)) }
        start = rest.index(after: index)
        if rest[index] == ")" {
          if parameters.contains(where: { $0.hasPrefix("*") }) { return true }
          let required = parameters.count { !$0.contains("=") }
          return required <= least && parameters.count >= most
        }
        // Another one would be too many.
        if parameters.count >= most, !parameters.contains(where: { $0.hasPrefix("*") }) { return false }
      default: break
      }
    }
    return true
  }

  /// What the function's first line must begin with.
  var opening: String { "def " + name + "(" }
}
