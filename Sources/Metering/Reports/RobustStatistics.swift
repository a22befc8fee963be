/// Statistics that a few wild values do not move. Amounts of money enter as approximations: these are opinions about
/// accounts, never accounts.
enum RobustStatistics {
  /// The factor that makes the median absolute deviation of a normal distribution its standard deviation.
  static let normalConsistency = 1.4826

  /// The median; nil of nothing.
  static func median(_ values: [Double]) -> Double? { quantile(values, 0.5) }

  /// A quantile with linear interpolation (type 7 of Hyndman and Fan 1996); nil of nothing.
  static func quantile(_ values: [Double], _ share: Double) -> Double? {
    let sorted = values.filter(\.isFinite).sorted()
    guard let last = sorted.last else { return nil }
    let place = Double(sorted.count - 1) * min(max(share, 0), 1)
    let index = Int(place)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (place - Double(index))
  }

  /// The median absolute deviation from the median, scaled to a standard deviation; nil of nothing.
  static func scale(_ values: [Double]) -> Double? {
    guard let center = median(values) else { return nil }
    return median(values.map { abs($0 - center) }).map { $0 * normalConsistency }
  }

  /// A line through points that stand one apart, by Theil (1950) and Sen (1968).
  struct Trend {
    /// Change a step.
    var slope: Double
    /// Limits of the slope at about 95 % confidence, by Sen's variance of Kendall's statistic.
    var lowerSlope: Double
    var upperSlope: Double
    /// The median of what remains when the slope is taken away, which is the value at step 0.
    var intercept: Double
    /// The scale of the residuals.
    var noise: Double
  }

  /// A trend; nil of fewer than three values.
  static func trend(_ values: [Double]) -> Trend? {
    let count = values.count
    guard count >= 3, values.allSatisfy(\.isFinite) else { return nil }
    var slopes: [Double] = []
    slopes.reserveCapacity(count * (count - 1) / 2)
    for left in 0..<count {
      for right in (left + 1)..<count { slopes.append((values[right] - values[left]) / Double(right - left)) }
    }
    slopes.sort()
    let total = Double(slopes.count)
    let spread = 1.96 * (Double(count * (count - 1) * (2 * count + 5)) / 18).squareRoot()
    let lower = Int(max(0, ((total - spread) / 2).rounded()))
    let upper = Int(min(total - 1, ((total + spread) / 2).rounded()))
    guard let slope = median(slopes) else { return nil }
    let residuals = values.enumerated().map { $0.element - slope * Double($0.offset) }
    guard let intercept = median(residuals), let noise = scale(residuals) else { return nil }
    return Trend(
      slope: slope, lowerSlope: slopes[lower], upperSlope: slopes[upper], intercept: intercept, noise: noise)
  }
}
