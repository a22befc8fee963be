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
  /// Of the rows, those that read what is new in the traces, and those of tokens that were proposed in vain.
  package var rowsOfTraces = 0
  package var rowsInVain = 0

  var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }
  func perToken(_ count: Int) -> Double { Double(count) / Double(max(1, tokens)) }

  static func += (left: inout GuidedCost, right: GuidedCost) {
    left.tokens += right.tokens
    left.seconds += right.seconds
    left.rows += right.rows
    left.steps += right.steps
    left.rowsOfTraces += right.rowsOfTraces
    left.rowsInVain += right.rowsInVain
  }
}

/// What guided decoding costs, measured in searches as they are: tokens a second of three ways to write.
package struct GuidedFigures: Sendable, Hashable {
  /// The plain prompts' likeliest tokens, one sequence.
  package var greedy: Double
  /// One attempt's lines under guidance: reading what is new in its traces, and choosing. Its candidates' tokens and the
  /// executions are not counted, neither as tokens nor as seconds.
  package var guided: Double
  /// The lines of several attempts that are written side by side, as searches do it: with the usual settings, but without
  /// whole programs between the rounds.
  package var together: Double
  /// Under guidance with both prompts computed anew for each token.
  package var naive: Double
  /// Rows that guided decoding computed for each token, and calls of the model.
  package var rowsPerToken: Double
  package var stepsPerToken: Double
  /// Of these rows, those that read traces, and those of tokens that were foreseen wrongly.
  package var rowsOfTracesPerToken: Double
  package var rowsInVainPerToken: Double
  /// The same where attempts are written side by side.
  package var rowsPerTokenTogether: Double
  package var stepsPerTokenTogether: Double

  /// Measures on problems of its own.
  ///
  /// - Parameters:
  ///   - tokens: how many tokens greedy decoding writes, and how many a search may generate in all for each problem: one with
  ///     a single attempt at a time, and one with several.
  ///   - naive: how many tokens the naive way writes for each problem.
  package static func measure(
    _ model: any TokenModel, runner: any CodeRunner, tokens: (greedy: Int, search: Int, together: Int),
    naive naiveTokens: Int
  ) async throws -> GuidedFigures {
    var one = CodeSettings()
    one.extensions.resamples = false
    one.gammas = [1]
    one.styles = [.fewShot]
    one.budgetTokens = tokens.search
    one.budgetSeconds = .greatestFiniteMagnitude
    var several = one
    one.extensions.repairs = false
    one.attempts = 1
    several.budgetTokens = tokens.together
    several.gammas = CodeSettings().gammas.filter { $0 > 0 }
    several.styles = CodeSettings().styles
    let bench = try await Workbench(
      model, sequences: max(one.sequences, several.sequences) + 2, context: RequestContext(requestID: "figures"))
    do {
      var greedy = Rate()
      var naive = Rate()
      var alone = GuidedCost()
      var together = GuidedCost()
      for task in tasks {
        let plain = bench.tokens(of: try CodePrompt(.fewShot, task, model: model))
        greedy += try await self.greedy(bench, plain, tokens.greedy)
        let (cost, signal) = try await guided(task, one, bench, runner)
        alone += cost
        naive += try await slow(bench, task, plain, signal, naiveTokens)
        together += try await guided(task, several, bench, runner).cost
      }
      await bench.close()
      return GuidedFigures(
        greedy: greedy.perSecond, guided: alone.tokensPerSecond, together: together.tokensPerSecond,
        naive: naive.perSecond, rowsPerToken: alone.perToken(alone.rows), stepsPerToken: alone.perToken(alone.steps),
        rowsOfTracesPerToken: alone.perToken(alone.rowsOfTraces), rowsInVainPerToken: alone.perToken(alone.rowsInVain),
        rowsPerTokenTogether: together.perToken(together.rows),
        stepsPerTokenTogether: together.perToken(together.steps))
    } catch {
      await bench.close()
      throw error
    }
  }

  /// A search, with what its guided lines cost and the longest of its signals.
  private static func guided(
    _ task: CodeTask, _ settings: CodeSettings, _ bench: Workbench, _ runner: any CodeRunner
  ) async throws -> (cost: GuidedCost, signal: String) {
    var signal = ""
    let search = CodeSearch(task, settings: settings, bench: bench, runner: runner, clock: Self.now) { event in
      if case .signal(_, let text, _) = event, text.count > signal.count { signal = text }
    }
    _ = try await search.run()
    return (search.guided, signal)
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
    guard let first = try await bench.takeSequence(), let second = try await bench.takeSequence() else {
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
      "Write a function to find the largest gap between neighbours in a sorted list.",
      "assert largest_gap([1, 4, 9, 11]) == 5"),
    task(
      "Write a function to reverse the order of the words of a sentence.",
      "assert reverse_words('one two three') == 'three two one'"),
    task(
      "Write a function to count how often each letter occurs in a text.",
      "assert count_letters('abca') == {'a': 2, 'b': 1, 'c': 1}"),
    task("Write a function to check whether a number is prime.", "assert is_prime(29) == True"),
    task(
      "Write a function to rotate a list to the left by a number of places.",
      "assert rotate_left([1, 2, 3, 4], 1) == [2, 3, 4, 1]"),
    task(
      "Write a function to write down a number in binary digits.", "assert to_binary(10) == '1010'"),
    task(
      "Write a function to flatten a list of lists into one list.",
      "assert flatten([[1, 2], [3], []]) == [1, 2, 3]"),
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
