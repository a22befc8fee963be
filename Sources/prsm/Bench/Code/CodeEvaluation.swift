import CodeGeneration
import Foundation
import ModelInterface
import Sandbox

/// Runs methods on problems, one after the other, and keeps what became of each.
struct CodeEvaluation {
  let suite: CodeSuite
  let settings: CodeSettings
  let model: any TokenModel
  let sandbox: Sandbox
  let journal: CodeJournal

  /// Runs what the journal does not hold yet.
  ///
  /// - Returns: the scores by protocol, over the problems asked for.
  func run(_ problems: [CodeSuite.Problem], _ modes: [CodeProtocol]) async throws -> [CodeProtocol: CodeScores] {
    let bench = try await Workbench(
      model, sequences: settings.sequences, context: RequestContext(requestID: "bench"))
    let total = problems.count * modes.count * CodeMethod.allCases.count
    let progress = Progress("bench code")
    defer { progress.finish() }
    var done = 0
    // Problem by problem, so that what was done when it is interrupted compares all methods.
    for problem in problems {
      for mode in modes {
        for method in CodeMethod.allCases {
          done += 1
          guard journal.outcome(problem.id, mode, method) == nil else { continue }
          progress.update("\(done) of \(total): \(problem.id) \(mode.rawValue) \(method.rawValue)")
          let outcome = try await run(problem, mode, method, bench)
          try journal.add(outcome)
        }
      }
    }
    await bench.close()
    var scores: [CodeProtocol: CodeScores] = [:]
    for mode in modes {
      var outcomes: [CodeMethod: [CodeOutcome]] = [:]
      for method in CodeMethod.allCases {
        outcomes[method] = problems.compactMap { journal.outcome($0.id, mode, method) }
      }
      scores[mode] = CodeScores(outcomes)
    }
    return scores
  }

  private func run(
    _ problem: CodeSuite.Problem, _ mode: CodeProtocol, _ method: CodeMethod, _ bench: Workbench
  ) async throws -> CodeOutcome {
    let task = suite.task(problem, mode)
    let runner = SandboxRunner(sandbox)
    let start = ContinuousClock.now
    let clock = { (ContinuousClock.now - start) / .seconds(1) }
    var limited = settings
    // The budget of tokens alone decides, so that a busy machine changes nothing.
    limited.budgetSeconds = .greatestFiniteMagnitude
    let result: CodeResult
    switch method {
    case .greedy:
      result = try await BestOfN.run(task, settings: limited, bench: bench, runner: runner, clock: clock, most: 1)
    case .bestOfN:
      result = try await BestOfN.run(task, settings: limited, bench: bench, runner: runner, clock: clock)
    case .egcfg:
      result = try await CodeSearch(task, settings: limited, bench: bench, runner: runner, clock: clock).run()
    }
    return CodeOutcome(
      problem: problem.id, mode: mode, method: method, isSolved: try await isSolved(result.program, problem),
      passes: result.passes, isSyntaxError: result.program.isEmpty, tokens: result.generatedTokens,
      executions: result.executions, seconds: clock(), origin: result.candidate?.origin.rawValue ?? "")
  }

  private func isSolved(_ program: String, _ problem: CodeSuite.Problem) async throws -> Bool {
    guard !program.isEmpty else { return false }
    let judged = try await sandbox.run(
      SandboxProgram(source: program, test: problem.judging, testSetup: problem.setup),
      limits: SandboxLimits(wallMilliseconds: 10_000, cpuMilliseconds: 10_000))
    return judged.outcome == .passed
  }
}
