import ModelInterface
import Testing

@testable import CodeGeneration

/// Whole programs that are drawn along the tree of those before them.
@Suite struct SampleTests {
  private static let task = CodeTask(instruction: "Write f that adds.", tests: ["assert f(2, 4) == 6"])
  private static let wrong = ["a - b", "a * b", "b - a", "b * b"].map {
    ToyModel.Script(text: "def f(a, b):\n    return \($0)\n```", plain: 6, traced: 6)
  }

  private func search(
    _ model: ToyModel, _ runner: ToyRunner = ToyRunner(values: []), task: CodeTask = SampleTests.task,
    _ change: (inout CodeSettings) -> Void
  ) async throws -> (result: CodeResult, candidates: [Candidate]) {
    var settings = CodeSettings()
    settings.extensions.signs = false
    settings.extensions.repairs = false
    settings.extensions.lastResort = false
    settings.wavesPerRound = .max
    change(&settings)
    let bench = try await Workbench(model, sequences: settings.sequences, context: RequestContext(requestID: "test"))
    var candidates: [Candidate] = []
    let result = try await CodeSearch(task, settings: settings, bench: bench, runner: runner, clock: { 0 }) { event in
      if case .candidate(let candidate) = event { candidates.append(candidate) }
    }.run()
    #expect(bench.freeSequences >= settings.sequences - settings.styles.count)
    return (result, candidates)
  }

  @Test func theyAreThoseThatBestOfNDraws() async throws {
    let more = ["a // b", "a % b", "b % a"].enumerated().map {
      ToyModel.Script(text: "def f(a, b):\n    return \($1)\n```", plain: 5 - Float($0), traced: 5)
    }
    let model = ToyModel(Self.wrong + more)
    let (_, candidates) = try await search(model) {
      $0.budgetTokens = 600
      $0.programTokens = 60
      $0.wavesPerRound = 2
      $0.attempts = 1
    }
    let found = candidates.filter { $0.attempt == nil && $0.isWhole }.map(\.written)
    var settings = CodeSettings()
    settings.programTokens = 60
    let bench = try await Workbench(model, sequences: 20, context: RequestContext(requestID: "test"))
    let prompt = bench.tokens(of: try CodePrompt(.fewShot, Self.task, model: model))
    let base = try await bench.base(.fewShot, prompt)
    var drawn: [String] = []
    for index in 0..<24 {
      let strand = Strand(
        sequence: try await bench.fork(base),
        manner: index == 0 ? .greedy : .drawn(temperature: settings.firstTemperature),
        draft: CodeDraft(opening: "", entryPoint: "f"), feed: Array(prompt.suffix(1)), mostTokens: 60,
        random: BestOfN.random(seed: settings.seed, sample: index))
      try await bench.write([strand], allowance: .max)
      try await bench.giveBack(strand.sequence)
      if strand.draft.ending != .tokens, !drawn.contains(strand.draft.code) { drawn.append(strand.draft.code) }
    }
    #expect(!found.isEmpty)
    #expect(Array(drawn.prefix(found.count)) == Array(found.prefix(drawn.count)))
  }

  @Test func whatTheyHaveInCommonIsGeneratedOnce() async throws {
    let (result, candidates) = try await search(ToyModel(Self.wrong)) {
      $0.budgetTokens = 150
      $0.wavesPerRound = 4
    }
    #expect(candidates.count { $0.attempt == nil } == 4)
    // A token is a byte, and four programs differ in the last ones alone; the same tokens again and again would not do.
    #expect(result.generatedTokens <= 150)
    let whole = Set(
      candidates.filter { $0.attempt == nil }.flatMap { candidate in
        let tokens = candidate.draft?.tokens ?? []
        return tokens.indices.map { Array(tokens[...$0]) }
      })
    #expect(whole.count < 60)
  }

  @Test func theFunctionGetsTheNameThatTheTestsCall() async throws {
    let model = ToyModel([
      .init(text: "def add(a, b):\n    return a + b\n```", plain: 9, traced: 9),
      .init(text: "def f(a, b):\n    return a + b\n```", plain: 1, traced: 1),
    ])
    let runner = ToyRunner(values: [("def f(a, b):\n    return a + b", "6")])
    let (without, _) = try await search(model, runner) { $0.budgetTokens = 33 }
    #expect(!without.passes)
    let (with, _) = try await search(model, runner) {
      $0.budgetTokens = 33
      $0.extensions.signs = true
    }
    #expect(with.passes)
    #expect(with.candidate?.origin == .greedy)
  }

  @Test func aProgramThatReturnsTheSameForEverythingIsDoubted() async throws {
    let model = ToyModel([
      .init(text: "def f(a, b):\n    return 6\n```", plain: 6, traced: 6),
      .init(text: "def f(a, b):\n    return a + b\n```", plain: 5, traced: 5),
    ])
    let runner = ToyRunner(values: [("a + b", "6"), ("return 6", "6")], constantMarker: "return 6")
    let (result, _) = try await search(model, runner) { $0.budgetTokens = 400 }
    #expect(result.passes)
    #expect(result.program.contains("a + b"))
    let (quick, _) = try await search(model, runner) {
      $0.budgetTokens = 400
      $0.extensions.doubts = false
      $0.extensions.agrees = false
    }
    #expect(quick.program.contains("return 6"))
    #expect(quick.generatedTokens < result.generatedTokens + 1)
  }

  @Test func whereTestsAreManyNothingIsDoubted() async throws {
    let task = CodeTask(
      instruction: "Write f.", tests: ["assert f(2, 4) == 6", "assert f(2, 4) == 6", "assert f(2, 4) == 6"])
    let runner = ToyRunner(values: [("return 6", "6")], constantMarker: "return 6")
    let model = ToyModel([.init(text: "def f(a, b):\n    return 6\n```", plain: 6, traced: 6)])
    let (result, _) = try await search(model, runner, task: task) { $0.budgetTokens = 4_000 }
    #expect(result.passes)
    #expect(result.generatedTokens < 200)
  }

  @Test func drawsAlongTheTreeAreThoseOfTheWholeDistribution() {
    var random = SplitMix(seed: 5)
    let logits = (0..<300).map { _ in Float(random.uniform()) * 8 }
    let likeliest = TokenRule.likeliest(logits, Strand.topK)
    for step in 0..<200 {
      let uniform = Double(step) / 200
      let rule = TokenRule.drawn(temperature: 0.8, topP: Strand.topP, topK: Strand.topK, uniform: uniform)
      let drawn = likeliest.drawn(temperature: 0.8, topP: Strand.topP, uniform: uniform)
      #expect(drawn?.token == rule.choice(from: logits)?.token)
    }
  }
}
