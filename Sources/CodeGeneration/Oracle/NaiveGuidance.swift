package import ModelInterface

/// Guided decoding as one would first write it: both prompts computed anew for each token, whole distributions compared
/// in plain code. Slow, and the measure of what is right.
package struct NaiveGuidance {
  private let session: any TokenSession
  private let first: SequenceID
  private let second: SequenceID

  /// Uses two sequences of a session.
  package init(_ session: any TokenSession, _ first: SequenceID = 0, _ second: SequenceID = 1) {
    self.session = session
    self.first = first
    self.second = second
  }

  /// Continues a text with so many of its likeliest tokens under guidance.
  ///
  /// - Parameters:
  ///   - plain: the prompt without traces, with what was written.
  ///   - conditional: the prompt with traces, with the same.
  package func tokens(
    after plain: [TokenID], conditional: [TokenID], gamma: Float, count: Int
  ) async throws -> [TokenID] {
    var tokens: [TokenID] = []
    for _ in 0..<count {
      try await session.truncate(first, to: 0)
      try await session.truncate(second, to: 0)
      let mine = try await session.evaluate([(sequence: first, tokens: plain + tokens)])
      let theirs = try await session.evaluate([(sequence: second, tokens: conditional + tokens)])
      let rule = TokenRule.guided(conditional: 1, gamma: gamma)
      guard let choice = rule.choice(from: mine[0], conditional: theirs[0]) else { break }
      tokens.append(choice.token)
    }
    return tokens
  }
}
