import ModelInterface

/// Follows an answer and works out how fast it came.
struct AnswerMeter {
  private let began = ContinuousClock.now
  private(set) var firstPiece: ContinuousClock.Instant?
  private(set) var lastPiece: ContinuousClock.Instant?
  private(set) var pieces = 0
  private(set) var completion: Completion?
  private(set) var model: String?

  mutating func see(_ event: GenerationEvent) {
    switch event {
    case .started(let start): if !start.model.isEmpty { model = start.model }
    case .text, .reasoning, .toolCall:
      let now = ContinuousClock.now
      if firstPiece == nil { firstPiece = now }
      lastPiece = now
      pieces += 1
    case .finished(let completion): self.completion = completion
    case .prompt: break
    }
  }

  /// Tokens generated: as reported, or the pieces seen where the answer was stopped.
  var tokens: Int { completion.map(\.usage.completionTokens) ?? pieces }

  var secondsToFirst: Double? { firstPiece.map { Self.seconds($0 - began) } }

  /// Tokens a second after the first; nil where there are too few to tell.
  var tokensPerSecond: Double? {
    guard let firstPiece, let lastPiece, tokens >= 2 else { return nil }
    let seconds = Self.seconds(lastPiece - firstPiece)
    return seconds > 0 ? Double(tokens - 1) / seconds : nil
  }

  /// `42 tokens · 138.2 tokens/s · first after 0.21 s`.
  var summary: String {
    var parts = ["\(tokens) token\(tokens == 1 ? "" : "s")"]
    if let tokensPerSecond { parts.append("\(Decimals.text(tokensPerSecond, 1)) tokens/s") }
    if let secondsToFirst { parts.append("first after \(Decimals.text(secondsToFirst, 2)) s") }
    switch completion?.reason {
    case .length: parts.append("cut off at its limit")
    case .contentFilter: parts.append("withheld by the provider")
    case .stop, .toolCalls: break
    case nil: parts.append("stopped")
    }
    return parts.joined(separator: " · ")
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
  }
}
