package import ModelInterface

/// Whether an answer is what the weights say, judged by the log-probabilities that another engine with the same weights
/// gives to its tokens.
///
/// Two engines differ a little in their sums, so a share of tokens may be off; a greedy token must be likeliest, or as good as.
package enum AnswerCheck {
  /// What came of a check.
  package enum Finding: Equatable, Sendable {
    case agrees
    /// What is wrong, in words.
    case disagrees(String)
    /// It cannot be said.
    case inconclusive(String)
  }

  /// The share of tokens whose log-probability may differ by more than the tolerance.
  static let allowedShare = 0.05

  /// - Parameters:
  ///   - text: the answer as the client read it.
  ///   - tokens: its tokens as the one who answered told them, with the log-probabilities that it claims.
  ///   - recomputed: the same tokens with the log-probabilities of another engine, and at least the likeliest alternative.
  package static func judge(
    text: String, tokens: [TokenID], logprobs: [Float], recomputed: [TokenLogprob], isGreedy: Bool, hasStops: Bool,
    tolerance: Float
  ) -> Finding {
    guard !tokens.isEmpty, tokens.count == logprobs.count else {
      return .inconclusive("the answer came without tokens")
    }
    guard recomputed.count == tokens.count, zip(recomputed, tokens).allSatisfy({ $0.chosen.token == $1 }) else {
      return .inconclusive("the one who checked gave other tokens back")
    }
    let spelled = String(decoding: recomputed.flatMap(\.chosen.bytes), as: UTF8.self)
    guard matches(text, spelled, hasStops: hasStops) else {
      return .disagrees("its text is not what its tokens spell")
    }
    var off = 0
    var unlikely = 0
    var worst: (place: Int, difference: Float) = (0, 0)
    for (place, pair) in zip(recomputed, logprobs).enumerated() {
      let (token, claimed) = (pair.0, pair.1)
      guard token.chosen.logprob.isFinite, claimed.isFinite else {
        off += 1
        continue
      }
      let difference = abs(token.chosen.logprob - claimed)
      // What matters of rare tokens is that both say they are rare.
      let allowed = tolerance * max(1, -token.chosen.logprob / 4)
      if difference > allowed {
        off += 1
        if difference > worst.difference { worst = (place, difference) }
      }
      if isGreedy, let best = token.alternatives.map(\.logprob).max(), best - token.chosen.logprob > tolerance {
        unlikely += 1
      }
    }
    if unlikely > Int(Double(tokens.count) * allowedShare / 2) {
      return .disagrees("\(unlikely) of its \(tokens.count) tokens are not the likeliest, though it was to be greedy")
    }
    if off > max(1, Int(Double(tokens.count) * allowedShare)) {
      return .disagrees(
        "the log-probabilities of \(off) of its \(tokens.count) tokens are off, by up to \(worst.difference) at token \(worst.place)"
      )
    }
    return .agrees
  }

  /// Whether the text is what was spelled; white space at the start may be cut, and what follows a stop sequence.
  private static func matches(_ text: String, _ spelled: String, hasStops: Bool) -> Bool {
    let said = text.drop(while: \.isWhitespace)
    let meant = spelled.drop(while: \.isWhitespace)
    if said == meant { return true }
    // A character that was not whole at the end is left out of the text; a stop sequence is, too.
    guard meant.hasPrefix(said) else { return false }
    return hasStops || meant.utf8.count - said.utf8.count <= 16
  }
}
