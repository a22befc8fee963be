/// What to run.
package struct SandboxProgram: Sendable, Hashable {
  /// The language of `source`.
  package var language: SandboxLanguage
  /// The program, as text.
  package var source: String
  /// What the program reads from its standard input.
  package var standardInput: [UInt8]
  /// A test of the program. It runs in a sandbox of its own and calls the program's functions over a link, so that the
  /// program never sees an expected value and has no part in the verdict. See ``SandboxOutcome/passed``.
  package var test: String?
  /// Statements that run before the test, beside it (imports, constants).
  package var testSetup: String

  /// A program with its input and, for a verdict, its test.
  package init(
    language: SandboxLanguage = .python, source: String, standardInput: [UInt8] = [], test: String? = nil,
    testSetup: String = ""
  ) {
    self.language = language
    self.source = source
    self.standardInput = standardInput
    self.test = test
    self.testSetup = testSetup
  }

  /// The program followed by a bare call, as EG-CFG traces candidates (Lavon et al., section on execution traces).
  package init(language: SandboxLanguage = .python, source: String, invocation: String) {
    self.init(language: language, source: source + "\n" + invocation)
  }
}
