import ModelInterface
import Sandbox
import Testing

@testable import CodeGeneration

@Suite struct SearchTests {
  private static let task = CodeTask(instruction: "Write f that adds.", tests: ["assert f(2, 4) == 6"])
  private static let wrong = "def f(a, b):\n    return a - b\n```"
  private static let right = "def f(a, b):\n    return a + b\n```"
  private static let runner = ToyRunner(values: [("a + b", "6"), ("a - b", "-2"), ("a * b", "8")])

  private func search(
    _ model: ToyModel, _ change: (inout CodeSettings) -> Void = { _ in }, task: CodeTask = SearchTests.task,
    runner: ToyRunner = SearchTests.runner, report: @escaping (CodeEvent) async -> Void = { _ in }
  ) async throws -> CodeResult {
    var settings = CodeSettings()
    change(&settings)
    let bench = try await Workbench(
      model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    let free = bench.freeSequences
    let result = try await CodeSearch(
      task, settings: settings, bench: bench, runner: runner, clock: { 0 }, report: report
    ).run()
    // All but those that hold the prompts.
    #expect(bench.freeSequences >= free - settings.styles.count)
    return result
  }

  @Test func aProgramThatPassesInTheFirstWaveEndsTheSearch() async throws {
    let result = try await search(ToyModel([.init(text: Self.right, plain: 5, traced: 5)]))
    #expect(result.passes)
    #expect(result.ending == .passed)
    #expect(result.program.contains("a + b"))
    #expect(result.attempts == 0)
  }

  @Test func guidanceFindsWhatThePlainPromptNeverSays() async throws {
    let model = ToyModel([
      .init(text: Self.wrong, plain: 15, traced: 0), .init(text: Self.right, plain: -4, traced: 15),
    ])
    let result = try await search(model) {
      $0.extensions = .none
      $0.gammas = [1]
      $0.budgetTokens = 4_000
    }
    #expect(result.passes)
    #expect(result.candidate?.origin == .guided)
  }

  @Test func withoutGuidanceItIsNotFound() async throws {
    let model = ToyModel([
      .init(text: Self.wrong, plain: 15, traced: 0), .init(text: Self.right, plain: -4, traced: 15),
    ])
    let result = try await search(model) {
      $0.extensions = .none
      $0.gammas = [0]
      $0.budgetTokens = 1_000
    }
    #expect(!result.passes)
    #expect(result.ending == .tokens)
  }

  @Test(arguments: [17, 100, 333, 1_000]) func theBudgetIsKeptToTheToken(_ budget: Int) async throws {
    let model = ToyModel([.init(text: Self.wrong, plain: 5, traced: 5)], noise: 6)
    let result = try await search(model) { $0.budgetTokens = budget }
    #expect(result.generatedTokens == budget)
    #expect(result.ending == .tokens)
    #expect(!result.passes)
  }

  @Test(arguments: [3.0, 40, 200]) func theSecondsAreKeptToTheStep(_ seconds: Double) async throws {
    // Each look at the clock takes a second.
    let model = ToyModel([.init(text: Self.wrong, plain: 5, traced: 5)], noise: 6)
    var settings = CodeSettings()
    settings.budgetSeconds = seconds
    settings.budgetTokens = 100_000
    let bench = try await Workbench(model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    let free = bench.freeSequences
    var now = 0.0
    let result = try await CodeSearch(
      Self.task, settings: settings, bench: bench, runner: Self.runner,
      clock: {
        now += 1
        return now
      }
    ).run()
    #expect(result.ending == .seconds)
    #expect(!result.passes)
    // Ending takes some looks, too: assessing what there is, closing attempts, telling of it.
    #expect(now < seconds + 25)
    #expect(bench.freeSequences >= free - settings.styles.count)
  }

  @Test func aSearchThatIsHurriedEndsWithWhatItHasFound() async throws {
    let model = ToyModel([.init(text: Self.wrong, plain: 5, traced: 5)], noise: 6)
    var settings = CodeSettings()
    settings.budgetSeconds = 1_000
    settings.budgetTokens = 100_000
    let bench = try await Workbench(model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    var now = 0.0
    let result = try await CodeSearch(
      Self.task, settings: settings, bench: bench, runner: Self.runner, isHurried: { now > 40 },
      clock: {
        now += 1
        return now
      }
    ).run()
    #expect(result.ending == .seconds)
    #expect(!result.program.isEmpty)
    #expect(now < 65)
    #expect(result.seconds <= now, "time that has not passed is not told")
  }

  @Test func aCallThatNeedsNamesOfItsTestDoesNotSpeakAgainstAProgram() async throws {
    let runner = ToyRunner(values: [("a + b", "6")], unknownNames: true)
    let result = try await search(ToyModel([.init(text: Self.right, plain: 5, traced: 5)]), runner: runner)
    #expect(result.passes)
  }

  @Test func theSameSeedGivesTheSameSearch() async throws {
    let model = ToyModel([.init(text: Self.wrong, plain: 3, traced: 3)], noise: 8)
    var runs: [[CodeEvent]] = []
    for _ in 0..<2 {
      var events: [CodeEvent] = []
      _ = try await search(model, { $0.budgetTokens = 1_500 }) { events.append($0) }
      runs.append(events)
    }
    #expect(runs[0] == runs[1])
  }

  @Test func guidedTokensAreThoseOfThePlainImplementation() async throws {
    for gamma in [Float(0.5), 1, 3] { try await compareWithNaive(ToyModel(noise: 12), gamma, atLeast: 21) }
  }

  @Test func linesThatCandidatesForesawAreThoseOfThePlainImplementation() async throws {
    // The model goes on as its candidates do, or as none of them does, with noise in between.
    let scripts = ["a - b", "a * b", "b - a"].map {
      ToyModel.Script(text: "def f(a, b):\n    c = \($0)\n    return c\n```", plain: 11, traced: 11)
    }
    for gamma in [Float(0.5), 1, 3] { try await compareWithNaive(ToyModel(scripts, noise: 7), gamma, atLeast: 21) }
  }

  /// Runs a search and has the naive implementation write each guided line anew.
  private func compareWithNaive(_ model: ToyModel, _ gamma: Float, atLeast least: Int) async throws {
    // What the search decides: traces, and the tokens under each of them.
    var signal = ""
    var code = ""
    var strength: Float = 0
    var lines: [(signal: String, before: String, text: String, gamma: Float)] = []
    _ = try await search(
      model,
      {
        $0.extensions = .none
        $0.gammas = [gamma]
        $0.styles = [.fewShot]
        $0.attempts = 1
        $0.candidates = 2
        $0.programTokens = 60
        $0.budgetTokens = 900
      }
    ) { event in
      switch event {
      case .attempt(_, _, let beginning, _):
        code = beginning
        signal = ""
      case .signal(_, let text, let value):
        signal = text
        strength = Float(value)
      case .token(_, let text, _, _):
        if lines.last?.signal == signal, let last = lines.last, last.before + last.text == code {
          lines[lines.count - 1].text += text
        } else {
          lines.append((signal, code, text, strength))
        }
        code += text
      default: break
      }
    }
    let session = try await model.openSession(sequences: 2, context: RequestContext(requestID: "oracle"))
    let prompt = try CodePrompt(.fewShot, Self.task, model: model)
    let bench = try await Workbench(model, sequences: 4, context: RequestContext(requestID: "oracle"))
    var compared = 0
    for line in lines where !line.signal.isEmpty {
      let before = model.tokenize(line.before, addsSpecial: false, parsesSpecial: false)
      let wanted = model.tokenize(line.text, addsSpecial: false, parsesSpecial: false)
      let tokens = try await NaiveGuidance(session).tokens(
        after: bench.tokens(of: prompt) + before, conditional: bench.tokens(of: prompt, signal: line.signal) + before,
        gamma: line.gamma, count: wanted.count)
      #expect(tokens == wanted)
      compared += wanted.count
    }
    #expect(compared >= least)
  }

  @Test func testsAreFoundInTheDescription() async throws {
    let task = CodeTask(
      instruction: "Add two numbers.\n>>> f(2, 4)\n6", opening: "", entryPoint: "f")
    let result = try await search(ToyModel([.init(text: Self.right, plain: 5, traced: 5)]), task: task)
    #expect(result.testsAreDerived)
    #expect(result.tests == ["assert f(2, 4) == 6"])
    #expect(result.passes)
  }

  @Test func withoutTestsTheLikeliestProgramIsReturnedUntested() async throws {
    let task = CodeTask(instruction: "Add two numbers.", entryPoint: "f")
    let result = try await search(ToyModel([.init(text: Self.right, plain: 5, traced: 5)]), task: task)
    #expect(result.ending == .untested)
    #expect(!result.passes)
    #expect(result.program.contains("a + b"))
  }

  @Test func eachCandidateKeepsItsOwnHorizon() async throws {
    let long = "def f(a, b):\n" + (1...20).map { "    x\($0) = \($0)\n" }.joined() + "    return 1\n```"
    var most = 0
    _ = try await search(
      ToyModel([.init(text: long, plain: 5, traced: 5)]),
      {
        $0.horizons = [2]
        $0.extensions.repairs = false
        $0.guidedLines = 3
        $0.budgetTokens = 3_000
      }, runner: ToyRunner(values: [])
    ) { event in
      guard case .candidate(let candidate) = event, candidate.attempt != nil, candidate.origin == .sample else {
        return
      }
      most = max(most, candidate.written.split(separator: "\n").count)
    }
    // Three guided lines at most, and two that look ahead.
    #expect((1...6).contains(most))
  }

  @Test(.timeLimit(.minutes(1))) func aSearchThatIsCancelledStops() async throws {
    let model = ToyModel([.init(text: Self.wrong, plain: 5, traced: 5)], noise: 4)
    let search = Task { try await self.search(model) { $0.budgetTokens = 10_000_000 } }
    while model.rows < 50 {
      try Task.checkCancellation()
      await Task.yield()
    }
    search.cancel()
    await #expect(throws: (any Error).self) { try await search.value }
  }

  @Test func bestOfNCountsAsIfSamplesWereWrittenOneAfterTheOther() async throws {
    let model = ToyModel([.init(text: Self.right, plain: 5, traced: 5)])
    let settings = CodeSettings()
    let bench = try await Workbench(model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    let result = try await BestOfN.run(
      Self.task, settings: settings, bench: bench, runner: Self.runner, clock: { 0 })
    #expect(result.passes)
    // The first sample passes: the fence ends it.
    #expect(result.generatedTokens == Self.right.utf8.count)
  }
}
