import ModelInterface

/// What EG-CFG is measured beside: whole programs from the same prompt, the first that passes the same tests.
///
/// The likeliest program is the first sample, which makes it one better than plain sampling. Samples are written several
/// at a time and count as if one were written after the other: those behind the first that passes cost nothing.
package enum BestOfN {
  /// The random numbers of a sample; those of EG-CFG's first wave are the same.
  static func random(seed: UInt64, sample: Int) -> SplitMix {
    SplitMix(seed: seed, stream: 1_000_000 + UInt64(sample))
  }

  /// Samples until one passes or the budget of tokens or seconds is used up.
  ///
  /// - Parameter most: the most samples; 1 gives plain greedy decoding.
  package static func run(
    _ task: CodeTask, settings: CodeSettings, bench: Workbench, runner: any CodeRunner, clock: () -> Double,
    most: Int = .max
  ) async throws -> CodeResult {
    let began = clock()
    let read = bench.read
    let assessor = try await Assessor(task, tests: task.tests, runner: runner)
    let prompt = try CodePrompt(settings.styles.first ?? .fewShot, task, model: bench.model)
    let tokens = bench.tokens(of: prompt)
    let sequence = try await bench.base(settings.styles.first ?? .fewShot, tokens)
    var spent = 0
    var samples = 0
    var executionSeconds = 0.0
    var chosen: Candidate?
    var ending: CodeResult.Ending?
    while ending == nil, samples < most {
      try Task.checkCancellation()
      var strands: [Strand] = []
      for index in samples..<min(most, samples + settings.firstWave) {
        strands.append(
          Strand(
            sequence: try await bench.fork(sequence),
            manner: index == 0 ? .greedy : .drawn(temperature: settings.firstTemperature),
            draft: CodeDraft(opening: task.opening, entryPoint: task.entryPoint), feed: Array(tokens.suffix(1)),
            mostTokens: settings.programTokens, random: random(seed: settings.seed, sample: index)))
      }
      try await bench.write(strands, allowance: .max)
      for strand in strands { try await bench.giveBack(strand.sequence) }
      let start = clock()
      let found = try await assessor.assess(
        strands.enumerated().map {
          Assessor.Entry(draft: $1.draft, origin: samples + $0 == 0 ? .greedy : .sample, attempt: nil)
        })
      executionSeconds += clock() - start
      for (strand, candidate) in zip(strands, found) where ending == nil {
        spent += strand.written
        // A sample that the budget would have cut off does not count.
        if most > 1, spent > settings.budgetTokens {
          spent = settings.budgetTokens
          ending = .tokens
        } else {
          samples += 1
          if let candidate, candidate.passes {
            chosen = candidate
            ending = .passed
          } else if chosen == nil {
            chosen = candidate
          }
        }
      }
      if ending == nil, !assessor.hasTests { ending = .untested }
      if ending == nil, clock() - began >= settings.budgetSeconds { ending = .seconds }
    }
    return CodeResult(
      program: chosen?.source ?? "", candidate: chosen, passes: chosen?.passes ?? false, tests: task.tests,
      testsAreDerived: false, ending: ending ?? .tokens, generatedTokens: spent, readTokens: bench.read - read,
      executions: assessor.executions, programs: assessor.candidates.count, unusable: assessor.unusable,
      duplicates: assessor.duplicates, attempts: samples, seconds: clock() - began, executionSeconds: executionSeconds)
  }
}
