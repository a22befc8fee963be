internal import ModelInterface

/// What has been said of an answer so far.
struct Transcript: Sendable {
  /// The answer's text.
  private(set) var text = ""
  /// Its tokens; those of a character that is not whole yet come last.
  private(set) var tokens: [TokenID] = []
  /// Natural logarithms of their probabilities, as claimed.
  private(set) var logprobs: [Float] = []
  /// Whether every piece of text came with its tokens.
  private(set) var hasTokens = true
  /// Thoughts and calls, by what they belong to.
  private(set) var others: [String: String] = [:]
  /// Tokens up to which the text is whole.
  private(set) var wholeTokens = 0
  /// Whether anything was said.
  private(set) var isEmpty = true
  /// Bytes of text that came, eight for each token, and some for each piece of a call.
  private(set) var size = 0

  mutating func add(_ event: GenerationEvent) {
    switch event {
    case .text(let piece):
      size += piece.text.utf8.count + 8 * piece.tokens.count
      text += piece.text
      for token in piece.tokens {
        tokens.append(token.chosen.token)
        logprobs.append(token.chosen.logprob)
      }
      if !piece.text.isEmpty {
        if piece.tokens.isEmpty { hasTokens = false }
        wholeTokens = tokens.count
        isEmpty = false
      }
    case .reasoning(let thought):
      size += thought.utf8.count
      others["r", default: ""] += thought
      isEmpty = false
    case .toolCall(let call):
      size += 64 + call.arguments.utf8.count
      others["c\(call.index)", default: ""] += call.arguments
      isEmpty = false
    case .prompt, .started, .finished: break
    }
  }

  /// Forgets tokens beyond that many, whose text never became whole.
  mutating func dropTokens(beyond count: Int) {
    tokens.removeLast(max(0, tokens.count - count))
    logprobs.removeLast(max(0, logprobs.count - count))
  }

  /// Whether another engine can go on behind the tokens.
  var canContinue: Bool { hasTokens && others.isEmpty }
}
