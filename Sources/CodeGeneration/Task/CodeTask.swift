/// A program that is wanted, and what is known of how it must behave.
package struct CodeTask: Sendable, Hashable {
  /// What the program is to do, in words.
  package var instruction: String
  /// Statements of Python that must not fail once the program has run. They guide the search and end it.
  package var tests: [String]
  /// Statements that run before each test: imports, constants.
  package var setup: String
  /// Code that the program begins with, such as a signature with its docstring; empty where there is none.
  package var opening: String
  /// The function that the tests call; nil where it is unknown.
  package var entryPoint: String?
  /// What ends the search instead of the tests that are shown, for measurements after the paper; nil for the tests.
  package var deciding: [String]?

  /// A task. Without an entry point the first test's, or the opening's last function, is taken.
  package init(
    instruction: String, tests: [String] = [], setup: String = "", opening: String = "", entryPoint: String? = nil
  ) {
    self.instruction = instruction
    self.tests = tests
    self.setup = setup
    self.opening = opening
    self.entryPoint =
      entryPoint ?? tests.lazy.compactMap { PythonText.calledFunction(in: $0) }.first
      ?? PythonText.definedFunctions(in: opening).last
  }
}
