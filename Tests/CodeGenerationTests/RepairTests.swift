import Sandbox
import Testing

@testable import CodeGeneration

@Suite struct RepairTests {
  private func run(_ value: String?, locals: [(String, String)] = [], outcome: SandboxOutcome = .completed) -> TracedRun
  {
    var events: [ExecutionTrace.Event] = locals.map {
      .init(
        kind: .line, line: 2, depth: 2, frame: 2, function: "f", changes: [.init(name: $0.0, type: "", value: $0.1)])
    }
    if let value { events.append(.init(kind: .return, line: 3, depth: 2, frame: 2, function: "f", value: value)) }
    return TracedRun(outcome: outcome, trace: ExecutionTrace(events: events))
  }

  @Test func aMissingImportIsAdded() {
    let run = run(nil, outcome: .exception(type: "NameError", message: "name 'math' is not defined", line: 2))
    let programs = RuleRepair.mild("def f(x):\n    return math.pi", run, expected: "3", entryPoint: "f")
    #expect(programs == ["import math\ndef f(x):\n    return math.pi"])
  }

  @Test func aListBecomesTheTupleThatIsWanted() {
    let programs = RuleRepair.mild("def f(x):\n    return [x, x]", run("[1, 1]"), expected: "(1, 1)", entryPoint: "f")
    #expect(programs.first == "def f(x):\n    return tuple([x, x])")
  }

  @Test func whatAVariableHeldIsReturned() {
    let programs = RuleRepair.mild(
      "def f(x):\n    y = x + 1\n    z = [y]", run("None", locals: [("y", "3"), ("z", "[3]")]), expected: "[3]",
      entryPoint: "f")
    #expect(programs.first == "def f(x):\n    y = x + 1\n    z = [y]\n    return z")
  }

  @Test func whatWasPrintedIsReturned() {
    let programs = RuleRepair.mild("def f(x):\n    print(x + 1)", run("None"), expected: "3", entryPoint: "f")
    #expect(programs.first == "def f(x):\n    return x + 1")
  }

  @Test func aProgramThatIsRightInKindIsLeftAlone() {
    #expect(RuleRepair.mild("def f(x):\n    return x", run("5"), expected: "3", entryPoint: "f").isEmpty)
  }

  @Test func nearnessPrefersWhatIsNearer() {
    func score(_ value: String) -> Double { Nearness.score(run(value), expected: "[1, 2, 3]") }
    #expect(score("[1, 2, 3]") == 1)
    #expect(score("[1, 2]") > score("[9]"))
    #expect(score("[9]") > score("7"))
    #expect(score("7") > score("None"))
  }

  @Test func theSignalIsTheSameForTheSameRunsAndBounded() {
    let blocks = (0..<40).map {
      SignalText.Block(code: "def f(): return \($0)", invocation: "f()", trace: "result: \($0)")
    }
    let text = SignalText(blocks + blocks).text
    #expect(text == SignalText(blocks).text)
    #expect(text.count < SignalText.mostCharacters + 200)
    #expect(SignalText([]).text.isEmpty)
  }
}
