/// How quality grows with the share of requests that a router sends to the strong model.
///
/// The metrics are RouteLLM's (Ong et al., arXiv:2406.18665, section 4). With r(c) the mean quality when the share c of
/// requests with the highest scores goes to the strong model, PGR(c) = (r(c) − weak) / (strong − weak). APGR is the mean of
/// PGR over ten shares, here the middles of ten equal strips (5 %, 15 % … 95 %): the area under the curve by the midpoint
/// rule, so that a router which guesses has 0.5. CPT(x) is the smallest share at which PGR reaches x.
package struct GainCurve: Sendable, Equatable {
  /// The shares of which APGR is the mean.
  package static let shares: [Double] = (0..<10).map { 0.05 + 0.1 * Double($0) }

  /// Running sums of (strong − weak) quality in the order of descending score; element k is for k strong calls.
  private let gains: [Double]

  /// The curve of the router that gave `scores`; requests with equal scores count as if drawn in random order.
  ///
  /// - Throws: `RoutingError.tooFewRecords` without any pair, `noQualityGap` unless strong is better on the whole.
  package init(scores: [Double], weak: [Double], strong: [Double]) throws(RoutingError) {
    let count = min(scores.count, weak.count, strong.count)
    guard count > 0 else { throw .tooFewRecords(found: 0, needed: 1) }
    let order = (0..<count).sorted { scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1 }
    try self.init(order: order, scores: scores, weak: weak, strong: strong)
  }

  /// As above, with `order` already sorted by descending score; rows may repeat (a bootstrap resample).
  init(order: [Int], scores: [Double], weak: [Double], strong: [Double]) throws(RoutingError) {
    var gains = [0.0]
    gains.reserveCapacity(order.count + 1)
    var total = 0.0
    var start = 0
    while start < order.count {
      // A tie adds its mean gain a step, which is what a random order gives on average.
      var end = start
      var tied = 0.0
      while end < order.count, scores[order[end]] == scores[order[start]] {
        tied += strong[order[end]] - weak[order[end]]
        end += 1
      }
      for step in 1...(end - start) { gains.append(total + tied * Double(step) / Double(end - start)) }
      total += tied
      start = end
    }
    guard total > 0 else {
      let count = Double(max(1, order.count))
      throw .noQualityGap(
        weak: order.reduce(0) { $0 + weak[$1] } / count, strong: order.reduce(0) { $0 + strong[$1] } / count)
    }
    self.gains = gains
  }

  /// PGR at a share of strong calls from 0 to 1, linear between whole numbers of calls.
  package func recovered(at share: Double) -> Double {
    let calls = max(0, min(1, share)) * Double(gains.count - 1)
    let low = min(Int(calls), gains.count - 1)
    let high = min(low + 1, gains.count - 1)
    let gain = gains[low] + (gains[high] - gains[low]) * (calls - Double(low))
    return gain / gains[gains.count - 1]
  }

  /// The mean of PGR over `shares`.
  package var apgr: Double {
    Self.shares.reduce(0) { $0 + recovered(at: $1) } / Double(Self.shares.count)
  }

  /// The smallest share of strong calls at which PGR reaches `target`; 1 when only the whole does.
  package func cpt(_ target: Double) -> Double {
    let needed = target * gains[gains.count - 1]
    let calls = gains.firstIndex { $0 >= needed - 1e-9 } ?? gains.count - 1
    return Double(calls) / Double(gains.count - 1)
  }
}
