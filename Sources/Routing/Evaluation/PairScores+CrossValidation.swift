extension PairScores {
  /// Scores every record with a predictor trained on the other folds.
  static func crossValidated(
    _ examples: [(record: RoutingRecord, features: PromptFeatures)], settings: RouteEvaluation.Settings,
    progress: (Double) -> Void
  ) throws(RoutingError) -> PairScores {
    var generator = SeededGenerator(seed: settings.seed)
    let folds = Folds(count: examples.count, folds: settings.folds, using: &generator)
    var weakProbability = [Double](repeating: 0, count: examples.count)
    var strongProbability = weakProbability
    for fold in 0..<folds.folds {
      let training = examples.indices.filter { folds.assignment[$0] != fold }.map { examples[$0] }
      let predictor = try QualityPredictor.train(
        on: training, settings: settings.training, seed: settings.seed &+ UInt64(fold), prior: settings.prior)
      for index in examples.indices where folds.assignment[index] == fold {
        for estimate in predictor.estimates(for: examples[index].features) {
          if estimate.model == RoutingRecord.weak { weakProbability[index] = estimate.probability }
          if estimate.model == RoutingRecord.strong { strongProbability[index] = estimate.probability }
        }
      }
      progress(Double(fold + 1) / Double(folds.folds))
    }
    return PairScores(
      weak: examples.map { $0.record.outcomes[RoutingRecord.weak] ?? 0 },
      strong: examples.map { $0.record.outcomes[RoutingRecord.strong] ?? 0 },
      predicted: examples.indices.map { strongProbability[$0] - weakProbability[$0] },
      weakProbability: weakProbability, strongProbability: strongProbability,
      length: examples.map { Double($0.record.prompt.utf8.count) })
  }

  /// Expected calibration error (Guo et al., ICML 2017) over ten equal bins, of both models' predictions together.
  var calibrationError: Double {
    var predicted = [Double](repeating: 0, count: 10)
    var observed = predicted
    var counts = predicted
    for (probabilities, outcomes) in [(weakProbability, weak), (strongProbability, strong)] {
      for (probability, outcome) in zip(probabilities, outcomes) {
        let bin = max(0, min(9, Int(probability * 10)))
        predicted[bin] += probability
        observed[bin] += outcome
        counts[bin] += 1
      }
    }
    let total = max(1, counts.reduce(0, +))
    return (0..<10).reduce(0) { $0 + abs(predicted[$1] - observed[$1]) / total }
  }
}
