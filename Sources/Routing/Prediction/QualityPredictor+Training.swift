extension QualityPredictor {
  /// How a predictor is trained; the defaults suit some hundreds to some ten thousands of records.
  package struct Training: Sendable, Equatable {
    /// Ridge penalty for up to 350 records; it grows with their number beyond, so that the penalty a record stays.
    package var penalty: Float = 1
    /// Passes over 5,000 records and more; fewer records, on which one pass does less, get more, at most eight times as many.
    package var passes = 12
    /// How much a measure one deviation from its mean weighs beside a text's n-grams, whose vector has length 1, for up to
    /// 500 records; it falls with their number beyond, as n-grams come to be known.
    package var denseScale: Float = 0.2
    package var stackingFolds = 5
    package var trees = BoostedTrees.Shape()
    /// How many times trees are boosted anew, with other draws of columns; their mean predicts.
    package var treeRuns = 2
    /// The trees' weight in the average, for a set so large that it no longer matters.
    package var treeShare: Float = 0.7
    /// Records at which the trees have half of that weight: trees need more data than a ridge regression.
    package var treeShareHalf: Float = 2000

    package init() {}
  }

  /// Trains on labelled records; the same records, settings and seed give the same predictor, bit for bit.
  ///
  /// Models with fewer than two records are left out.
  ///
  /// - Parameter prior: what the predictor is averaged with, as far as it helps; it is left out where it was itself trained
  ///   on more than one in a hundred of the records.
  package static func train(
    on records: [RoutingRecord], settings: Training = Training(), seed: UInt64 = 1,
    prior: RoutingPrior? = RoutingPrior.builtIn
  ) throws(RoutingError) -> QualityPredictor {
    try train(
      on: records.map { ($0, PromptFeatures($0.prompt, embedding: $0.embedding)) }, settings: settings, seed: seed,
      prior: prior)
  }

  static func train(
    on examples: [(record: RoutingRecord, features: PromptFeatures)], settings: Training, seed: UInt64,
    prior: RoutingPrior?
  ) throws(RoutingError) -> QualityPredictor {
    var counts: [String: Int] = [:]
    for example in examples {
      for model in example.record.outcomes.keys { counts[model, default: 0] += 1 }
    }
    let models = counts.filter { $0.value >= 2 }.keys.sorted()
    guard !models.isEmpty else { throw .tooFewRecords(found: examples.count, needed: 2) }
    var generator = SeededGenerator(seed: seed)
    let measures = examples.map(\.features.dense)
    let standardisation = Standardisation(
      of: measures, scale: settings.denseScale * min(1, 500 / Float(max(1, examples.count))))
    let dimension = examples.first?.features.embedding.count ?? 0
    let rarity = GramRarity(of: examples.map(\.features.grams))
    var predictor = QualityPredictor(standardisation: standardisation, rarity: rarity, heads: [])
    // Embeddings are used when every record has one, all of the same model.
    if dimension <= embeddingLimit, examples.allSatisfy({ $0.features.embedding.count == dimension }) {
      predictor.embeddingDimension = dimension
    }
    let rows = examples.map {
      TrainingRow(grams: rarity.weighted($0.features.grams), dense: predictor.linearInput($0.features))
    }
    // Every row's fold is drawn once, so that all heads are cross-fitted on the same folds.
    let folds = Folds(count: examples.count, folds: settings.stackingFolds, using: &generator)
    var linear: [LinearModel] = []
    var crossFitted = [[Float]](repeating: [], count: examples.count)
    for model in models {
      let labelled = examples.indices.filter { examples[$0].record.outcomes[model] != nil }
      let labels = examples.map { Float($0.record.outcomes[model] ?? 0) }
      let penalty = settings.penalty * max(1, Float(labelled.count) / 350)
      let passes = settings.passes * max(1, min(8, 5_000 / max(1, labelled.count)))
      func fit(_ chosen: [Int]) -> LinearModel {
        LinearModel.fit(
          chosen.map { rows[$0] }, chosen.map { labels[$0] }, penalty: penalty, passes: passes,
          using: &generator)
      }
      let whole = fit(labelled)
      for fold in 0..<folds.folds {
        let partial = fit(labelled.filter { folds.assignment[$0] != fold })
        for index in examples.indices where folds.assignment[index] == fold {
          crossFitted[index].append(partial.predict(rows[index].grams, rows[index].dense))
        }
      }
      linear.append(whole)
    }
    calibrate(&linear, &crossFitted, models.map { model in examples.map { $0.record.outcomes[model].map(Float.init) } })
    var heads: [Head] = []
    for (position, model) in models.enumerated() {
      let labelled = examples.indices.filter { examples[$0].record.outcomes[model] != nil }
      let labels = labelled.map { Float(examples[$0].record.outcomes[model] ?? 0) }
      var shape = settings.trees
      if labelled.count < 2000 { shape.smallestLeaf = max(5, shape.smallestLeaf / 2) }
      let data = BoostedTrees.Binned(labelled.map { measures[$0] + crossFitted[$0] })
      // Several boosted runs that draw other columns agree better with each other's mean than with each other.
      let runs = (0..<max(1, settings.treeRuns)).map { _ in
        BoostedTrees.fit(data, labels, shape: shape, using: &generator)
      }
      let trees = BoostedTrees.mean(of: runs)
      let ratio = Float(labelled.count) / max(1, settings.treeShareHalf)
      let share = settings.treeShare * ratio * ratio / (1 + ratio * ratio)
      heads.append(
        Head(
          model: model, examples: labelled.count, updates: 0, linear: linear[position], trees: trees,
          treeShare: share))
    }
    predictor.heads = heads
    if let prior, knows(prior, examples) <= PriorBlend.overlapLimit {
      predictor.blend = PriorBlend.fit(
        prior, features: examples.map(\.features), own: crossFitted,
        outcomes: examples.map { example in models.map { example.record.outcomes[$0].map(Float.init) } })
    }
    return predictor
  }

  /// The share of the records that a prior was trained on, 0 to 1.
  static func knows(
    _ prior: RoutingPrior, _ examples: [(record: RoutingRecord, features: PromptFeatures)]
  ) -> Double {
    let known = examples.count { prior.hasSeen($0.record.prompt) }
    return Double(known) / Double(max(1, examples.count))
  }

  /// Takes back what the linear parts claim beyond what their cross-fitted predictions bear out, all by the same factor.
  private static func calibrate(
    _ linear: inout [LinearModel], _ crossFitted: inout [[Float]], _ outcomes: [[Float?]]
  ) {
    let pairs = linear.indices.map { head in
      crossFitted.indices.compactMap { row in outcomes[head][row].map { (crossFitted[row][head], $0) } }
    }
    let calibration = Calibration(pairs)
    for head in linear.indices {
      calibration.apply(to: &linear[head], head: head)
      for row in crossFitted.indices { crossFitted[row][head] = calibration.apply(crossFitted[row][head], head: head) }
    }
  }
}

/// A seeded division of rows into folds whose sizes differ by at most one.
struct Folds: Sendable {
  var folds: Int
  var assignment: [Int]

  init(count: Int, folds: Int, using generator: inout SeededGenerator) {
    self.folds = max(2, folds)
    var order = Array(0..<count)
    order.shuffle(using: &generator)
    assignment = [Int](repeating: 0, count: count)
    for (position, row) in order.enumerated() { assignment[row] = position % self.folds }
  }
}
