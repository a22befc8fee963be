/// Straight lines through (prediction, outcome) pairs of requests that the predictions were not trained on: one slope for
/// all models, and a mean for each.
///
/// The slope says how much of the predictions' spread is real: below 1, they claim more than they know. That it is shared
/// keeps the order of requests by the difference of two models' predictions, which is what routing compares. A linear case
/// of Platt's scaling (1999), on cross-fitted predictions.
struct Calibration: Sendable {
  private var means: [(prediction: Float, outcome: Float)] = []
  private(set) var slope: Float

  /// The least-squares slope over every model's pairs, kept within 0 and 1: calibration takes back, it never exaggerates.
  init(_ models: [[(prediction: Float, outcome: Float)]]) {
    var covariance: Float = 0
    var variance: Float = 0
    for pairs in models {
      let count = Float(max(1, pairs.count))
      let prediction = pairs.reduce(0) { $0 + $1.prediction } / count
      let outcome = pairs.reduce(0) { $0 + $1.outcome } / count
      for pair in pairs {
        covariance += (pair.prediction - prediction) * (pair.outcome - outcome)
        variance += (pair.prediction - prediction) * (pair.prediction - prediction)
      }
      means.append((prediction, outcome))
    }
    slope = variance > 1e-9 ? max(0, min(1, covariance / variance)) : 0
  }

  /// The corrected prediction of the model at `head`.
  func apply(_ prediction: Float, head: Int) -> Float {
    means[head].outcome + slope * (prediction - means[head].prediction)
  }

  /// The same correction as a change of a linear model's own weights.
  func apply(to model: inout LinearModel, head: Int) {
    model.bias = apply(model.bias, head: head)
    for index in model.gramWeights.indices { model.gramWeights[index] *= slope }
    for index in model.denseWeights.indices { model.denseWeights[index] *= slope }
  }
}
