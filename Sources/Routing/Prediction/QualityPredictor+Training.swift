import Glibc

extension QualityPredictor {
  /// How a predictor is trained; the defaults suit some hundreds to some ten thousands of records.
  package struct Training: Sendable, Equatable {
    /// Ridge penalty for up to 650 records; beyond, it grows faster than their number.
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

    /// The ridge penalty for so many labels.
    func penalty(records: Int) -> Float { penalty * pow(max(1, Float(records) / 650), 1.5) }

    /// Passes over so many labels.
    func passes(records: Int) -> Int { passes * max(1, min(8, 5_000 / max(1, records))) }

    /// The trees' weight in the average, from so many labels.
    func treeShare(records: Int) -> Float {
      let ratio = Float(records) / max(1, treeShareHalf)
      return treeShare * ratio * ratio / (1 + ratio * ratio)
    }
  }

  /// Trains on labelled records; the same records, settings and seed give the same predictor, bit for bit.
  ///
  /// Models with fewer than two records are left out.
  ///
  /// - Parameter prior: what is known beforehand; it takes part unless it was itself trained on more than one in a hundred of
  ///   the records, or they contradict it.
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
    try trained(on: examples, settings: settings, seed: seed, prior: prior).predictor
  }

  /// The predictor, and the slope by which its linear parts were calibrated.
  static func trained(
    on examples: [(record: RoutingRecord, features: PromptFeatures)], settings: Training, seed: UInt64,
    prior: RoutingPrior?
  ) throws(RoutingError) -> (predictor: QualityPredictor, slope: Float) {
    var counts: [String: Int] = [:]
    for example in examples {
      for model in example.record.outcomes.keys { counts[model, default: 0] += 1 }
    }
    let models = counts.filter { $0.value >= 2 }.keys.sorted()
    guard !models.isEmpty else { throw .tooFewRecords(found: examples.count, needed: 2) }
    var generator = SeededGenerator(seed: seed)
    let folds = Folds(count: examples.count, folds: settings.stackingFolds, using: &generator)
    // Embeddings are used when every record has one, all of the same model.
    let dimension = examples.first?.features.embedding.count ?? 0
    let hasEmbeddings =
      dimension <= embeddingLimit && examples.allSatisfy { $0.features.embedding.count == dimension }
    let records = LinearStage.Records(
      features: examples.map(\.features),
      outcomes: examples.map { example in models.map { example.record.outcomes[$0].map(Float.init) } },
      folds: folds, embeddingDimension: hasEmbeddings ? dimension : 0, headCount: models.count)
    var stage = LinearStage(records, settings: settings, start: nil, using: &generator)
    var start: PriorStart?
    if let prior, knows(prior, examples) <= RoutingPrior.overlapLimit,
      let found = PriorStart(prior, features: records.features, outcomes: records.outcomes),
      !found.isContradicted(by: records.outcomes)
    {
      let guided = LinearStage(records, settings: settings, start: found, using: &generator)
      if !stage.contradicts(guided, outcomes: records.outcomes) {
        stage = guided
        start = found
      }
    }
    var heads: [Head] = []
    for (head, model) in models.enumerated() {
      let labelled = examples.indices.filter { records.outcomes[$0][head] != nil }
      let labels = labelled.map { records.outcomes[$0][head] ?? 0 }
      let inputs = labelled.map { records.features[$0].dense + stage.crossFitted[$0] }
      var shape = settings.trees
      if labelled.count < 2000 { shape.smallestLeaf = max(5, shape.smallestLeaf / 2) }
      let data = BoostedTrees.Binned(inputs)
      // Several boosted runs that draw other columns agree better with each other's mean than with each other.
      // An expert's own runs are as good as another.
      let runs = (0..<(start == nil ? max(1, settings.treeRuns) : 1)).map { _ in
        BoostedTrees.fit(data, labels, shape: shape, using: &generator)
      }
      var trees = BoostedTrees.mean(of: runs.map { ($0, 1 / Float(runs.count)) })
      var treeShare = settings.treeShare(records: labelled.count)
      if let start {
        trees = start.trees(trees, head: head, inputs: inputs, labels: labels)
        let known = start.expert.predictor.heads[start.matches[head]].treeShare
        treeShare += (known - treeShare) * start.share(of: labels.count)
      }
      heads.append(
        Head(
          model: model, examples: labelled.count, updates: 0, linear: stage.models[head], trees: trees,
          treeShare: treeShare))
    }
    let predictor = QualityPredictor(
      standardisation: stage.standardisation, rarity: stage.rarity, embeddingDimension: records.embeddingDimension,
      heads: heads, priorShare: start?.share(of: examples.count) ?? 0)
    return (predictor, stage.slope)
  }

  /// The share of the records that a prior was trained on, 0 to 1.
  static func knows(
    _ prior: RoutingPrior, _ examples: [(record: RoutingRecord, features: PromptFeatures)]
  ) -> Double {
    let known = examples.count { prior.hasSeen($0.record.prompt) }
    return Double(known) / Double(max(1, examples.count))
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
