internal import Foundation
package import Multiformats

/// How much a piece of content was worth so far.
package struct ContentUse: Hashable, Sendable {
  /// How often it was read.
  package var reads: UInt64
  /// When it was read or added last, in seconds since 1970.
  package var lastUsed: Int64
  /// What somebody or something judged it to be worth, 0 to 1; one half where nobody has.
  package var quality: Double
  /// Bytes that it takes.
  package var bytes: UInt64

  package init(reads: UInt64 = 0, lastUsed: Int64, quality: Double = 0.5, bytes: UInt64 = 0) {
    self.reads = reads
    self.lastUsed = lastUsed
    self.quality = min(max(quality, 0), 1)
    self.bytes = bytes
  }
}

/// What a store gives up first when it is full: of the content that was pinned only while it is worth it, what was used
/// least, judged worst and not touched for longest. What was pinned for good is never given up.
package struct RetentionPolicy: Hashable, Sendable {
  /// How much each part of a score counts. Together they make one.
  package struct Weights: Hashable, Sendable {
    package var use: Double
    package var quality: Double
    package var recency: Double

    package init(use: Double = 1, quality: Double = 1, recency: Double = 1) {
      self.use = use
      self.quality = quality
      self.recency = recency
    }
  }

  /// A score and what it is made of, each part 0 to 1.
  package struct Score: Hashable, Sendable {
    package var use: Double
    package var quality: Double
    package var recency: Double
    /// The weighted mean of the parts.
    package var total: Double
  }

  /// What becomes of one piece of content, and why.
  package struct Decision: Hashable, Sendable {
    package var cid: CID
    package var bytes: UInt64
    package var score: Score
    package var isKept: Bool
    /// In words, with the numbers that were used.
    package var reason: String
  }

  package var weights = Weights()
  /// Seconds after which recency has halved: two weeks.
  package var halfLife: Double = 14 * 86_400
  /// Reads at which use counts one half.
  package var usualReads: Double = 8
  /// The share of the quota at which content is given up, and the share down to which it is.
  package var highWater = 0.9
  package var lowWater = 0.8

  package init() {}

  /// The score of content at `now`, seconds since 1970.
  package func score(_ use: ContentUse, now: Int64) -> Score {
    let reads = Double(use.reads)
    let used = reads / (reads + usualReads)
    let age = Double(max(0, now - use.lastUsed))
    let recency = exp2(-age / halfLife)
    let sum = weights.use + weights.quality + weights.recency
    let total =
      sum > 0 ? (weights.use * used + weights.quality * use.quality + weights.recency * recency) / sum : 0
    return Score(use: used, quality: use.quality, recency: recency, total: total)
  }

  /// Decides about every candidate, the lowest score first.
  ///
  /// - Parameters:
  ///   - candidates: the content that may be given up; what they share is counted with each.
  ///   - used: bytes that the store takes, everything included.
  ///   - quota: bytes that it may take; nil for no limit.
  package func decide(
    _ candidates: [(cid: CID, use: ContentUse)], used: UInt64, quota: UInt64?, now: Int64
  ) -> [Decision] {
    let scored = candidates.map { (cid: $0.cid, use: $0.use, score: score($0.use, now: now)) }.sorted {
      ($0.score.total, $0.cid.description) < ($1.score.total, $1.cid.description)
    }
    var left = used
    let isFull = quota.map { Double(used) > Double($0) * highWater } ?? false
    return scored.map { candidate in
      let parts = Self.text(candidate.score)
      guard let quota else {
        return Decision(
          cid: candidate.cid, bytes: candidate.use.bytes, score: candidate.score, isKept: true,
          reason: "kept: there is no quota; \(parts)")
      }
      let target = UInt64(Double(quota) * lowWater)
      if isFull, left > target {
        let before = left
        left -= min(left, candidate.use.bytes)
        return Decision(
          cid: candidate.cid, bytes: candidate.use.bytes, score: candidate.score, isKept: false,
          reason: "given up: \(before) of \(quota) bytes are used, to be brought to \(target), and of what is left to "
            + "choose from it scores lowest; \(parts)")
      }
      return Decision(
        cid: candidate.cid, bytes: candidate.use.bytes, score: candidate.score, isKept: true,
        reason: isFull
          ? "kept: giving up what scores lower brings the store to \(left) bytes, within \(target); \(parts)"
          : "kept: \(used) of \(quota) bytes are used, and nothing is given up before "
            + "\(UInt64(Double(quota) * highWater)); \(parts)")
    }
  }

  private static func text(_ score: Score) -> String {
    func two(_ value: Double) -> String { String(Int((value * 100).rounded())) + " %" }
    let parts = "use \(two(score.use)), quality \(two(score.quality)), recency \(two(score.recency))"
    return "score \(two(score.total)) (\(parts))"
  }
}
