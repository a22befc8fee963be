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

  /// The nucleus from which candidates are drawn, and the most tokens in it (EG-CFG, section 3).
  static let topP: Float = 0.95
  static let topK = 50

  let sequence: SequenceID
  var manner: Manner
  var draft: CodeDraft
  /// What the sequence, and the conditional one, have yet to take in before the next token can be chosen.
  var feed: [TokenID]
  var conditionalFeed: [TokenID] = []
  /// The most line ends and tokens that are still written.
  var mostLines = Int.max
  var mostTokens: Int
  var random: SplitMix
  /// Tokens and line ends written by this strand, and the sum of the guided ones' divergence.
  var written = 0
  var writtenLines = 0
  var divergence: Float = 0
  private(set) var lastLogprob: Float = 0
  private(set) var lastDivergence: Float = 0
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

  /// The steps that choose its next token: one, or two where it is guided. `index` is where the first will stand.
  func steps(at index: Int) -> [TokenStep] {
    switch manner {
    case .greedy: return [TokenStep(sequence: sequence, tokens: feed, rule: .greedy)]
    case .drawn(let temperature):
      return [
        TokenStep(
          sequence: sequence, tokens: feed,
          rule: .drawn(temperature: temperature, topP: Self.topP, topK: Self.topK, uniform: uniform()))
      ]
    case .guided(let conditional, let gamma):
      return [
        TokenStep(sequence: sequence, tokens: feed, rule: .guided(conditional: index + 1, gamma: gamma)),
        TokenStep(sequence: conditional, tokens: conditionalFeed, rule: .none),
      ]
    }
  }

  private func uniform() -> Double {
    let number = random.uniform()
    guard let part = stratum else { return number }
    stratum = nil
    return (Double(part.index) + number) / Double(part.count)
  }

  /// Takes the token that was chosen; the sequences have taken in what they were fed.
  func take(_ choice: TokenChoice?, _ model: any TokenModel) {
    feed = []
    conditionalFeed = []
    guard let choice else { return draft.end(.endOfAnswer) }
    written += 1
    divergence += choice.divergence
    lastLogprob = choice.logprob
    lastDivergence = choice.divergence
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
