import ModelInterface

extension CodeSearch {
  /// Writes strands and gives their sequences back.
  func write(_ strands: [Strand]) async throws(GenerationError) {
    try await bench.write(strands, allowance: allowance)
    for strand in strands { try await bench.giveBack(strand.sequence) }
  }

  /// Begins some attempts and follows them until each has ended.
  func round(_ assessor: Assessor) async throws -> CodeResult.Ending? {
    var attempts: [Attempt] = []
    for place in 0..<max(1, settings.attempts) { attempts.append(try await begin(place: place, assessor)) }
    while !attempts.isEmpty {
      try Task.checkCancellation()
      if let ending = try await sample(attempts, assessor) {
        for attempt in attempts { try await end(attempt, reason: ending.rawValue) }
        return ending
      }
      attempts = try await ended(attempts, reason: "given up") { $0.linesLeft <= 0 }
      if let ending = try await advance(attempts, assessor) {
        for attempt in attempts { try await end(attempt, reason: ending.rawValue) }
        return ending
      }
      attempts = try await ended(attempts, reason: "written") { $0.strand.isFinished }
    }
    return nil
  }

  /// An attempt with the settings that have served best so far: from the root, or where a near program went wrong.
  private func begin(place: Int, _ assessor: Assessor) async throws -> Attempt {
    guard let gamma = gammas.next(), let temperature = temperatures.next(), let horizon = horizons.next(),
      let preferred = styles.next()
    else { throw GenerationError(.invalidRequest(parameter: nil), "the settings name no values to try") }
    let start = settings.extensions.repairs && place > 0 ? startingPoint(assessor) : nil
    let style = start == nil ? preferred : settings.styles.first ?? preferred
    let configuration = AttemptConfiguration(
      gamma: gamma, temperature: temperature, horizon: horizon, candidates: settings.candidates, style: style)
    gammas.begin(gamma)
    temperatures.begin(temperature)
    horizons.begin(horizon)
    styles.begin(preferred)
    let (prompt, tokens, sequence) = try await base(style)
    let draft = start?.draft ?? root(assessor)
    let own = try await bench.fork(sequence)
    let all = tokens + draft.tokens
    // The base holds all of the prompt but its last token.
    try await bench.read([(own, Array(all[(tokens.count - 1)..<(all.count - 1)]))])
    strandCount += 1
    let strand = Strand(
      sequence: own, manner: .greedy, draft: draft, feed: Array(all.suffix(1)),
      mostTokens: max(16, settings.programTokens - draft.tokens.count),
      random: SplitMix(seed: settings.seed, stream: 1_000 + strandCount))
    attemptCount += 1
    let attempt = Attempt(
      id: attemptCount, configuration: configuration, prompt: prompt, plainTokens: tokens.count, strand: strand,
      linesLeft: start == nil ? settings.guidedLines : settings.repairLines, culprit: start?.candidate)
    await tell(
      .attempt(id: attempt.id, configuration: configuration, code: draft.code, parent: start?.candidate.id))
    return attempt
  }

  /// Where attempts begin that take up nothing: behind the function's first line as the likeliest program has it, because
  /// guidance has nothing to say before it (EG-CFG, section 2).
  private func root(_ assessor: Assessor) -> CodeDraft {
    let empty = CodeDraft(opening: task.opening, entryPoint: task.entryPoint)
    guard settings.extensions.signs, let signature, let draft = assessor.candidates.first?.draft,
      draft.code.hasPrefix(signature.opening)
    else { return empty }
    return draft.prefix(draft.line(from: 0).count, opening: task.opening)
  }

  /// A failing program worth another try, and its beginning up to where it may have gone wrong.
  private func startingPoint(_ assessor: Assessor) -> (candidate: Candidate, draft: CodeDraft)? {
    func worth(_ candidate: Candidate) -> Double {
      candidate.score / (1 + 0.5 * Double(visits[candidate.id, default: 0]))
    }
    let possible = assessor.candidates.filter { ($0.draft?.tokens.count ?? 0) > 4 && $0.score > 0.1 && !$0.passes }
    guard let candidate = possible.max(by: { worth($0) != worth($1) ? worth($0) < worth($1) : $0.id > $1.id }),
      let draft = candidate.draft
    else { return nil }
    visits[candidate.id, default: 0] += 1
    let openingBytes = task.opening.utf8.count
    let cuts = draft.lineCuts(openingBytes: openingBytes)
    guard !cuts.isEmpty else { return nil }
    var cut = Int(random.next() % UInt64(cuts.count))
    if let culprit = culpritText(candidate) {
      // The line end before the line that failed; after some visits, earlier ones.
      let lines = candidate.written.split(separator: "\n", omittingEmptySubsequences: false)
      if let line = lines.firstIndex(where: { $0.filter { !$0.isWhitespace } == culprit }) {
        let back = max(0, visits[candidate.id, default: 1] - 1)
        let last = cuts.lastIndex { $0.line <= line + 1 } ?? 0
        cut = max(0, last - back % (last + 1))
      }
    }
    return (candidate, draft.prefix(cuts[cut].tokens, opening: task.opening))
  }

  private func culpritText(_ candidate: Candidate) -> String? {
    guard let line = candidate.runs.first?.failingLine else { return nil }
    let lines = candidate.source.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.indices.contains(line - 1) else { return nil }
    return lines[line - 1].filter { !$0.isWhitespace }
  }

  /// The attempts that go on; the others are ended.
  private func ended(
    _ attempts: [Attempt], reason: String, where isOver: (Attempt) -> Bool
  ) async throws -> [Attempt] {
    for attempt in attempts where isOver(attempt) { try await end(attempt, reason: reason) }
    return attempts.filter { !isOver($0) }
  }

  /// Takes note of what an attempt was worth and gives its sequences back.
  private func end(_ attempt: Attempt, reason: String) async throws {
    gammas.reward(attempt.configuration.gamma, attempt.best)
    temperatures.reward(attempt.configuration.temperature, attempt.best)
    horizons.reward(attempt.configuration.horizon, attempt.best)
    styles.reward(attempt.configuration.style, attempt.best)
    let ending = attempt.strand.isFinished ? attempt.strand.draft.ending?.rawValue : nil
    await tell(.attemptEnded(id: attempt.id, reason: ending ?? reason))
    try await bench.giveBack(attempt.strand.sequence)
    if let conditional = attempt.conditional { try await bench.shelve(conditional, attempt.conditionalTokens) }
    note(guided: attempt.strand.draft)
  }
}
