import ModelInterface

/// One draft being written in a sequence of the model's cache; its search alone touches it.
final class Strand {
  /// How its tokens are chosen.
  enum Manner: Sendable, Hashable {
    case greedy
    case drawn(temperature: Float)
    /// With the sequence that holds the conditional prompt, and the guidance's strength.
    case guided(conditional: SequenceID, gamma: Float)
  }

  /// Tokens that may follow where its line begins, because another program has them there.
  struct Proposal: Sendable, Hashable {
    var tokens: [TokenID]
    /// How many programs go on so.
    var weight: Int
  }

  /// The most tokens that are proposed for one step; and of these, where they only followed the same few tokens elsewhere.
  static let mostProposed = 16
  private static let mostEchoed = 4

  /// The nucleus from which candidates are drawn, and the most tokens in it (EG-CFG, section 3).
  static let topP: Float = 0.95
  static let topK = 50

  let sequence: SequenceID
  var manner: Manner
  var draft: CodeDraft
  /// What the sequence, and the conditional one, have yet to take in before the next token can be chosen.
  var feed: [TokenID]
  var conditionalFeed: [TokenID] = []
  /// Tokens that the sequence, and the conditional one, have taken in; kept while it is guided.
  var held = (plain: 0, conditional: 0)
  /// What may follow, from where the proposals were made; and the tokens that were written since.
  var proposals: [Proposal] = [] { didSet { sinceProposals = [] } }
  private var sinceProposals: [TokenID] = []
  /// Other programs' tokens, in which what follows is looked up where no proposal foresaw the line.
  var others: [[TokenID]] = []
  /// Tokens that were proposed so, and how many of them were right.
  private var echoes = (proposed: 0, right: 0)
  private var isEcho = false
  /// The tokens that the last steps have proposed.
  private var proposed: [TokenID] = []
  /// The most line ends and tokens that are still written.
  var mostLines = Int.max
  var mostTokens: Int
  var random: SplitMix
  /// Tokens and line ends written by this strand, and the sum of the guided ones' divergence.
  var written = 0
  var writtenLines = 0
  var divergence: Float = 0
  /// What the last step has chosen, and where each token ends in the draft.
  private(set) var recent: [(logprob: Float, divergence: Float, end: Int)] = []
  /// Which of several equal parts of the distribution the first token is drawn from, so that siblings differ.
  var stratum: (index: Int, count: Int)?

  init(
    sequence: SequenceID, manner: Manner, draft: CodeDraft, feed: [TokenID], mostTokens: Int, random: SplitMix
  ) {
    self.sequence = sequence
    self.manner = manner
    self.draft = draft
    self.feed = feed
    self.mostTokens = mostTokens
    self.random = random
  }

  /// Whether nothing more is to be written for now.
  var isOver: Bool { draft.ending != nil }
  /// Whether nothing more is to be written at all.
  var isFinished: Bool { draft.ending != nil && draft.ending != .lines }

  /// The steps that choose its next token: one, or two where it is guided, and then two for each token of a proposal, so
  /// that a line that was foreseen is read in one step and not written in many. `index` is where the first will stand.
  ///
  /// - Parameter most: the most tokens that may be chosen.
  func steps(at index: Int, most: Int) -> [TokenStep] {
    proposed = []
    switch manner {
    case .greedy: return [TokenStep(sequence: sequence, tokens: feed, rule: .greedy)]
    case .drawn(let temperature):
      return [
        TokenStep(
          sequence: sequence, tokens: feed,
          rule: .drawn(temperature: temperature, topP: Self.topP, topK: Self.topK, uniform: uniform()))
      ]
    case .guided(let conditional, let gamma):
      proposed = proposal(most: most)
      var steps: [TokenStep] = []
      for place in 0...proposed.count {
        let token = place == 0 ? nil : proposed[place - 1]
        steps.append(
          TokenStep(
            sequence: sequence, tokens: token.map { [$0] } ?? feed,
            rule: .guided(conditional: index + 2 * place + 1, gamma: gamma)))
        steps.append(
          TokenStep(sequence: conditional, tokens: token.map { [$0] } ?? conditionalFeed, rule: .none))
      }
      return steps
    }
  }

