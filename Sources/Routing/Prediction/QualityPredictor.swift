/// Predicts P(good answer | request, model), for every model that it was trained on.
///
/// Each model has a *head*: a ridge regression on hashed character n-grams and standardised measures, and boosted trees on
/// the measures and on the regression's own cross-fitted prediction (stacking: Wolpert, Neural Networks 5, 1992). Both
/// predict the probability directly by squared loss, and are averaged. Feedback moves the linear part online.
package struct QualityPredictor: Sendable, Equatable {
  /// What has been learned about one model.
  struct Head: Sendable, Equatable {
    var model: String
    /// Labelled answers it was trained on.
    var examples: Int
    /// Answers it has learned from online since.
    var updates: Int
    var linear: LinearModel
    var trees: BoostedTrees
    /// The trees' weight in the average, 0 to 1.
    var treeShare: Float
  }

  let standardisation: Standardisation
  /// What n-grams weigh.
  let rarity: GramRarity
  /// Components of the embeddings it was trained with; 0 for none.
  let embeddingDimension: Int
  /// Ordered by model name.
  private(set) var heads: [Head]
  /// The share of the prior's labels among all that stand behind it, 0 to 1; 0 where the prior took no part.
  package let priorShare: Float
  private var layout: PredictorLayout

  init(
    standardisation: Standardisation, rarity: GramRarity, embeddingDimension: Int, heads: [Head], priorShare: Float
  ) {
    self.standardisation = standardisation
    self.rarity = rarity
    self.embeddingDimension = embeddingDimension
    self.heads = heads
    self.priorShare = priorShare
    layout = PredictorLayout(heads, rarity: rarity, inputs: DenseMeasures.count + heads.count)
  }

  /// The models it knows, in order of name.
  package var models: [String] { heads.map(\.model) }

  /// Probabilities stay inside this range: nothing that was learned from samples is certain.
  static let certainty: ClosedRange<Float> = 0.01...0.99

  /// One model's estimate for one request.
  package struct Estimate: Sendable, Equatable, Codable {
    package var model: String
    /// P(good answer), 0.01 to 0.99.
    package var probability: Double
    /// What the linear part and the trees each said, before averaging and clamping.
    package var linear: Double
    package var trees: Double
    /// How many labelled answers stand behind it.
    package var examples: Int
  }

  /// The estimates for every known model, in order of name.
  package func estimates(for features: PromptFeatures) -> [Estimate] {
    let parts = parts(for: features)
    return heads.indices.map { index in
      let head = heads[index]
      let probability = Self.mean(parts.linear[index], parts.trees[index], head.treeShare)
      return Estimate(
        model: head.model, probability: Double(Self.clamped(probability)), linear: Double(parts.linear[index]),
        trees: Double(parts.trees[index]), examples: head.examples + head.updates)
    }
  }

  /// Every head's prediction, not clamped.
  func rawEstimates(for features: PromptFeatures) -> [Float] {
    let parts = parts(for: features)
    return heads.indices.map { Self.mean(parts.linear[$0], parts.trees[$0], heads[$0].treeShare) }
  }

  private func parts(for features: PromptFeatures) -> (linear: [Float], trees: [Float]) {
    let standardised = linearInput(features)
    let products = layout.products(features.grams)
    let linear = heads.indices.map { heads[$0].linear.predict(product: products[$0], standardised) }
    let trees = (features.dense + linear).withUnsafeBufferPointer { input in
      heads.indices.map { head in
        heads[head].treeShare > 0 ? layout.trees(head: head, bias: heads[head].trees.bias, input) : 0
      }
    }
    return (linear, trees)
  }

  /// Moves one head's linear part by `step` times a row, and its constant by `constant`, and counts that.
  mutating func move(head: Int, by step: Float, along row: TrainingRow, constant: Float) {
    heads[head].linear.bias += constant
    for (bucket, value) in zip(row.grams.indices, row.grams.values) {
      heads[head].linear.gramWeights[Int(bucket)] += step * value
      layout.setWeight(heads[head].linear.gramWeights[Int(bucket)], bucket: Int(bucket), head: head)
    }
    for position in 0..<min(row.dense.count, heads[head].linear.denseWeights.count) {
      heads[head].linear.denseWeights[position] += step * row.dense[position]
    }
    heads[head].updates += 1
  }

  /// P(good answer) of one model, or nil when the predictor does not know it.
  package func probability(of model: String, for features: PromptFeatures) -> Double? {
    estimates(for: features).first { $0.model == model }?.probability
  }

  /// A request as the linear parts are trained on it.
  func row(_ features: PromptFeatures) -> TrainingRow {
    TrainingRow(grams: rarity.weighted(features.grams), dense: linearInput(features))
  }

  /// What the linear parts read besides n-grams: standardised measures, then the embedding.
  ///
  /// An embedding that is missing or of another dimension counts as nothing.
  func linearInput(_ features: PromptFeatures) -> [Float] {
    let measures = standardisation.apply(features.dense)
    return features.embedding.count == embeddingDimension ? measures + features.embedding : measures
  }

  private static func mean(_ linear: Float, _ trees: Float, _ treeShare: Float) -> Float {
    (1 - treeShare) * linear + treeShare * trees
  }

  private static func clamped(_ probability: Float) -> Float {
    max(certainty.lowerBound, min(certainty.upperBound, probability))
  }
}
