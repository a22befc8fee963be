/// Cross-validated scores of one file of labelled pairs, and what the routers beside ours make of it.
struct PairScores: Sendable {
  var weak: [Double]
  var strong: [Double]
  /// P(strong is good) − P(weak is good), each from a predictor that never saw the record.
  var predicted: [Double]
  /// P(weak is good), likewise.
  var weakProbability: [Double]
  /// P(strong is good), likewise.
  var strongProbability: [Double]
  /// The prompt's length in bytes: the router that costs nothing.
  var length: [Double]

  /// The best possible order, known only afterwards: gains first, losses last.
  var oracle: [Double] { strong.indices.map { strong[$0] - weak[$0] } }
}

/// A percentile interval of a bootstrap.
package struct BootstrapInterval: Sendable, Equatable, Codable {
  package var low: Double
  package var high: Double

  /// The central 95 % of `samples`; an empty list has the interval 0 to 0.
  init(_ samples: [Double]) {
    let sorted = samples.sorted()
    guard let first = sorted.first else {
      low = 0
      high = 0
      return
    }
    func quantile(_ share: Double) -> Double {
      let position = share * Double(sorted.count - 1)
      let below = Int(position)
      let above = min(below + 1, sorted.count - 1)
      return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
    }
    low = sorted.count == 1 ? first : quantile(0.025)
    high = sorted.count == 1 ? first : quantile(0.975)
  }
}
