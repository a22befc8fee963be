import CodeGeneration
import Foundation

/// A file of tests.
enum TestFile {
  /// What a file says: the statements that test, and those that they need: imports, constants, functions of their own.
  static func read(_ text: String) -> (tests: [String], setup: String) {
    var tests: [String] = []
    var setup: [String] = []
    let all = statements(in: text)
    for (place, statement) in all.enumerated() {
      if let call = testCall(of: statement) {
        tests.append(statement + "\n" + call)
      } else if let name = testName(of: statement), !isNamed(name, in: all, besides: place) {
        tests.append(statement)
      } else if isSetup(statement) {
        setup.append(statement)
      } else {
        tests.append(statement)
      }
    }
    return (tests, setup.joined(separator: "\n"))
  }

  /// Statements that begin at the left margin, each with the lines that belong to it.
  static func statements(in text: String) -> [String] {
    var statements: [String] = []
    var brackets = OpenBrackets()
    let clean = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
    let lines = clean.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
    for line in lines.map(String.init) {
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      let goesOn = brackets.isOpen
      if !goesOn, trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      brackets.read(line)
      if goesOn || line.first?.isWhitespace == true || continues(trimmed, statements.last), !statements.isEmpty {
        statements[statements.count - 1] += "\n" + line
      } else {
        statements.append(trimmed)
      }
    }
    return statements
  }

  /// Whether a line at the left margin is a further part of what stands before it.
  private static func continues(_ line: String, _ before: String?) -> Bool {
    if before?.split(separator: "\n").last?.hasPrefix("@") == true { return true }
    let word = line.prefix { $0.isLetter }
    return ["else", "elif", "except", "finally"].contains(word)
  }

  /// The call that makes a function of the shape `def test…():` or `def test…(capsys):` a test, or one that pytest's `parametrize` calls with
  /// arguments; nil for anything else.
  private static func testCall(of statement: String) -> String? {
    if statement.hasPrefix("@"), statement.contains(".parametrize(") {
      return statement.firstMatch(of: #/\ndef\s+(test\w*)\s*\(/#).map { "\($0.output.1)()" }
    }
    guard let found = statement.prefixMatch(of: #/def\s+(test\w*)\s*\(\s*(capsys)?\s*\)/#)?.output else { return nil }
    return "\(found.1)(\(found.2 ?? ""))"
  }

  /// The name of a class of tests, or of a test function with fixtures, which the judge runs or refuses.
  private static func testName(of statement: String) -> Substring? {
    statement.firstMatch(of: #/(?:^|\n)class\s+(Test\w*)/#)?.output.1
      ?? statement.firstMatch(of: #/(?:^|\n)class\s+(\w+)\s*\([^)\n]*TestCase/#)?.output.1
      ?? statement.firstMatch(of: #/(?:^|\n)(?:async\s+)?def\s+(test_\w*)/#)?.output.1
  }

  private static func isNamed(_ name: Substring, in statements: [String], besides place: Int) -> Bool {
    statements.enumerated().contains { $0.offset != place && $0.element.contains(name) }
  }

  private static func isSetup(_ statement: String) -> Bool {
    if ["import ", "from ", "def ", "async def ", "class ", "@"].contains(where: { statement.hasPrefix($0) }) {
      return true
    }
    return statement.prefixMatch(of: #/[\w\s,.]+(:[^=\n]+)?=[^=]/#) != nil
  }
}
