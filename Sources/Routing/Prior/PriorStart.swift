/// Where the training of a predictor starts from when an expert of the prior knows the subject of its records.
///
/// Each of the predictor's heads starts from the expert's head that is as often right. Its linear weights are the mean of a
/// Gaussian whose precision is the expert's own (see ``PriorCurvature``), so that what comes out is nearly what training on
/// the expert's labels and the new ones together would give.
struct PriorStart: Sendable {
  let expert: RoutingPrior.Expert
  /// For each of the predictor's heads, the expert's head.
  let matches: [Int]
  /// For each of the expert's heads, what its linear weights say of each record, without a constant that is the same for all.
  private let linear: [[Float]]

  /// The expert for `features`, and which of its heads the outcomes resemble.
  ///
  /// - Parameter outcomes: for each record and head, the label; nil where there is none.
  init?(_ prior: RoutingPrior, features: [PromptFeatures], outcomes: [[Float?]]) {
    guard let headCount = outcomes.first?.count, let position = Self.subject(of: features, in: prior) else {
      return nil
    }
    let expert = prior.experts[position]
    self.expert = expert
    let rows = features.map(expert.predictor.row)
    let linear = expert.predictor.heads.map { head in rows.map { head.linear.predict($0.grams, $0.dense) } }
    self.linear = linear
    matches = (0..<headCount).map { head in
      let labelled = features.indices.filter { outcomes[$0][head] != nil }
      func distance(_ guess: Int) -> Float {
        abs(labelled.reduce(0) { $0 + (outcomes[$1][head] ?? 0) - linear[guess][$1] })
      }
      return expert.predictor.heads.indices.min { distance($0) < distance($1) } ?? 0
    }
  }

  /// Whether the labels show the expert to be worse than knowing nothing but their mean: by more than two standard errors of
  /// the squared loss.
  func isContradicted(by outcomes: [[Float?]]) -> Bool {
    var differences = [Double](repeating: 0, count: outcomes.count)
    for head in matches.indices {
      let labelled = outcomes.indices.filter { outcomes[$0][head] != nil }
      let guesses = linear[matches[head]]
      let count = Float(max(1, labelled.count))
      let labelMean = labelled.reduce(Float(0)) { $0 + (outcomes[$1][head] ?? 0) } / count
      let guessMean = labelled.reduce(Float(0)) { $0 + guesses[$1] } / count
      for row in labelled {
        let label = Double((outcomes[row][head] ?? 0) - labelMean)
        let guess = Double(guesses[row] - guessMean)
        differences[row] += (label - guess) * (label - guess) - label * label
      }
    }
    return Self.isClearlyPositive(differences)
  }

  /// Whether the mean of `values` is above 0 by more than two standard errors.
  static func isClearlyPositive(_ values: [Double]) -> Bool {
    let count = Double(max(1, values.count))
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    return mean > 2 * (variance / count).squareRoot()
  }

  /// What the expert's uncalibrated weights say of a record about the predictor's `head`.
  func guess(_ row: Int, head: Int) -> Float { linear[matches[head]][row] / expert.slope }

  /// The expert's uncalibrated weights and `change` put together, with room for a longer list of measures.
  func weights(changedBy change: LinearModel, head: Int) -> LinearModel {
    let start = expert.predictor.heads[matches[head]].linear
    var model = change
    model.bias += start.bias / expert.slope
    for index in model.gramWeights.indices { model.gramWeights[index] += start.gramWeights[index] / expert.slope }
    for index in start.denseWeights.indices { model.denseWeights[index] += start.denseWeights[index] / expert.slope }
    return model
  }

  /// The predictor's own trees and the expert's, each as far as its labels go; the expert's are moved to the mean of the
  /// predictor's labels.
  ///
  /// - Parameters:
  ///   - own: the trees of `head`, from `labels`.
  ///   - inputs: for each labelled record, its measures and then what each of the predictor's linear parts says.
  func trees(_ own: BoostedTrees, head: Int, inputs: [[Float]], labels: [Float]) -> BoostedTrees {
    let known = expert.predictor.heads[matches[head]]
    let width = DenseMeasures.count
    // The expert's trees ask what its own linear parts say; the predictor's that started from those answer in their place.
    var moved = known.trees
    for index in moved.nodes.indices where Int(moved.nodes[index].measure) >= width {
      let asked = Int(moved.nodes[index].measure) - width
      let answering = asked == matches[head] ? head : matches.firstIndex(of: asked) ?? head
      moved.nodes[index].measure = Int16(width + answering)
    }
    let difference = inputs.indices.reduce(Float(0)) { $0 + labels[$1] - moved.predict(inputs[$1]) }
    moved.bias += difference / Float(max(1, labels.count))
    return BoostedTrees.mean(of: [(own, 1 - share(of: labels.count)), (moved, share(of: labels.count))])
  }

  /// The expert's part in all labels that stand behind a head with `count` labels of its own.
  func share(of count: Int) -> Float {
    let known = expert.predictor.heads.map(\.examples).max() ?? 0
    return Float(known) / Float(max(1, known + count))
  }

  /// The expert whose subject most of the records belong to.
  private static func subject(of features: [PromptFeatures], in prior: RoutingPrior) -> Int? {
    guard !features.isEmpty else { return nil }
    var sums = [Double](repeating: 0, count: prior.experts.count)
    for features in features {
      for (index, fit) in prior.fits(of: features).enumerated() { sums[index] += fit }
    }
    return sums.indices.max { sums[$0] < sums[$1] }
  }
}
