/// Quantiles of a stream of numbers in a fixed range, in bounded memory, forgetting what is long past.
///
/// A histogram of equal bins whose older counts fade exponentially: a quantile is off by at most one bin's width, and a
/// rank by at most what its own bin holds, which `rank` resolves by a draw.
package struct QuantileSketch: Sendable, Codable, Equatable {
  /// How many bins there are; memory is eight bytes for each.
  package static let binCount = 2048

  private let low: Double
  private let high: Double
  private let halfLife: Double
  private var bins: [Double]
  private var total = 0.0
  /// What one new value weighs; grows instead of fading every bin at every value.
  private var unit = 1.0
  /// Values seen since the beginning.
  package private(set) var count = 0

  /// An empty sketch of values from `low` to `high`; values outside count as the nearest end.
  ///
  /// - Parameter halfLife: after so many further values, a value counts half.
  package init(low: Double = -1, high: Double = 1, halfLife: Double = 10_000) {
    self.low = low.isFinite ? low : -1
    self.high = high.isFinite && high > self.low ? high : self.low + 1
    self.halfLife = max(1, halfLife)
    bins = [Double](repeating: 0, count: Self.binCount)
  }

  /// The width of a bin: the largest error of a quantile.
  package var resolution: Double { (high - low) / Double(Self.binCount) }

  /// Counts a value; what is not a number is passed over.
  package mutating func insert(_ value: Double) {
    guard !value.isNaN else { return }
    if unit > 1e100 {
      for index in bins.indices { bins[index] /= unit }
      total /= unit
      unit = 1
    }
    bins[bin(of: value)] += unit
    total += unit
    unit *= growth
    count += 1
  }

  /// The value below which the share `share` (0 to 1) of the stream lies; the middle of the range while it is empty.
  package func quantile(_ share: Double) -> Double {
    guard total > 0 else { return (low + high) / 2 }
    let wanted = max(0, min(1, share)) * total
    var below = 0.0
    for index in bins.indices where bins[index] > 0 {
      if below + bins[index] >= wanted {
        return low + (Double(index) + (wanted - below) / bins[index]) * resolution
      }
      below += bins[index]
    }
    return high
  }

  /// The share of the stream below `value`, those in the same bin ordered by `draw` (0 to 1): uniform over a stream
  /// however many of its values are equal.
  package func rank(of value: Double, draw: Double) -> Double {
    guard total > 0, !value.isNaN else { return draw }
    let own = bin(of: value)
    let below = bins[..<own].reduce(0, +)
    return (below + draw * bins[own]) / total
  }

  private var growth: Double { 1 + 0.6931471805599453 / halfLife }

  private func bin(of value: Double) -> Int {
    let position = (max(low, min(high, value)) - low) / (high - low) * Double(Self.binCount)
    return max(0, min(Self.binCount - 1, Int(position)))
  }
}
