package import ModelInterface

/// What guided tokens took.
package struct GuidedCost: Sendable, Hashable {
  /// Tokens that were written.
  package var tokens = 0
  /// Seconds that passed.
  package var seconds = 0.0
  /// Rows that the model computed, and the calls in which it did.
  package var rows = 0
  package var steps = 0
}

/// What guided decoding costs, measured in searches as they are: tokens a second of three ways to write.
package struct GuidedFigures: Sendable, Hashable {
  /// The plain prompts' likeliest tokens, one sequence.
  package var greedy: Double
  /// One attempt's lines under guidance: reading what is new in its traces, and choosing. Its candidates' tokens and the
  /// executions are not counted, neither as tokens nor as seconds.
  package var guided: Double
  /// Under guidance with both prompts computed anew for each token.
  package var naive: Double
  /// Rows that guided decoding computed for each token, and calls of the model.
  package var rowsPerToken: Double
  package var stepsPerToken: Double

  /// Measures on problems of its own.
  ///
  /// - Parameters:
  ///   - tokens: how many tokens greedy decoding writes, and how many the searches may generate in all for each problem.
  ///   - naive: how many tokens the naive way writes for each problem.
  package static func measure(
    _ model: any TokenModel, runner: any CodeRunner, tokens: (greedy: Int, search: Int), naive: Int
  ) async throws -> GuidedFigures {
    var settings = CodeSettings()
    settings.extensions.resamples = false
    settings.extensions.repairs = false
    settings.gammas = [1]
    settings.styles = [.fewShot]
    settings.attempts = 1
    settings.budgetTokens = tokens.search
    settings.budgetSeconds = .greatestFiniteMagnitude
    let bench = try await Workbench(
      model, sequences: settings.sequences + 2, context: RequestContext(requestID: "figures"))
    do {
      var sums = (greedy: Rate(), guided: Rate(), naive: Rate())
      var cost = GuidedCost()
      for task in tasks {
        let plain = bench.tokens(of: try CodePrompt(.fewShot, task, model: model))
        sums.greedy += try await greedy(bench, plain, tokens.greedy)
        var signal = ""
        let search = CodeSearch(task, settings: settings, bench: bench, runner: runner, clock: Self.now) { event in
          if case .signal(_, let text, _) = event, text.count > signal.count { signal = text }
        }
        _ = try await search.run()
        sums.guided += Rate(tokens: search.guided.tokens, seconds: search.guided.seconds)
        cost.rows += search.guided.rows
        cost.steps += search.guided.steps
        sums.naive += try await slow(bench, task, plain, signal, naive)
      }
      await bench.close()
      return GuidedFigures(
        greedy: sums.greedy.perSecond, guided: sums.guided.perSecond, naive: sums.naive.perSecond,
        rowsPerToken: Double(cost.rows) / Double(max(1, sums.guided.tokens)),
        stepsPerToken: Double(cost.steps) / Double(max(1, sums.guided.tokens)))
    } catch {
      await bench.close()
      throw error
    }
  }

  /// So many tokens in so much time.
  private struct Rate {
    var tokens = 0
    var seconds = 0.0
    var perSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }

    static func += (left: inout Rate, right: Rate) {
      left.tokens += right.tokens
      left.seconds += right.seconds
    }
  }

  private static func greedy(_ bench: Workbench, _ plain: [TokenID], _ tokens: Int) async throws -> Rate {
    let base = try await bench.base(.fewShot, plain)
    let strand = Strand(
      sequence: try await bench.fork(base), manner: .greedy, draft: CodeDraft(unending: true),
      feed: Array(plain.suffix(1)), mostTokens: .max, random: SplitMix(seed: 1))
    let start = now()
    try await bench.write([strand], allowance: tokens)
    let seconds = now() - start
    try await bench.giveBack(strand.sequence)
    return Rate(tokens: strand.written, seconds: seconds)
  }

  private static func slow(
    _ bench: Workbench, _ task: CodeTask, _ plain: [TokenID], _ signal: String, _ tokens: Int
  ) async throws -> Rate {
    guard let first = bench.takeSequence(), let second = bench.takeSequence() else {
      throw GenerationError(.internal, "the measurement needs two more sequences")
    }
    let conditional = bench.tokens(of: try CodePrompt(.fewShot, task, model: bench.model), signal: signal)
    let start = now()
    let written = try await NaiveGuidance(bench.session, first, second).tokens(
      after: plain, conditional: conditional, gamma: 1, count: tokens)
    let seconds = now() - start
    try await bench.giveBack(first)
    try await bench.giveBack(second)
    return Rate(tokens: written.count, seconds: seconds)
  }

  private static let origin = ContinuousClock.now
  private static func now() -> Double { (ContinuousClock.now - origin) / .seconds(1) }

  /// Nothing is good enough for them, so that the searches go on until their budgets are used up.
  private static let tasks = [
    task(
      "Write a function to find the words of a text that occur more than once, in alphabetical order.",
      "assert repeated_words('a b a c b') == ['a', 'b']"),
    task("Write a function to sum the digits of a number.", "assert digit_sum(4096) == 19"),
    task(
      "Write a function to merge two sorted lists into one sorted list.",
      "assert merge_sorted([1, 4, 6], [2, 3, 9]) == [1, 2, 3, 4, 6, 9]"),
  ]

  private static func task(_ instruction: String, _ test: String) -> CodeTask {
    var task = CodeTask(instruction: instruction, tests: [test])
    task.deciding = ["assert False"]
    return task
  }
}
