/// Keeps shares of strong calls true while traffic changes: the quantile that is taken of what was seen is moved by what the
/// last calls were, down after a strong one and up after a weak one, so that their mean is the share.
///
/// Whatever the traffic, over any n calls the share is met within (1 + 2 · ``step``) / (n · ``step``), and while the traffic is
/// as it was, the quantile stays near the share (Gibbs and Candès, "Adaptive Conformal Inference Under Distribution Shift",
/// NeurIPS 2021).
struct ShareLevels: Sendable, Codable, Equatable {
  /// How far one call moves the quantile.
  static let step = 0.02
  /// Shares that are kept true at most; further ones are taken as they are.
  static let limit = 128

  private var levels: [String: Double] = [:]

  /// The share of the traffic seen so far that is to be called strong now; a little outside 0 to 1 where none or all is.
  func level(of pair: String, share: Double) -> Double { levels[Self.key(pair, share)] ?? share }

  /// Counts a call.
  mutating func note(_ isStrong: Bool, of pair: String, share: Double) {
    let key = Self.key(pair, share)
    guard levels[key] != nil || levels.count < Self.limit else { return }
    let moved = (levels[key] ?? share) + Self.step * (share - (isStrong ? 1 : 0))
    levels[key] = max(-Self.step, min(1 + Self.step, moved))
  }

  private static func key(_ pair: String, _ share: Double) -> String { "\(share)\n\(pair)" }
}
