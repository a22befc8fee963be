import Glibc

/// What is known of a proportion at any time, however often one looks.
///
/// The beta-binomial mixture: for each hypothesis p, the likelihood under a uniform prior over that under p is a
/// nonnegative martingale if p is true, so that by Ville's inequality it ever exceeds 1/α with probability at most α. The
/// interval holds every p at which it has not (Robbins, Annals of Mathematical Statistics 41, 1970; the mixture sequential
/// test of Johari et al., "Always Valid Inference", Operations Research 70, 2022; Howard et al., "Time-uniform,
/// Nonparametric, Nonasymptotic Confidence Sequences", Annals of Statistics 49, 2021).
package struct ConfidenceSequence: Sendable, Codable, Equatable {
  package private(set) var successes = 0
  package private(set) var failures = 0
  /// The probability, over all time, with which the true proportion may lie outside the interval.
  package let alpha: Double

  /// An empty sequence; `alpha` is kept within 10⁻⁹ and 0.5.
  package init(alpha: Double) {
    self.alpha = alpha.isNaN ? 0.05 : max(1e-9, min(0.5, alpha))
  }

  /// How many outcomes were seen.
  package var count: Int { successes + failures }

  /// The observed proportion; one half before any outcome.
  package var mean: Double { count == 0 ? 0.5 : Double(successes) / Double(count) }

  /// Counts one outcome.
  package mutating func observe(_ success: Bool) {
    if success { successes += 1 } else { failures += 1 }
  }

  /// Takes back one outcome that was counted; without one of its kind nothing.
  package mutating func takeBack(_ success: Bool) {
    if success { successes = max(0, successes - 1) } else { failures = max(0, failures - 1) }
  }

  /// The lower end, 0 to 1.
  package var lower: Double {
    guard successes > 0 else { return 0 }
    return boundary(from: 0, to: mean)
  }

  /// The upper end, 0 to 1.
  package var upper: Double {
    guard failures > 0 else { return 1 }
    return boundary(from: 1, to: mean)
  }

  /// Whether `proportion` is ruled out.
  package func rejects(_ proportion: Double) -> Bool {
    guard count > 0 else { return false }
    return logEvidence(against: proportion) > -log(alpha)
  }

  /// The logarithm of the mixture's likelihood ratio against `proportion`.
  private func logEvidence(against proportion: Double) -> Double {
    if proportion <= 0 { return successes > 0 ? .infinity : 0 }
    if proportion >= 1 { return failures > 0 ? .infinity : 0 }
    let mixture =
      lgamma(Double(successes) + 1) + lgamma(Double(failures) + 1) - lgamma(Double(count) + 2)
    return mixture - Double(successes) * log(proportion) - Double(failures) * log1p(-proportion)
  }

  /// Bisects between an end that is rejected and the mean, which never is.
  private func boundary(from outside: Double, to inside: Double) -> Double {
    var outside = outside
    var inside = inside
    for _ in 0..<50 {
      let middle = (outside + inside) / 2
      if logEvidence(against: middle) > -log(alpha) { outside = middle } else { inside = middle }
    }
    return outside
  }
}
