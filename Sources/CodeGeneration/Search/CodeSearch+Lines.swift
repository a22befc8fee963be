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
    try await showTraces(attempts, assessor)
    try await writeLines(attempts)
    guided.seconds += clock() - start
    guided.rows += bench.rows - rows
    guided.steps += bench.steps - steps
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
  private func kept(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let code = attempt.strand.draft.bytes
    return assessor.candidates.filter { candidate in
      guard let bytes = candidate.draft?.bytes else { return false }
      return bytes.count > code.count && bytes.starts(with: code)
    }
  }

  /// Puts what the candidates did into each attempt's conditional prompt, where that has changed. What is new there is read
  /// together with the line's first token.
  private func showTraces(_ attempts: [Attempt], _ assessor: Assessor) async throws {
    for attempt in attempts where attempt.configuration.gamma > 0 {
      let shown = shownCandidates(attempt, assessor)
      let blocks = shown.flatMap { candidate in
        candidate.runs.enumerated().map { number, run in
          SignalText.Block(
            code: TraceText.annotated(run, source: candidate.source), invocation: assessor.invocation(number),
            trace: TraceText.ending(run))
        }
      }
      let signal = SignalText(blocks).text
      attempt.gamma = gamma(attempt, shown)
      if signal != attempt.signal {
        attempt.signal = signal
        await tell(.signal(attempt: attempt.id, text: signal, gamma: Double(attempt.gamma)))
      }
      if !signal.isEmpty { try await takeIn(attempt) }
    }
  }

  /// The newest candidates below an attempt, and the failing program that it takes up.
  ///
  /// Those that were shown before come first and keep their order, so that little of the prompt changes; then those that
  /// go on as most others do, because they are the likeliest to be shown after the next line, too.
  private func shownCandidates(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let kept = kept(attempt, assessor)
    propose(kept, attempt)
    let start = attempt.strand.draft.bytes.count
    func nextLine(_ candidate: Candidate) -> ArraySlice<UInt8>? {
      candidate.draft.map { $0.bytes.dropFirst(start).prefix { $0 != UInt8(ascii: "\n") } }
    }
    let lines = kept.map(nextLine)
    func company(_ candidate: Candidate) -> Int {
      nextLine(candidate).map { line in lines.count { $0.map { $0.elementsEqual(line) } ?? false } } ?? 0
    }
    func place(_ candidate: Candidate) -> Int {
      candidate.id == attempt.culprit?.id ? -1 : attempt.shown.firstIndex(of: candidate.id) ?? .max
    }
    func comesFirst(_ left: Candidate, _ right: Candidate) -> Bool {
      let places = (place(left), place(right))
      if places.0 != places.1 { return places.0 < places.1 }
      let companies = (company(left), company(right))
      return companies.0 != companies.1 ? companies.0 > companies.1 : left.id < right.id
    }
    let pool = attempt.culprit.map { culprit in [culprit] + kept.filter { $0.id != culprit.id } } ?? kept
    let shown: [Candidate]
    if settings.extensions.condenses {
      shown = news(pool.sorted(by: comesFirst), attempt, assessor)
    } else {
      // The newest, however they ended.
      let newest = pool.sorted { place($1) != -1 && (place($0) == -1 || $0.id > $1.id) }
      shown = newest.prefix(settings.candidates).sorted(by: comesFirst)
    }
    attempt.shown = shown.map(\.id)
    return shown
  }

  /// One candidate for each way in which they end, so that the prompt changes only where there is something new to tell;
  /// until then what was shown stays, although the code may have gone another way since.
  private func news(_ candidates: [Candidate], _ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let before = attempt.shown.compactMap { id in
      assessor.candidates.indices.contains(id) ? assessor.candidates[id] : nil
    }
    let known = Set(before.map(\.summary))
    let isNew = candidates.contains { !known.contains($0.summary) }
    guard isNew else { return before }
    let current = Set(candidates.map(\.summary))
    var shown = before.filter { current.contains($0.summary) }
    for candidate in candidates where !shown.contains(where: { $0.summary == candidate.summary }) {
      shown.append(candidate)
    }
    return Array(shown.prefix(settings.candidates))
  }

  /// The next lines of candidates as proposals for the attempt's.
  private func propose(_ kept: [Candidate], _ attempt: Attempt) {
    let written = attempt.strand.draft.tokens
    var proposals: [Strand.Proposal] = []
    for candidate in kept {
      guard let draft = candidate.draft, draft.tokens.starts(with: written) else { continue }
      let line = draft.line(from: written.count)
      if let index = proposals.firstIndex(where: { $0.tokens == line }) {
        proposals[index].weight += 1
      } else {
        proposals.append(Strand.Proposal(tokens: line, weight: 1))
      }
    }
    attempt.strand.proposals = proposals
  }

  /// How strong guidance is: where all candidates did the same, their runs tell little about which way to go.
  private func gamma(_ attempt: Attempt, _ shown: [Candidate]) -> Float {
    let full = attempt.configuration.gamma
    guard settings.extensions.adaptsGuidance, shown.count > 1 else { return full }
    let spread = Float(Set(shown.map(\.summary)).count - 1) / Float(shown.count - 1)
    return full * (0.5 + 0.5 * spread)
  }

  /// Has the attempt's conditional sequence take in the prompt with its traces; what it shares with before is kept.
  private func takeIn(_ attempt: Attempt) async throws {
    let wanted = bench.tokens(of: attempt.prompt, signal: attempt.signal) + attempt.strand.draft.tokens
    let sequence: SequenceID
    if let own = attempt.conditional {
      sequence = own
    } else {
      let (_, tokens, base) = try await base(attempt.configuration.style)
      sequence = try await bench.fork(base)
      attempt.conditional = sequence
      attempt.conditionalTokens = Array(tokens.dropLast())
    }
    let common = min(Workbench.commonPrefix(attempt.conditionalTokens, wanted), wanted.count - 1)
    if common < attempt.conditionalTokens.count { try await bench.session.truncate(sequence, to: common) }
    attempt.conditionalTokens = Array(wanted[..<common])
    attempt.strand.conditionalFeed = Array(wanted[common...])
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
