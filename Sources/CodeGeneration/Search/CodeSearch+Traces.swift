import ModelInterface

extension CodeSearch {
  /// Puts what the candidates did into each attempt's conditional prompt, where that has changed. What is new there is read
  /// together with the line's first token.
  func showTraces(_ attempts: [Attempt], _ assessor: Assessor) async throws {
    for attempt in attempts where attempt.configuration.gamma > 0 {
      let shown = shownCandidates(attempt, assessor)
      let blocks = shown.flatMap { candidate in
        candidate.runs.enumerated().map { number, run in
          SignalText.Block(run, source: candidate.source, invocation: assessor.invocation(number))
        }
      }
      let signal = SignalText(blocks).text
      attempt.gamma = gamma(attempt, shown)
      if signal != attempt.signal {
        attempt.signal = signal
        await tell(.signal(attempt: attempt.id, text: signal, gamma: Double(attempt.gamma)))
      }
    }
    try await takeIn(attempts.filter { $0.configuration.gamma > 0 && !$0.signal.isEmpty })
  }

  /// The newest candidates below an attempt, and the failing program that it takes up.
  ///
  /// Those that were shown before come first and keep their order, so that little of the prompt changes; then those that
  /// go on as most others do, because they are the likeliest to be shown after the next line, too.
  private func shownCandidates(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    var kept = kept(attempt, assessor)
    propose(kept, attempt)
    attempt.strand.others =
      (assessor.candidates.suffix(Self.mostLookedUp).reversed().compactMap(\.draft) + guidedDrafts).map(\.tokens)
    kept.removeAll { PythonText.isEmptyFunction($0.source) }
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
    var shown: [Candidate]
    let last = lastShown(attempt, assessor)
    if settings.extensions.condenses, !last.isEmpty, !mayReadTraces {
      shown = last
    } else if settings.extensions.condenses {
      shown = news(pool.sorted(by: comesFirst), attempt, assessor)
    } else {
      // The newest, however they ended.
      let newest = pool.sorted { place($1) != -1 && (place($0) == -1 || $0.id > $1.id) }
      shown = newest.prefix(settings.candidates).sorted(by: comesFirst)
    }
    if attempt.shown.isEmpty {
      shown = inUsualOrder(shown, attempt)
      shownFirst[attempt.configuration.style] = shown.map(\.id)
    }
    attempt.shown = shown.map(\.id)
    return shown
  }

  /// What an attempt has shown so far; before that, what the one before it showed first, unless it takes up a program of its
  /// own.
  private func lastShown(_ attempt: Attempt, _ assessor: Assessor) -> [Candidate] {
    let usual = attempt.culprit == nil ? shownFirst[attempt.configuration.style] ?? [] : []
    return (attempt.shown.isEmpty ? usual : attempt.shown).compactMap { id in
      assessor.candidates.indices.contains(id) ? assessor.candidates[id] : nil
    }
  }

  /// Whether reading traces has not cost too much so far beside what was written under them.
  private var mayReadTraces: Bool {
    let rows = Double(guided.rowsOfTraces - Self.firstTraceRows)
    return rows <= settings.traceRowsPerToken * Double(guided.tokens)
  }

  /// About what the first traces of a search take.
  private static let firstTraceRows = 256

