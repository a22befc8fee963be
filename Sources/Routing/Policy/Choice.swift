/// A policy's choice among eligible candidates: pure, and the same whether a decision is made or replayed.
struct Choice: Equatable {
  var name: String
  var scores: [Double]
  /// Whether the policy's floor or cap had to be let go.
  var relaxed: Bool

  /// The best candidate by `policy`; nil when there is none. Ties go to the cheaper, then to the earlier name.
  ///
  /// - Parameter drawn: whether to weigh posterior draws of quality instead of its mean.
  static func best(
    of candidates: [RouteDecision.Considered], policy: RoutePolicy, gainThreshold: Double?, drawn: Bool
  ) -> Choice? {
    guard !candidates.isEmpty else { return nil }
    let qualities = candidates.map { drawn ? $0.drawnQuality : $0.quality }
    let costs = candidates.map { Double($0.costMicros) }
    let latencies = knownLatencies(candidates)
    var relaxed = false
    let scores: [Double]
    switch policy {
    case .costOptimised(let floor):
      let least = floor * (qualities.max() ?? 0)
      scores = candidates.indices.map { qualities[$0] >= least ? -costs[$0] : -.infinity }
    case .latencyFirst(let floor):
      let least = floor * (qualities.max() ?? 0)
      scores = candidates.indices.map { qualities[$0] >= least ? -latencies[$0] : -.infinity }
    case .qualityFirst(let cap):
      if let cap, costs.allSatisfy({ $0 > Double(cap) }) {
        relaxed = true
        scores = costs.map { -$0 }
      } else {
        scores = candidates.indices.map { costs[$0] <= cap.map(Double.init) ?? .infinity ? qualities[$0] : -.infinity }
      }
    case .balanced(let weights):
      let total = max(weights.quality + weights.cost + weights.latency, .leastNormalMagnitude)
      let dearest = max(costs.max() ?? 0, 1)
      let slowest = max(latencies.max() ?? 0, .leastNormalMagnitude)
      scores = candidates.indices.map {
        (weights.quality * qualities[$0] + weights.cost * (1 - costs[$0] / dearest)
          + weights.latency * (1 - latencies[$0] / slowest)) / total
      }
    case .strongShare:
      let pair = Self.pair(candidates)
      let gain = qualities[pair.strong] - qualities[pair.weak]
      let callsStrong = gain > (gainThreshold ?? 0)
      scores = candidates.indices.map { $0 == (callsStrong ? pair.strong : pair.weak) ? 1 : 0 }
    }
    let best = candidates.indices.max { left, right in
      if scores[left] != scores[right] { return scores[left] < scores[right] }
      if costs[left] != costs[right] { return costs[left] > costs[right] }
      return candidates[left].name > candidates[right].name
    }
    return best.map { Choice(name: candidates[$0].name, scores: scores, relaxed: relaxed) }
  }

  /// The dearest and the cheapest candidate: the pair between which a share of strong calls is divided. Of equally dear ones
  /// the better counts as strong, and the other as weak.
  static func pair(_ candidates: [RouteDecision.Considered]) -> (weak: Int, strong: Int) {
    func isWeaker(_ left: Int, _ right: Int) -> Bool {
      let (left, right) = (candidates[left], candidates[right])
      return (left.costMicros, left.quality, right.name) < (right.costMicros, right.quality, left.name)
    }
    return (candidates.indices.min(by: isWeaker) ?? 0, candidates.indices.max(by: isWeaker) ?? 0)
  }

  /// Unknown latencies count as the slowest known one, so that a model is not favoured for never having been measured.
  private static func knownLatencies(_ candidates: [RouteDecision.Considered]) -> [Double] {
    let slowest = candidates.compactMap(\.latency).max() ?? 0
    return candidates.map { $0.latency ?? slowest }
  }
}
