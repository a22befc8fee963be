/// Tests that a description gives away: interpreter sessions and equations among its words.
package enum DocstringTests {
  /// The most tests that are taken from one description.
  static let most = 8

  /// Assertions for a function, in the order in which the description states them.
  ///
  /// Recognised are `>>> f(1)` with the value in the next line, and lines with `f(1) == 2`, `f(1) => 2`, `f(1) -> 2`,
  /// `f(1) ➞ 2` or `f(1) returns 2`.
  package static func find(in text: String, function: String) -> [String] {
    var tests: [String] = []
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { PythonText.trim(String($0)) }
    for (index, line) in lines.enumerated() where tests.count < most {
      if line.hasPrefix(">>>") {
        let call = PythonText.trim(String(line.dropFirst(3)))
        guard call.hasPrefix(function + "("), index + 1 < lines.count else { continue }
        let value = lines[index + 1]
        guard !value.isEmpty, !value.hasPrefix(">>>"), isLiteral(value) else { continue }
        tests.append("assert \(call) == \(value)")
      } else if let test = equation(in: line, function: function) {
        tests.append(test)
      }
    }
    return tests.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The function that a description's examples call; nil where there are none.
  package static func function(in text: String) -> String? {
    for line in text.split(separator: "\n") {
      let words = PythonText.trim(String(line))
      let example = words.hasPrefix(">>>") ? PythonText.trim(String(words.dropFirst(3))) : words
      guard let name = PythonText.calledFunction(in: example), !PythonText.commonCalls.contains(name) else { continue }
      if words.hasPrefix(">>>") || equation(in: example, function: name) != nil { return name }
    }
    return nil
  }

  private static func equation(in line: String, function: String) -> String? {
    guard let start = line.firstRange(of: function + "(") else { return nil }
    let rest = line[start.lowerBound...]
    guard let end = closing(of: rest) else { return nil }
    let call = String(rest[...end])
    var after = PythonText.trim(String(rest[rest.index(after: end)...]))
    guard let mark = ["==", "=>", "->", "➞", "→", "returns", "should return", "=", "#=>"].first(where: after.hasPrefix)
    else { return nil }
    after = PythonText.trim(String(after.dropFirst(mark.count)))
    if let comment = after.firstRange(of: " #") { after = PythonText.trim(String(after[..<comment.lowerBound])) }
    if let quote = after.last, quote == "." || quote == "`" || quote == ";" { after.removeLast() }
    guard isLiteral(after) else { return nil }
    return "assert \(call) == \(after)"
  }

  private static func closing(of text: Substring) -> Substring.Index? {
    var depth = 0
    var quote: Character?
    for index in text.indices {
      let character = text[index]
      if let open = quote {
        if character == open { quote = nil }
        continue
      }
      switch character {
      case "\"", "'": quote = character
      case "(", "[", "{": depth += 1
      case ")", "]", "}":
        depth -= 1
        if depth == 0 { return index }
      default: break
      }
    }
    return nil
  }

  /// Whether the text can only be a value: no names but Python's constants.
  static func isLiteral(_ text: String) -> Bool {
    guard !text.isEmpty, text.utf8.count <= 400 else { return false }
    var depth = 0
    var quote: Character?
    var word = ""
    for character in text + " " {
      if let open = quote {
        if character == open { quote = nil }
        continue
      }
      if character.isLetter || character == "_" {
        word.append(character)
        continue
      }
      if !word.isEmpty {
        guard ["True", "False", "None", "e", "E", "j", "set"].contains(word) else { return false }
        word = ""
      }
      switch character {
      case "\"", "'": quote = character
      case "(", "[", "{": depth += 1
      case ")", "]", "}": depth -= 1
      case " ", ",", ".", "-", "+", ":", "0"..."9": break
      default: return false
      }
      if depth < 0 { return false }
    }
    return depth == 0 && quote == nil
  }
}