  /// What the heaviest proposal that has foreseen the line so far says of the rest of it, but for its last token, behind
  /// which nothing is to be chosen.
  private func proposal(most: Int) -> [TokenID] {
    var best: Proposal?
    for proposal in proposals
    where proposal.tokens.count > sinceProposals.count + 1 && proposal.tokens.starts(with: sinceProposals) {
      if proposal.weight > best?.weight ?? 0 { best = proposal }
    }
    let count = min(best == nil ? Self.mostEchoed : Self.mostProposed, most - 1, mostTokens - written - 1)
    isEcho = best == nil
    guard count > 0 else { return [] }
    return Array((best?.tokens.dropFirst(sinceProposals.count) ?? echo[...]).prefix(count))
  }

  /// What followed the last tokens where they were written before, in this draft or in another program: three tokens if they
  /// are found, else two. Nothing where it was wrong too often.
  private var echo: [TokenID] {
    let written = draft.tokens
    guard echoes.proposed < 8 || echoes.right * 2 >= echoes.proposed else { return [] }
    for length in [3, 2] where written.count > length {
      let last = written.suffix(length)
      for text in [written] + others where text.count > length {
        var end = text.count - 1
        while end >= length {
          if text[end - 1] == last.last, text[(end - length)..<end].elementsEqual(last) {
            return Array(text[end...].prefix(Self.mostEchoed))
          }
          end -= 1
        }
      }
    }
    return []
  }

  /// Takes what was chosen: the first, and each further one as long as those before it are as proposed.
  ///
  /// - Returns: what the sequences hold too much, as the lengths that they must have; nil where they are right.
  func take(
    _ choices: ArraySlice<TokenChoice?>, _ model: any TokenModel
  ) -> (taken: Int, truncated: (plain: Int, conditional: Int)?) {
    recent = []
    guard case .guided = manner else {
      take(choices.first ?? nil, model)
      return (1, nil)
    }
    let proposed = proposed
    held.plain += feed.count
    held.conditional += conditionalFeed.count
    var taken = 0
    for place in 0...proposed.count {
      let choice = choices[choices.startIndex + 2 * place]
      let before = draft.tokens.count
      take(choice, model)
      taken += 1
      if draft.tokens.count > before, let token = choice?.token { sinceProposals.append(token) }
      guard !isOver, place < proposed.count, choice?.token == proposed[place] else { break }
      held.plain += 1
      held.conditional += 1
    }
    if isEcho {
      echoes.proposed += proposed.count
      echoes.right += taken - 1
    }
    return (taken, taken == proposed.count + 1 ? nil : held)
  }

  private func uniform() -> Double {
    let number = random.uniform()
    guard let part = stratum else { return number }
    stratum = nil
    return (Double(part.index) + number) / Double(part.count)
  }

  /// Takes the token that was chosen; the sequences have taken in what they were fed.
  private func take(_ choice: TokenChoice?, _ model: any TokenModel) {
    feed = []
    conditionalFeed = []
    guard let choice else { return draft.end(.endOfAnswer) }
    written += 1
    divergence += choice.divergence
    defer { recent.append((choice.logprob, choice.divergence, draft.bytes.count)) }
    if model.isEndOfGeneration(choice.token) { return draft.end(.endOfAnswer) }
    let before = draft.newLines
    draft.append(choice.token, bytes: model.bytes(of: choice.token), logprob: choice.logprob)
    feed = [choice.token]
    if case .guided = manner { conditionalFeed = [choice.token] }
    writtenLines += draft.newLines - before
    if writtenLines >= mostLines { draft.end(.lines) }
    if written >= mostTokens { draft.end(.tokens) }
  }
}
