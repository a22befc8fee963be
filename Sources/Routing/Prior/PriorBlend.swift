/// How a predictor's own estimates and the built-in prior's are averaged.
///
/// The expert is the one whose subject the training records belong to. Its share is that of its labels among all labels
/// that stand behind the average, so that few labels lean on the prior and many stand alone, unless the records contradict
/// it: where least squares on cross-fitted predictions finds, by more than two standard errors, that this share serves the
/// outcomes worse than none, it is the share that serves them best. The share is the same for all models, which keeps the
/// order of requests by the difference of two models' predictions.
package struct PriorBlend: Sendable, Equatable {
  /// The prior's share in the average, 0 to 1.
  package var share: Float
  /// The expert, by its position in the prior.
  var expert: Int
  /// For each of the predictor's heads, the expert's head that is as often right, and what to add to its prediction.
  var heads: [Match]
  /// The prior itself.
  let prior: RoutingPrior

  /// One head of an expert, moved to the mean of a model's own labels.
  struct Match: Sendable, Equatable {
    var head: Int
    var shift: Float
  }

  /// The share of training records that the prior may know already: beyond it, its agreement with them says nothing.
  static let overlapLimit = 0.01
  /// Shares below this are not worth asking the prior.
  static let smallestShare = 0.05

  /// What the expert predicts, for each of its heads.
  func guesses(for features: PromptFeatures) -> [Float] {
    prior.experts[expert].predictor.rawEstimates(for: features)
  }

  /// The average of a model's own prediction and the prior's.
  @inline(__always)
  func average(_ own: Float, _ prior: [Float], head: Int) -> Float {
    let match = heads[head]
    return (1 - share) * own + share * (prior[match.head] + match.shift)
  }

  /// Finds the expert and the share that fit the outcomes best.
  ///
  /// - Parameters:
  ///   - own: for each record and each of the predictor's heads, its cross-fitted prediction.
  ///   - outcomes: for each record and head, the label; nil where there is none.
  /// - Returns: nil where the prior has nothing to add.
  static func fit(
    _ prior: RoutingPrior, features: [PromptFeatures], own: [[Float]], outcomes: [[Float?]]
  ) -> PriorBlend? {
    guard let headCount = own.first?.count, headCount > 0, let position = subject(of: features, in: prior) else {
      return nil
    }
    let expert = prior.experts[position]
    let guesses = features.map { expert.predictor.rawEstimates(for: $0) }
    var matches: [Match] = []
    var product = 0.0
    var square = 0.0
    var loss = 0.0
    var rowCount = 0
    for head in 0..<headCount {
      let rows = features.indices.filter { outcomes[$0][head] != nil }
      let candidates = expert.predictor.heads.indices.map { Line(rows, guesses, own, outcomes, head: head, guess: $0) }
      guard let match = candidates.min(by: { abs($0.shift) < abs($1.shift) }) else { return nil }
      matches.append(Match(head: match.guess, shift: match.shift))
      product += match.product
      square += match.square
      loss += match.ownLoss
      rowCount += rows.count
    }
    let labels = expert.predictor.heads.map(\.examples).max() ?? 0
    let usual = Double(labels) / Double(max(1, labels + features.count))
    let best = square > 1e-9 ? product / square : 0
    let error = square > 1e-9 ? (loss / Double(max(1, rowCount)) / square).squareRoot() : 0
    // Of a parabola through 0 with its lowest point at `best`, all that lies below 0 ends at twice that point.
    let share = 2 * (best + 2 * error) >= usual ? usual : best
    guard share >= smallestShare else { return nil }
    return PriorBlend(share: Float(share), expert: position, heads: matches, prior: prior)
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

  /// Least squares of one head's labels on its own predictions and one of the expert's.
  private struct Line {
    var guess: Int
    var shift: Float
    var product = 0.0
    var square = 0.0
    var ownLoss = 0.0

    init(_ rows: [Int], _ guesses: [[Float]], _ own: [[Float]], _ outcomes: [[Float?]], head: Int, guess: Int) {
      self.guess = guess
      let count = Float(max(1, rows.count))
      let labels = rows.reduce(Float(0)) { $0 + (outcomes[$1][head] ?? 0) } / count
      shift = labels - rows.reduce(Float(0)) { $0 + guesses[$1][guess] } / count
      for row in rows {
        let residual = Double((outcomes[row][head] ?? 0) - own[row][head])
        let difference = Double(guesses[row][guess] + shift - own[row][head])
        product += residual * difference
        square += difference * difference
        ownLoss += residual * residual
      }
    }
  }
}
