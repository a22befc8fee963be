/// Quantiles of a latency as it is lately, in constant space: a histogram whose bins grow by a tenth, and whose counts are
/// halved now and then so that the past fades.
package struct LatencyEstimate: Sendable {
  private static let smallest = 0.000_1
  private static let growth = 1.1
  private static let binCount = 176
  /// Counts are halved when their sum reaches this.
  private static let memory: Float = 2_048

  private var bins: [Float]
  private var weight: Float = 0
  /// How many latencies were seen in all.
  package private(set) var count = 0

  /// Nothing seen yet.
  package init() {
    bins = []
  }

  /// Takes a latency into account.
  package mutating func note(_ latency: Duration) {
    if bins.isEmpty { bins = [Float](repeating: 0, count: Self.binCount) }
    let seconds = max(latency.inSeconds, Self.smallest)
    let position = (seconds / Self.smallest).logarithm / Self.growth.logarithm
    bins[min(max(Int(position), 0), Self.binCount - 1)] += 1
    weight += 1
    count += 1
    if weight >= Self.memory {
      for index in bins.indices { bins[index] /= 2 }
      weight /= 2
    }
  }

  /// The latency that the given share of requests does not exceed, about 5 % exact; nil where nothing was seen.
  package func quantile(_ share: Double) -> Duration? {
    guard weight > 0 else { return nil }
    let wanted = Float(min(max(share, 0), 1)) * weight
    var sum: Float = 0
    var upper = Self.smallest
    for bin in bins {
      sum += bin
      upper *= Self.growth
      if sum >= wanted, sum > 0 { return .seconds(upper) }
    }
    return .seconds(upper)
  }
}

/// Allows hedges as a share of requests: every request earns a part of one, and a hedge costs a whole one.
package struct HedgeAllowance: Sendable, Hashable {
  /// The most hedges that can be saved up.
  package static let limit = 10.0

  private let share: Double
  private var balance = 0.0

  /// An empty allowance.
  package init(share: Double) {
    self.share = min(max(share, 0), 1)
  }

  /// Earns for one request.
  package mutating func earn() {
    balance = min(balance + share, Self.limit)
  }

  /// Pays for a hedge.
  ///
  /// - Returns: false where there is not enough.
  package mutating func spend() -> Bool {
    guard balance >= 1 else { return false }
    balance -= 1
    return true
  }
}

extension Duration {
  /// In seconds.
  package var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}

extension Double {
  /// The natural logarithm of a positive number, to some nine digits: `atanh` series on the mantissa.
  fileprivate var logarithm: Double {
    let ratio = (significand - 1) / (significand + 1)
    let square = ratio * ratio
    var term = ratio
    var sum = 0.0
    for divisor in stride(from: 1.0, through: 17, by: 2) {
      sum += term / divisor
      term *= square
    }
    return 2 * sum + Double(exponent) * 0.693_147_180_559_945_3
  }
}
