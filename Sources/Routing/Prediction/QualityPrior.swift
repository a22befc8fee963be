import Glibc

/// What is assumed of a model's quality before anything is known of it. It is declared, not learned: a starting point that
/// counts as twenty labelled answers, and that feedback and training replace.
package enum QualityPrior {
  /// How much harder a request becomes, in log-odds of a good answer, from the least complexity to the greatest.
  static let difficulty = 3.0
  /// The complexity for which a prior is stated.
  static let middling = 0.35

  /// Log-odds of a good answer by size: -1 at a billion weights, and 0.9 more for every factor of ten.
  package static func quality(parameters: Int) -> Double {
    logistic(-1 + 0.9 * log10(max(1e6, Double(parameters)) / 1e9))
  }

  /// Log-odds of a good answer by what a million tokens of answer cost: 0.3 at one unit of the currency, and 0.9 more for
  /// every factor of ten. Nil for a model that costs nothing, whose price says nothing.
  package static func quality(outputMicros: Int) -> Double? {
    outputMicros > 0 ? logistic(0.3 + 0.9 * log10(max(1e3, Double(outputMicros)) / 1e6)) : nil
  }

  /// The assumption for a request: as stated for one of middling complexity, less for a harder one. The same shift of the
  /// log-odds for every model (Rasch, 1960), so that a strong model gains most where a weak one is likely to fail.
  static func quality(_ assumed: Double, complexity: Double) -> Double {
    let bounded = max(0.01, min(0.99, assumed.isNaN ? 0.5 : assumed))
    return logistic(log(bounded / (1 - bounded)) + difficulty * (middling - complexity))
  }

  private static func logistic(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
}
