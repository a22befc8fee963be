/// How to choose among the candidates that pass the hard constraints.
package enum RoutePolicy: Sendable, Codable, Equatable {
  /// The cheapest whose P(good) is at least `qualityFloor` of the best candidate's; 0 to 1.
  case costOptimised(qualityFloor: Double)
  /// The best whose expected cost is at most `spendingCapMicros` millionths of a dollar; nil for no cap.
  case qualityFirst(spendingCapMicros: Int?)
  /// The highest weighted sum of quality, cheapness and quickness.
  case balanced(Weights = Weights())
  /// The quickest whose P(good) is at least `qualityFloor` of the best candidate's; 0 to 1.
  case latencyFirst(qualityFloor: Double)
  /// The strong model for the share of the node's own traffic that gains most from it, 0 to 1; else the cheapest.
  case strongShare(Double)

  /// The weights of a balanced choice; only their proportions matter.
  package struct Weights: Sendable, Codable, Equatable {
    package var quality: Double
    package var cost: Double
    package var latency: Double

    /// 0.4, 0.3 and 0.3 by default.
    package init(quality: Double = 0.4, cost: Double = 0.3, latency: Double = 0.3) {
      self.quality = quality
      self.cost = cost
      self.latency = latency
    }
  }

  /// The policy that a model name such as `auto:cheap` or `auto:30%` stands for; nil for a name that is no `auto`.
  ///
  /// - Throws: `unknownPolicy` for a name that begins with `auto:` and is none of them.
  package static func named(_ name: String) throws(RoutingError) -> RoutePolicy? {
    switch name {
    case "auto": return .balanced()
    case "auto:cheap": return .costOptimised(qualityFloor: 0.9)
    case "auto:best": return .qualityFirst(spendingCapMicros: nil)
    case "auto:fast": return .latencyFirst(qualityFloor: 0.8)
    default:
      guard name.hasPrefix("auto:") else { return nil }
      guard name.hasSuffix("%"), let percent = Double(name.dropFirst(5).dropLast()), (0...100).contains(percent) else {
        throw .unknownPolicy(name: name)
      }
      return .strongShare(percent / 100)
    }
  }

  /// Checks every setting's range.
  package func validate() throws(RoutingError) {
    switch self {
    case .costOptimised(let floor), .latencyFirst(let floor):
      try Self.check("quality_floor", floor, in: 0...1)
    case .strongShare(let share):
      try Self.check("strong_share", share, in: 0...1)
    case .balanced(let weights):
      for (name, weight) in [("quality", weights.quality), ("cost", weights.cost), ("latency", weights.latency)] {
        try Self.check("weights.\(name)", weight, in: 0...1000)
      }
      guard weights.quality + weights.cost + weights.latency > 0 else {
        throw .invalidSetting(name: "weights", expected: "at least one above 0", found: "0, 0, 0")
      }
    case .qualityFirst(let cap):
      if let cap, cap < 0 {
        throw .invalidSetting(name: "spending_cap", expected: "0 or more micro-dollars", found: String(cap))
      }
    }
  }

  private static func check(_ name: String, _ value: Double, in range: ClosedRange<Double>) throws(RoutingError) {
    guard range.contains(value) else {
      throw .invalidSetting(
        name: name, expected: "a number from \(range.lowerBound) to \(range.upperBound)", found: String(value))
    }
  }
}
