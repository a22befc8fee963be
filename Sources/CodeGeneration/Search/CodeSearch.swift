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
  private let clock: () -> Double
  private let report: (CodeEvent) async -> Void
  private let began: Double
  private let readBefore: Int
  private let generatedBefore: Int
  private(set) var executionSeconds = 0.0
  var prompts: [PromptStyle: (prompt: CodePrompt, tokens: [TokenID])] = [:]
  var random: SplitMix
  var strandCount: UInt64 = 0
  var attemptCount = 0
  var gammas: Preference<Float>
  var temperatures: Preference<Float>
  var horizons: Preference<Int>
  var styles: Preference<PromptStyle>
  var visits: [Int: Int] = [:]

  /// A search.
  ///
  /// - Parameters:
  ///   - clock: seconds since some instant.
  ///   - report: is told what happens, in order.
  package init(
    _ task: CodeTask, settings: CodeSettings, bench: Workbench, runner: any CodeRunner, clock: @escaping () -> Double,
    report: @escaping (CodeEvent) async -> Void = { _ in }
  ) {
    self.task = task
    self.settings = settings
    self.bench = bench
    self.runner = runner
    self.clock = clock
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
    var tests = task.tests
    var isDerived = false
    if tests.isEmpty, settings.extensions.derivesTests, let function = task.entryPoint {
      tests = DocstringTests.find(in: task.opening + "\n" + task.instruction, function: function)
      isDerived = !tests.isEmpty
    }
    let assessor = try await Assessor(task, tests: tests, runner: runner)
    await report(.started(tests: tests, derived: isDerived))
    var ending = try await firstWave(assessor)
    if !assessor.hasTests {
      ending = .untested
    } else {
      while ending == nil {
        try Task.checkCancellation()
        if let reason = exhausted { ending = reason } else { ending = try await round(assessor) }
      }
      if ending != .passed, settings.extensions.lastResort, try await lastResort(assessor) { ending = .passed }
    }
    let chosen = try await choose(assessor)
    return CodeResult(
      program: chosen?.source ?? "", candidate: chosen, passes: chosen?.passes ?? false, tests: tests,
      testsAreDerived: isDerived, ending: chosen?.passes == true ? .passed : ending ?? .tokens,
      generatedTokens: generated, readTokens: bench.read - readBefore, executions: assessor.executions,
      programs: assessor.candidates.count, unusable: assessor.unusable, duplicates: assessor.duplicates,
      attempts: attemptCount, seconds: clock() - began, executionSeconds: executionSeconds)
  }

  var generated: Int { bench.generated - generatedBefore }
  var allowance: Int { max(0, settings.budgetTokens - generated) }

  var exhausted: CodeResult.Ending? {
    if allowance <= 0 { return .tokens }
    return clock() - began >= settings.budgetSeconds ? .seconds : nil
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
    if settings.extensions.repairs, assessor.hasTests, !fresh.contains(where: \.passes) {
      let repairs = fresh.flatMap { candidate in
        (candidate.runs.first.map {
          RuleRepair.mild(
            candidate.source, $0, expected: assessor.expectation(0), entryPoint: task.entryPoint)
        } ?? []).map { (source: $0, parent: candidate) }
      }
      if !repairs.isEmpty { fresh += try await assessor.assess(repairs: repairs) }
    }
    executionSeconds += clock() - start
    for candidate in fresh { await report(.candidate(candidate)) }
    await report(.progress(tokens: generated, executions: assessor.executions, seconds: clock() - began))
    return candidates
  }

  /// Whether the search may end with what has passed.
  func mayEnd(_ assessor: Assessor) -> Bool {
    assessor.candidates.contains { $0.passes && (settings.extensions.accepts || $0.origin != .sample) }
  }

  private func choose(_ assessor: Assessor) async throws -> Candidate? {
    let passing = assessor.candidates.filter { $0.passes && (settings.extensions.accepts || $0.origin != .sample) }
    if !passing.isEmpty {
      let written = passing.filter { $0.origin != .repair }
      let pool = written.isEmpty ? passing : written
      return settings.extensions.agrees ? try await Agreement.choose(among: pool, assessor) : pool.first
    }
    let whole = assessor.candidates.filter { $0.isWhole && $0.origin != .repair }
    let running = whole.filter { $0.runs.allSatisfy { $0.outcome == .completed } }
    if !assessor.hasTests { return running.first ?? whole.first ?? assessor.candidates.first }
    // What rules have made of it is worth showing only where it passes.
    return assessor.candidates.filter { $0.origin != .repair }.max { $0.score < $1.score }
  }

  private func lastResort(_ assessor: Assessor) async throws -> Bool {
    let start = clock()
    defer { executionSeconds += clock() - start }
    let nearest = assessor.candidates.filter { $0.origin != .repair }.sorted {
      $0.score != $1.score ? $0.score > $1.score : $0.id < $1.id
    }
    for candidate in nearest.prefix(6) where candidate.score > 0.25 {
      let programs = BoldRepair.variants(candidate.source).map { (source: $0, parent: candidate) }
      let repaired = try await assessor.assess(repairs: programs)
      if let passing = repaired.first(where: \.passes) {
        await report(.candidate(passing))
        return true
      }
    }
    return false
  }
}
