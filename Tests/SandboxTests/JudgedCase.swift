@testable import Sandbox

/// A program and a test of it.
struct JudgedCase: Sendable, CustomStringConvertible {
  var program = ""
  var test = ""

  var description: String { program + "\n# test\n" + test }

  /// Reads cases from text: each is a line `# program` with the program under it, then a line `# test` with the test. With
  /// `# program after NAME` the program begins with one of those given.
  static func read(_ text: String, after shared: [String: String] = [:]) -> [JudgedCase] {
    var cases: [JudgedCase] = []
    var isTest = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("# program") {
        cases.append(JudgedCase(program: shared[String(line.split(separator: " ").last ?? "")].map { $0 + "\n" } ?? ""))
        isTest = false
      } else if line == "# test" {
        isTest = true
      } else if isTest {
        cases[cases.count - 1].test += line + "\n"
      } else {
        cases[cases.count - 1].program += line + "\n"
      }
    }
    return cases
  }

  /// What the sandbox says of it.
  func outcome() async throws -> SandboxOutcome {
    try await TestSandbox.shared().run(SandboxProgram(source: program, test: test)).outcome
  }
}
