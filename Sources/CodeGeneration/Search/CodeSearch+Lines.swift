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
      let fresh = wanted - min(wanted - 1, kept(attempt, assessor).count)
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
    try await showTraces(attempts, assessor)
    try await writeLines(attempts)
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
  private func kept(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let code = attempt.strand.draft.bytes
    return assessor.candidates.filter { candidate in
      guard let bytes = candidate.draft?.bytes else { return false }
      return bytes.count > code.count && bytes.starts(with: code)
    }
  }

  /// Puts what the candidates did into each attempt's conditional prompt, where that has changed.
  private func showTraces(_ attempts: [Attempt], _ assessor: Assessor) async throws {
    var work: [(sequence: SequenceID, tokens: [TokenID])] = []
    for attempt in attempts where attempt.configuration.gamma > 0 {
      let shown = shownCandidates(attempt, assessor)
      let blocks = shown.flatMap { candidate in
        candidate.runs.enumerated().map { number, run in
          SignalText.Block(
            code: candidate.source, invocation: assessor.invocation(number),
            trace: TraceText.steps(run, source: candidate.source))
        }
      }
      let signal = SignalText(blocks).text
      attempt.gamma = gamma(attempt, shown)
      if signal != attempt.signal {
        attempt.signal = signal
        await tell(.signal(attempt: attempt.id, text: signal, gamma: Double(attempt.gamma)))
      }
      if !signal.isEmpty { work.append(try await conditional(attempt)) }
    }
    try await bench.read(work)
  }

  /// The newest candidates below an attempt, and the failing program that it takes up; in the order of their text.
  private func shownCandidates(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    var shown = Array(kept(attempt, assessor).sorted { $0.id > $1.id }.prefix(settings.candidates))
    if let culprit = attempt.culprit, !shown.contains(where: { $0.id == culprit.id }) {
      shown = [culprit] + shown.prefix(max(0, settings.candidates - 1))
    }
    return shown.sorted { $0.source < $1.source }
  }

  /// How strong guidance is: where all candidates did the same, their runs tell little about which way to go.
  private func gamma(_ attempt: Attempt, _ shown: [Candidate]) -> Float {
    let full = attempt.configuration.gamma
    guard settings.extensions.adaptsGuidance, shown.count > 1 else { return full }
    let spread = Float(Set(shown.map(\.summary)).count - 1) / Float(shown.count - 1)
    return full * (0.5 + 0.5 * spread)
  }

  /// What the attempt's conditional sequence has still to take in; what it shares with before is kept.
  private func conditional(_ attempt: Attempt) async throws -> (sequence: SequenceID, tokens: [TokenID]) {
    let wanted = bench.tokens(of: attempt.prompt, signal: attempt.signal) + attempt.strand.draft.tokens
    let most = wanted.count - 1
    let sequence: SequenceID
    if let own = attempt.conditional {
      sequence = own
    } else {
      let (_, tokens, base) = try await base(attempt.configuration.style)
      sequence = try await bench.fork(base)
      attempt.conditional = sequence
      attempt.conditionalTokens = Array(tokens.dropLast())
    }
    let common = min(Workbench.commonPrefix(attempt.conditionalTokens, wanted), most)
    if common < attempt.conditionalTokens.count { try await bench.session.truncate(sequence, to: common) }
    attempt.conditionalTokens = Array(wanted[..<most])
    attempt.strand.conditionalFeed = Array(wanted.suffix(1))
    return (sequence, Array(wanted[common..<most]))
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
    var shown = attempts.map(\.strand.draft.bytes.count)
    try await bench.write(attempts.map(\.strand), allowance: allowance) { index in
      let strand = attempts[index].strand
      let bytes = strand.draft.bytes
      let text = bytes.count > shown[index] ? String(decoding: bytes[shown[index]...], as: UTF8.self) : ""
      shown[index] = bytes.count
      await tell(
        .token(
          attempt: attempts[index].id, text: text, probability: exponential(Double(strand.lastLogprob)),
          divergence: Double(strand.lastDivergence)))
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
