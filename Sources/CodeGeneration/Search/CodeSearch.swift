import ModelInterface
import Sandbox

/// EG-CFG: writes programs line by line, runs what might follow, and lets that guide the next line, until the given tests
/// pass or the budget is used up.
///
/// The first wave writes out whole programs without guidance. Then several attempts are written side by side, each with a
/// strength of guidance, a temperature, a horizon and a prompt style that have served well so far; some begin at the root,
/// others take up the failing programs that came nearest, where these went wrong. Every program on the way is run, and the
/// first that passes ends the search.
package final class CodeSearch {
  let bench: Workbench
  let settings: CodeSettings
  let task: CodeTask
  private let runner: any CodeRunner
  let clock: () -> Double
  private let isHurried: () -> Bool
  private let report: (CodeEvent) async -> Void
  private let began: Double
  private let readBefore: Int
  private let generatedBefore: Int
  private(set) var executionSeconds = 0.0
  /// What was written under guidance, and what it took: reading the traces and choosing, without candidates and executions.
  package var guided = GuidedCost()
  var prompts: [PromptStyle: (prompt: CodePrompt, tokens: [TokenID])] = [:]
  var random: SplitMix
  /// Whole programs from the root, with what the model said on the way; the sequence that holds the likeliest one; how many
  /// were drawn; and how many waves in a row brought nothing new.
  var tree = ProgramTree()
  var trunk: (sequence: SequenceID, tokens: [TokenID])?
  var samplesDrawn = 0
  var idleWaves = 0
  private var wavesSinceRound = 0
  /// The tokens that were generated when a program first passed.
  private var passedAt: Int?
  /// What the tests' calls say of the function; nil where that is not to be looked at.
  private(set) var signature: Signature?
  /// What programs that pass do on other inputs, by their number.
  var standings: [Int: Standing] = [:]
  var strandCount: UInt64 = 0
  var attemptCount = 0
  var gammas: Preference<Float>
  var temperatures: Preference<Float>
  var horizons: Preference<Int>
  var styles: Preference<PromptStyle>
  var visits: [Int: Int] = [:]
  /// The candidates that the last attempt of each style showed first, in their order; and what attempts have written.
  var shownFirst: [PromptStyle: [Int]] = [:]
  var guidedDrafts: [CodeDraft] = []

  /// A search.
  ///
  /// - Parameters:
  ///   - isHurried: whether it is to end with what it has found, as if its time were over.
  ///   - clock: seconds since some instant.
  ///   - report: is told what happens, in order.
  package init(
    _ task: CodeTask, settings: CodeSettings, bench: Workbench, runner: any CodeRunner,
    isHurried: @escaping () -> Bool = { false }, clock: @escaping () -> Double,
    report: @escaping (CodeEvent) async -> Void = { _ in }
  ) {
    self.task = task
    self.settings = settings
    self.bench = bench
    self.runner = runner
    self.clock = clock
    self.isHurried = isHurried
    self.report = report
    began = clock()
    readBefore = bench.read
    generatedBefore = bench.generated
    random = SplitMix(seed: settings.seed)
    gammas = Preference(settings.gammas)
    temperatures = Preference(settings.temperatures)
    horizons = Preference(settings.horizons)
    styles = Preference(settings.styles)
  }

  /// Searches.
  ///
  /// - Throws: ``GenerationError``, `SandboxError`, or `CancellationError`; the bench has then to be closed.
  package func run() async throws -> CodeResult {
    bench.isLate = { [clock, isHurried, began, settings] in
      isHurried() || clock() - began >= settings.budgetSeconds
    }
    defer { bench.isLate = { false } }
    var tests = task.tests
    var isDerived = false
    if tests.isEmpty, settings.extensions.derivesTests, let function = task.entryPoint {
      tests = DocstringTests.find(in: task.opening + "\n" + task.instruction, function: function)
      isDerived = !tests.isEmpty
    }
    let assessor = try await Assessor(task, tests: tests, runner: runner)
    await report(.started(tests: tests, derived: isDerived))
    if task.opening.isEmpty { signature = Signature(task.entryPoint, calls: assessor.calls) }
    var ending = try await sampleWhole(max(1, settings.firstWave), assessor)
    if !assessor.hasTests {
      ending = .untested
    } else {
      while ending == nil {
        try Task.checkCancellation()
        if let reason = exhausted { ending = reason } else { ending = try await next(assessor) }
      }
      if !assessor.candidates.contains(where: \.passes), settings.extensions.lastResort {
        if try await lastResort(assessor) { ending = .passed }
      }
    }
    try await fellTrunk()
    try await bench.clearShelf()
    let chosen = try await choose(assessor)
    return CodeResult(
      program: chosen?.source ?? "", candidate: chosen, passes: chosen?.passes ?? false, tests: tests,
      testsAreDerived: isDerived, ending: chosen?.passes == true ? .passed : ending ?? .tokens,
      generatedTokens: generated, readTokens: bench.read - readBefore, executions: assessor.executions,
      programs: assessor.candidates.count, unusable: assessor.unusable, duplicates: assessor.duplicates,
      attempts: attemptCount, seconds: clock() - began, executionSeconds: executionSeconds)
  }

  /// Waves of whole programs and rounds of guided attempts in turn.
  private func next(_ assessor: Assessor) async throws -> CodeResult.Ending? {
    if settings.extensions.resamples, wavesSinceRound < settings.wavesPerRound, idleWaves < Self.mostIdleWaves {
      wavesSinceRound += 1
      return try await sampleWhole(max(1, settings.firstWave), assessor)
    }
    wavesSinceRound = 0
    return try await round(assessor)
  }

  /// After so many waves in a row that only repeated what was there, guided attempts alone go on.
  private static let mostIdleWaves = 4

  var generated: Int { bench.generated - generatedBefore }
  var allowance: Int { max(0, settings.budgetTokens - generated) }

  var exhausted: CodeResult.Ending? {
    if allowance <= 0 { return .tokens }
    return bench.isLate() ? .seconds : nil
  }

  func tell(_ event: CodeEvent) async { await report(event) }

  /// Prompt and tokens of a style, with the sequence that holds them.
  func base(_ style: PromptStyle) async throws -> (prompt: CodePrompt, tokens: [TokenID], sequence: SequenceID) {
    if prompts[style] == nil {
      let prompt = try CodePrompt(style, task, model: bench.model)
      prompts[style] = (prompt, bench.tokens(of: prompt))
    }
    guard let known = prompts[style] else { throw GenerationError(.internal, "a prompt was made and is gone") }
    return (known.prompt, known.tokens, try await bench.base(style, known.tokens))
  }

  /// Runs drafts, tells about them, and tries what rules can do for those that fail.
  func assess(_ entries: [Assessor.Entry], _ assessor: Assessor) async throws -> [Candidate?] {
    let start = clock()
    let known = assessor.candidates.count
    let candidates = try await assessor.assess(entries)
    var fresh = Array(assessor.candidates[known...])
    if settings.extensions.repairs, assessor.hasTests, !bench.isLate(), !fresh.contains(where: \.passes) {
      let repairs = fresh.flatMap { candidate in
        (candidate.runs.first.map {
          RuleRepair.mild(
            candidate.source, $0, expected: assessor.expectation(0), entryPoint: task.entryPoint)
        } ?? []).map { (source: $0, parent: candidate) }
      }
      if !repairs.isEmpty { fresh += try await assessor.assess(repairs: repairs) }
    }
    executionSeconds += clock() - start
    if settings.extensions.doubts, assessor.isThin { try await weigh(fresh.filter(\.passes), assessor) }
    for candidate in fresh { await report(.candidate(candidate)) }
    await report(.progress(tokens: generated, executions: assessor.executions, seconds: clock() - began))
    return candidates
  }

  /// Programs that pass and may be submitted.
  private func passing(_ assessor: Assessor) -> [Candidate] {
    assessor.candidates.filter { $0.passes && (settings.extensions.accepts || $0.origin != .sample) }
  }

  /// Whether the search may end with what has passed: at once where there are many tests; where there are few, a second
  /// program has to do the same on other inputs, or the model has nothing new to say, or no more tokens are to be spent.
  func mayEnd(_ assessor: Assessor) -> Bool {
    let passing = passing(assessor)
    guard !passing.isEmpty else { return false }
    guard settings.extensions.doubts, assessor.isThin else { return true }
    let since = passedAt ?? generated
    passedAt = since
    return idleWaves > 0 || generated - since >= settings.opinionTokens
      || Agreement.isSettled(passing.map { ($0, standings[$0.id]) })
  }

  private func choose(_ assessor: Assessor) async throws -> Candidate? {
    let passing = passing(assessor)
    if !passing.isEmpty {
      guard settings.extensions.agrees else { return passing.first { $0.origin != .repair } ?? passing.first }
      try await weigh(passing, assessor)
      return Agreement.choose(among: passing.map { ($0, standings[$0.id]) })
    }
    let whole = assessor.candidates.filter { $0.isWhole && $0.origin != .repair }
    let running = whole.filter { $0.runs.allSatisfy { $0.outcome == .completed } }
    if !assessor.hasTests { return running.first ?? whole.first ?? assessor.candidates.first }
    // What rules have made of it is worth showing only where it passes.
    return assessor.candidates.filter { $0.origin != .repair }.max { $0.score < $1.score }
  }

  /// Runs programs that pass on inputs near the tests', where that was not done yet.
  private func weigh(_ passing: [Candidate], _ assessor: Assessor) async throws {
    let fresh = passing.filter { standings[$0.id] == nil }
    let inputs = assessor.firstInvocation.map { NearbyCalls($0) }
    guard !fresh.isEmpty, let inputs, !inputs.calls.isEmpty else { return }
    let start = clock()
    let behaviours = try await assessor.behaviours(fresh.map(\.source), on: inputs.calls.map(\.text))
    executionSeconds += clock() - start
    for (candidate, behaviour) in zip(fresh, behaviours) {
      standings[candidate.id] = Standing(
        behaviour, value: candidate.runs.first?.returned ?? "nothing", isRepair: candidate.origin == .repair)
    }
  }

  private func lastResort(_ assessor: Assessor) async throws -> Bool {
    let start = clock()
    defer { executionSeconds += clock() - start }
    let nearest = assessor.candidates.filter { $0.origin != .repair }.sorted {
      $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id
    }
    var isFound = false
    for candidate in nearest.prefix(6) where candidate.score > 0.25 && !bench.isLate() {
      let programs = BoldRepair.variants(candidate.source).map { (source: $0, parent: candidate) }
      let repaired = try await assessor.assess(repairs: programs)
      for passing in repaired where passing.passes {
        await report(.candidate(passing))
        isFound = true
      }
    }
    return isFound
  }
}
