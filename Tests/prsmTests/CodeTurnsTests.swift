import CodeGeneration
import ModelInterface
import Testing

@testable import prsm

@Suite(.timeLimit(.minutes(1))) struct CodeTurnsTests {
  @Test func tenantsTakeTurnsAndTheQueueIsBounded() async throws {
    let turns = CodeTurns(places: 1, waiting: 3)
    let first = try await turns.take(tenant: "a") { _ in }
    let order = Order()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, tenant) in ["a", "a", "b"].enumerated() {
        group.addTask {
          let turn = try await turns.take(tenant: tenant) { _ in }
          await order.add(tenant)
          await turns.giveBack(turn)
        }
        while await turns.load.waiting <= index {
          try Task.checkCancellation()
          await Task.yield()
        }
      }
      let refusal = await #expect(throws: GenerationError.self) { try await turns.take(tenant: "c") { _ in } }
      if case .overloaded = refusal?.kind {} else { Issue.record("\(String(describing: refusal))") }
      await turns.giveBack(first)
      try await group.waitForAll()
    }
    // The tenant that has not been served comes before the one that has.
    #expect(await order.names == ["b", "a", "a"])
    #expect(await Self.load(turns) == [0, 0])
  }

  private static func load(_ turns: CodeTurns) async -> [Int] {
    let load = await turns.load
    return [load.running, load.waiting]
  }

  @Test func whoeverStopsWaitingLeavesTheQueue() async throws {
    let turns = CodeTurns(places: 1, waiting: 3)
    let turn = try await turns.take(tenant: "a") { _ in }
    let waiting = Task { try await turns.take(tenant: "b") { _ in } }
    while await turns.load.waiting == 0 {
      try Task.checkCancellation()
      await Task.yield()
    }
    waiting.cancel()
    await #expect(throws: (any Error).self) { try await waiting.value }
    #expect(await Self.load(turns) == [1, 0])
    await turns.giveBack(turn)
    #expect(await Self.load(turns) == [0, 0])
  }

  @Test func nobodyWaitsBeyondTheDeadline() async throws {
    let turns = CodeTurns(places: 1, waiting: 3, patience: .milliseconds(40))
    let turn = try await turns.take(tenant: "a") { _ in }
    let deadlines: [ContinuousClock.Instant?] = [nil, ContinuousClock.now, ContinuousClock.now + .seconds(3_600)]
    for deadline in deadlines {
      let refusal = await #expect(throws: GenerationError.self) {
        try await turns.take(tenant: "b", deadline: deadline) { _ in }
      }
      #expect(refusal?.kind == .timedOut)
    }
    #expect(await Self.load(turns) == [1, 0])
    await turns.giveBack(turn)
    #expect(await Self.load(turns) == [0, 0])
  }

  private actor Order {
    private(set) var names: [String] = []

    func add(_ name: String) {
      names.append(name)
    }
  }
}

@Suite struct CodeInputTests {
  @Test func testsStandAmongTheWordsOfAPrompt() {
    let task = PromptTask.read("Write a doubling function.\nassert double(2) == 4\n  assert double(0) == 0\n")
    #expect(task.instruction == "Write a doubling function.")
    #expect(task.tests == ["assert double(2) == 4", "assert double(0) == 0"])
    #expect(task.entryPoint == "double")
  }

  @Test func testsOfAPromptMayStandInListsQuotesAndSeveralLines() {
    let task = PromptTask.read(
      "Double a number.\n- `assert double(2) == 4`\n2. assert double([1,\n  2]) == [2, 4]\n```python\nassert double('(') == '(('\n```\n"
        + "assert that it is fast\nassert double(0 == 0\nThanks", besides: ["assert that it is fast"])
    #expect(
      task.tests == ["assert double(2) == 4", "assert double([1,\n  2]) == [2, 4]", "assert double('(') == '(('"])
    #expect(task.instruction.hasSuffix("assert that it is fast\nassert double(0 == 0\nThanks"))
  }

  @Test func aTestFileMayHaveImportsConstantsAndFunctions() {
    let text = """
      \u{FEFF}import math
      from collections import (
        Counter)
      LIMIT = [1,

        2]
      def near(a, b):
          return abs(a - b) < 1

      assert f('(') == 1  # (
      assert f(\"\"\"a
      # no comment

      b\"\"\") == LIMIT
      assert f(1) \\
        == 2
      try:
          f(-1)
      except ValueError:
          pass
      else:
          assert False

      def test_more():
          assert near(f(2), 2)
      def check(candidate):
          assert candidate(3) == 3
      check(f)
      """
    let file = TestFile.read(text)
    #expect(file.tests.count == 6)
    #expect(file.tests[1] == "assert f(\"\"\"a\n# no comment\n\nb\"\"\") == LIMIT")
    #expect(file.tests[3].hasSuffix("else:\n    assert False"))
    #expect(file.tests[4].hasSuffix("\ntest_more()"))
    #expect(file.tests[5] == "check(f)")
    #expect(file.setup.hasPrefix("import math\nfrom collections import (\n  Counter)\nLIMIT = [1,\n\n  2]\ndef near"))
    #expect(TestFile.read("assert f(1) == 1\r\nassert f(2) == 2\r\n").tests.count == 2)
  }

  @Test func aTestThatPytestCallsWithArgumentsIsATest() {
    let text = """
      import pytest
      @pytest.mark.parametrize("a, b", [(1, 2)])
      def test_double(a, b):
          assert double(a) == b
      def test_print(capsys):
          greet()
      @functools.cache
      def helper(): return 1
      """
    let file = TestFile.read(text)
    #expect(file.tests.count == 2)
    #expect(file.tests.last?.hasSuffix("\ntest_print(capsys)") == true)
    #expect(file.tests.first?.hasSuffix("assert double(a) == b\ntest_double()") == true)
    #expect(file.setup.hasSuffix("def helper(): return 1"))
  }

  @Test func aTestFileIsReadByStatements() {
    let text =
      "# tests\nassert f(1,\n  2) == 3\n\nfor x in range(2):\n    assert f(x, x) == 2 * x\nassert f(0, 0) == 0\n"
    #expect(TestFile.statements(in: text).count == 3)
    #expect(TestFile.statements(in: text)[1] == "for x in range(2):\n    assert f(x, x) == 2 * x")
  }

  @Test func aRequestIsWhatItsJSONSays() throws {
    var request = CodeRequest(task: .init(instruction: "Do it", tests: ["assert f(1) == 2"]))
    request.settings.budgetTokens = 77
    request.settings.extensions.agrees = false
    let read = try CodeRequest.read(request.json)
    #expect(read.request.task == request.task)
    #expect(read.request.settings == request.settings)
    #expect(!read.isStreamed)
  }

  @Test func theBootstrapIsPairedAndRepeatable() {
    let gains = [Double](repeating: 1, count: 20) + [Double](repeating: 0, count: 80)
    let interval = PairedBootstrap.interval(gains)
    #expect(interval.map { abs($0.median - 0.2) < 0.02 && $0.low > 0.1 && $0.high < 0.3 } == true)
    #expect(PairedBootstrap.interval(gains)?.low == interval?.low)
  }
}