  /// What an attempt shows first, in the order in which the one before it did, so that their prompts begin alike.
  private func inUsualOrder(_ shown: [Candidate], _ attempt: Attempt) -> [Candidate] {
    let usual = shownFirst[attempt.configuration.style] ?? []
    let first = shown.prefix { $0.id == attempt.culprit?.id }
    let rest = shown.dropFirst(first.count)
    let known = usual.compactMap { id in rest.first { $0.id == id } }
    return Array(first) + known + rest.filter { !usual.contains($0.id) }
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

  /// The next lines of candidates as proposals for the attempt's, and before them what other attempts have written there.
  private func propose(_ kept: [Candidate], _ attempt: Attempt) {
    let written = attempt.strand.draft.tokens
    var proposals: [Strand.Proposal] = []
    let drafts = kept.compactMap(\.draft).map { ($0, 1) } + guidedDrafts.map { ($0, Self.guidedWeight) }
    for (draft, weight) in drafts where draft.tokens.count > written.count && draft.tokens.starts(with: written) {
      let line = draft.line(from: written.count)
      if let index = proposals.firstIndex(where: { $0.tokens == line }) {
        proposals[index].weight += weight
      } else {
        proposals.append(Strand.Proposal(tokens: line, weight: weight))
      }
    }
    attempt.strand.proposals = proposals
  }

  /// Of so many of the last candidates the tokens are looked at for what may follow.
  private static let mostLookedUp = 24
  /// What an attempt has written counts as so many candidates, because it was written under much the same traces.
  private static let guidedWeight = 4
  private static let mostGuidedDrafts = 16

  /// Keeps what an attempt has written, for what others may write.
  func note(guided draft: CodeDraft) {
    guard !guidedDrafts.contains(where: { $0.tokens == draft.tokens }) else { return }
    guidedDrafts.append(draft)
    if guidedDrafts.count > Self.mostGuidedDrafts { guidedDrafts.removeFirst() }
  }

  /// How strong guidance is: where all candidates did the same, their runs tell little about which way to go.
  private func gamma(_ attempt: Attempt, _ shown: [Candidate]) -> Float {
    let full = attempt.configuration.gamma
    guard settings.extensions.adaptsGuidance, shown.count > 1 else { return full }
    let spread = Float(Set(shown.map(\.summary)).count - 1) / Float(shown.count - 1)
    return full * (0.5 + 0.5 * spread)
  }

  /// Has the attempts' conditional sequences hold their prompts with traces, as far as any sequence holds them already: the
  /// attempt's own, one that an earlier attempt has left, another attempt's. What several attempts have yet to read is
  /// read once. The rest is left to be read together with the line's first token.
  private func takeIn(_ attempts: [Attempt]) async throws {
    var ready: [Attempt] = []
    for attempt in attempts {
      let wanted = bench.tokens(of: attempt.prompt, signal: attempt.signal) + attempt.strand.draft.tokens
      try await hold(wanted, attempt, ready)
      ready.append(attempt)
    }
  }

  /// The least tokens for which a sequence is given up for another.
  private static let worthForking = 8
  /// The least tokens for which a copy of what is dropped is kept.
  private static let worthKeeping = 64

  private func hold(_ wanted: [TokenID], _ attempt: Attempt, _ ready: [Attempt]) async throws {
    func common(_ tokens: [TokenID]) -> Int { min(Workbench.commonPrefix(tokens, wanted), wanted.count - 1) }
    if attempt.conditional == nil {
      let (_, tokens, base) = try await base(attempt.configuration.style)
      let kept = min(bench.shelved(of: wanted), wanted.count - 1)
      let prompt = Array(tokens.dropLast())
      if kept >= common(prompt) + Self.worthForking, let own = bench.unshelve(wanted) {
        // It may hold more than is known of it.
        try await bench.session.truncate(own, to: kept)
        attempt.conditionalTokens = Array(wanted[..<kept])
        attempt.conditional = own
      } else {
        attempt.conditionalTokens = prompt
        attempt.conditional = try await bench.fork(base)
      }
    }
    guard let own = attempt.conditional else { return }
    var length = common(attempt.conditionalTokens)
    // Others have yet to read their feeds, of which the last token has to be left.
    let lengths = ready.map { min(common($0.conditionalTokens + $0.strand.conditionalFeed), $0.wantedCount - 1) }
    let longest = lengths.max() ?? 0
    if longest >= length + Self.worthForking, let index = lengths.firstIndex(of: longest),
      let source = ready[index].conditional
    {
      let other = ready[index]
      let unread = longest - other.conditionalTokens.count
      if unread > 0 {
        let feed = other.strand.conditionalFeed
        try await bench.read([(source, Array(feed.prefix(unread)))])
        other.conditionalTokens += feed.prefix(unread)
        other.strand.conditionalFeed = Array(feed.dropFirst(unread))
      }
      try await bench.session.fork(source, to: own)
      attempt.conditionalTokens = other.conditionalTokens
      length = longest
    } else if attempt.conditionalTokens.count >= length + Self.worthKeeping {
      // Another attempt may well begin with these traces.
      try await bench.shelve(try await bench.fork(own), attempt.conditionalTokens)
    }
    if length < attempt.conditionalTokens.count { try await bench.session.truncate(own, to: length) }
    attempt.conditionalTokens = Array(wanted[..<length])
    attempt.strand.conditionalFeed = Array(wanted[length...])
  }
}
