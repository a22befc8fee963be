import ModelInterface

extension CodeSearch {
  /// Draws what might follow each attempt's code, as far as earlier candidates do not show it already, and runs it.
  ///
  /// - Returns: why the search ends, where it does.
  func sample(_ attempts: [Attempt], _ assessor: Assessor) async throws -> CodeResult.Ending? {
    var strands: [Strand] = []
    var owners: [Attempt] = []
    for attempt in attempts {
      let wanted = attempt.configuration.candidates
      let fresh = wanted - min(wanted, kept(attempt, assessor).count)
      for number in 0..<fresh {
        strandCount += 1
        var draft = attempt.strand.draft
        draft.reopen()
        let strand = Strand(
          sequence: try await bench.fork(attempt.strand.sequence),
          manner: .drawn(temperature: attempt.configuration.temperature), draft: draft, feed: attempt.strand.feed,
          mostTokens: max(8, settings.programTokens - draft.tokens.count),
          random: SplitMix(seed: settings.seed, stream: strandCount))
        strand.mostLines = attempt.configuration.horizon
        if settings.extensions.diversifies { strand.stratum = (number, fresh) }
        strands.append(strand)
        owners.append(attempt)
      }
    }
    try await write(strands)
    let found = try await assess(
      zip(strands, owners).map { Assessor.Entry(draft: $0.draft, origin: .sample, attempt: $1.id) }, assessor)
    for (candidate, owner) in zip(found, owners) {
      if let candidate { owner.best = max(owner.best, candidate.score) }
    }
    return mayEnd(assessor) ? .passed : exhausted
  }

  /// One line further in every attempt: the candidates' traces go into the prompt, and the line is written under them.
  ///
  /// - Returns: why the search ends, where it does.
  func advance(_ attempts: [Attempt], _ assessor: Assessor) async throws -> CodeResult.Ending? {
    let start = clock()
    let before = attempts.reduce(0) { $0 + $1.strand.written }
    let (rows, steps) = (bench.rows, bench.steps)
    let (beginnings, inVain, read) = (bench.rowsOfBeginnings, bench.rowsInVain, bench.rowsRead)
    try await showTraces(attempts, assessor)
    try await writeLines(attempts)
    guided.seconds += clock() - start
    guided.rows += bench.rows - rows
    guided.steps += bench.steps - steps
    guided.rowsOfTraces += bench.rowsOfBeginnings - beginnings + bench.rowsRead - read
    guided.rowsInVain += bench.rowsInVain - inVain
    guided.tokens += attempts.reduce(0) { $0 + $1.strand.written } - before
    let done = attempts.filter(\.strand.isFinished)
    guard !done.isEmpty else { return exhausted }
    let found = try await assess(
      done.map { Assessor.Entry(draft: $0.strand.draft, origin: .guided, attempt: $0.id) }, assessor)
    for (attempt, candidate) in zip(done, found) {
      if let candidate { attempt.best = max(attempt.best, candidate.score) }
    }
    return mayEnd(assessor) ? .passed : exhausted
  }

  /// Earlier candidates that begin as the attempt does and go further.
  func kept(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let code = attempt.strand.draft.bytes
    return assessor.candidates.filter { candidate in
      guard let bytes = candidate.draft?.bytes else { return false }
      return bytes.count > code.count && bytes.starts(with: code)
    }
  }

  /// Writes the next line of every attempt, both distributions of all of them in one batch a token.
  private func writeLines(_ attempts: [Attempt]) async throws {
    for attempt in attempts {
      let strand = attempt.strand
      strand.draft.reopen()
      strand.writtenLines = 0
      strand.mostLines = 1
      if let conditional = attempt.conditional, attempt.gamma > 0, !attempt.signal.isEmpty {
        strand.manner = .guided(conditional: conditional, gamma: attempt.gamma)
      } else if attempt.configuration.gamma > 0 {
        strand.manner = .greedy
      } else {
        strand.manner = .drawn(temperature: attempt.configuration.temperature)
      }
    }
    let before = attempts.map { (tokens: $0.strand.draft.tokens.count, feed: $0.strand.conditionalFeed) }
    for attempt in attempts {
      attempt.strand.held = (
        attempt.plainTokens + attempt.strand.draft.tokens.count - 1, attempt.conditionalTokens.count
      )
    }
    var shown = attempts.map(\.strand.draft.bytes.count)
    try await bench.write(attempts.map(\.strand), allowance: allowance) { index in
      let strand = attempts[index].strand
      let bytes = strand.draft.bytes
      for token in strand.recent {
        let end = max(shown[index], min(token.end, bytes.count))
        let text = String(decoding: bytes[min(shown[index], bytes.count)..<min(end, bytes.count)], as: UTF8.self)
        shown[index] = end
        await tell(
          .token(
            attempt: attempts[index].id, text: text, probability: exponential(Double(token.logprob)),
            divergence: Double(token.divergence)))
      }
    }
    for (attempt, earlier) in zip(attempts, before) {
      // What was fed to the conditional sequence on the way: all but the last token of the line.
      if case .guided = attempt.strand.manner, attempt.strand.draft.tokens.count > earlier.tokens {
        let added = attempt.strand.draft.tokens.dropFirst(earlier.tokens)
        attempt.conditionalTokens += earlier.feed + added.dropLast()
      }
      attempt.linesLeft -= 1
    }
  }
}
