import ModelInterface
import Testing

@testable import CodeGeneration

/// What prompts with traces have in common is read once.
@Suite struct SharingTests {
  private static let task = CodeTask(instruction: "Write f that adds.", tests: ["assert f(2, 4) == 6"])

  @Test(arguments: [1, 3]) func tracesThatAnotherAttemptHasReadAreNotReadAgain(_ attempts: Int) async throws {
    let model = ToyModel([.init(text: "def f(a, b):\n    c = a - b\n    return c\n```", plain: 9, traced: 9)])
    var settings = CodeSettings()
    settings.extensions.resamples = false
    settings.extensions.repairs = false
    settings.extensions.signs = false
    settings.gammas = [1]
    settings.styles = [.fewShot]
    settings.attempts = attempts
    settings.budgetTokens = 4_000
    let bench = try await Workbench(model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    var signals: [String] = []
    var begun = 0
    let search = CodeSearch(
      Self.task, settings: settings, bench: bench, runner: ToyRunner(values: [("a - b", "-2")]), clock: { 0 }
    ) { event in
      switch event {
      case .attempt: begun += 1
      case .signal(_, let text, _): signals.append(text)
      default: break
      }
    }
    _ = try await search.run()
    #expect(begun >= 6)
    #expect(signals.count >= begun - attempts)
    // Both prompts take in each token; each text is read once, with what follows it; and a little is left for each line.
    let texts = Set(signals).reduce(0) { $0 + $1.utf8.count + 200 }
    #expect(search.guided.rows <= 2 * search.guided.tokens + texts + 16 * begun)
    await bench.close()
  }

  @Test func blocksLeaveOutWhatTheFirstOneSays() {
    let text = SignalText([
      .init(code: "def f(a):  # a = 1\n    b = a\n    return b", invocation: "f(1)", trace: "result: 1"),
      .init(code: "def f(a):  # a = 1\n    b = a\n    return a + b", invocation: "f(1)", trace: "result: 2"),
      .init(code: "def f(a):  # a = 2\n    b = a\n    return a + b", invocation: "f(2)", trace: "result: 4"),
    ]).text
    #expect(text.ranges(of: "def f(a):  # a = 1").count == 1)
    #expect(text.contains("\n    return a + b\n# result: 2\n"))
    #expect(text.contains("def f(a):  # a = 2\n    b = a\n    return a + b\n# f(2): result: 4\n"))
  }

  @Test(arguments: [
    ("def f(a):\n    pass", true), ("import math\ndef f(a):\n    pass", true), ("def f(a):\n    return a", false),
    ("def f(a):\n    for b in a:\n        pass", false),
  ]) func aFunctionThatDoesNothingIsKnown(_ source: String, _ isEmpty: Bool) {
    #expect(PythonText.isEmptyFunction(source) == isEmpty)
  }
}
