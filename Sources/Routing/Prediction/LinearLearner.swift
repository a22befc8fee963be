/// A ridge regression on a request's n-grams and standardised measures.
package struct LinearModel: Sendable, Equatable {
  /// The mean of the labels: what is predicted of a request about which nothing is known.
  var bias: Float
  /// One weight for each n-gram bucket.
  var gramWeights: [Float]
  /// One weight for each dense measure, after standardisation.
  var denseWeights: [Float]

  /// The prediction for one request whose dense measures have been standardised.
  @inline(__always)
  func predict(_ grams: GramVector, _ standardised: [Float]) -> Float {
    predict(product: grams.dot(gramWeights), standardised)
  }

  /// The same, where the n-grams' part is known.
  @inline(__always)
  func predict(product: Float, _ standardised: [Float]) -> Float {
    var sum = bias + product
    for index in 0..<min(standardised.count, denseWeights.count) { sum += standardised[index] * denseWeights[index] }
    return sum
  }

  /// Fits labels by ridge regression: least squares with the penalty `penalty` · ‖w‖² on every weight but the bias.
  ///
  /// With a curvature, the penalty is the one that it was made with, and grows in the directions that it holds: rows' inner
  /// products are less by those of their components along them.
  ///
  /// Solved by dual coordinate ascent (Shalev-Shwartz and Zhang, "Stochastic Dual Coordinate Ascent Methods for Regularized
  /// Loss Minimization", JMLR 14, 2013): exact steps, no step size, and a fixed number of passes in an order that
  /// `generator` fixes.
  static func fit(
    _ rows: [TrainingRow], _ labels: [Float], penalty: Float, passes: Int,
    curvature: PriorCurvature? = nil, using generator: inout SeededGenerator
  ) -> LinearModel {
    let denseCount = rows.first?.dense.count ?? 0
    let bias = labels.isEmpty ? 0 : labels.reduce(0, +) / Float(labels.count)
    var gramWeights = [Float](repeating: 0, count: GramVector.bucketCount)
    var denseWeights = [Float](repeating: 0, count: denseCount)
    let knownCount = rows.first?.known.count ?? 0
    var knownWeights = [Float](repeating: 0, count: knownCount)
    var duals = [Float](repeating: 0, count: rows.count)
    var order = Array(rows.indices)
    gramWeights.withUnsafeMutableBufferPointer { grams in
      denseWeights.withUnsafeMutableBufferPointer { dense in
        knownWeights.withUnsafeMutableBufferPointer { known in
          for _ in 0..<passes {
            order.shuffle(using: &generator)
            for index in order {
              let row = rows[index]
              var predicted: Float = 0
              for position in row.grams.indices.indices {
                predicted += grams[Int(row.grams.indices[position])] * row.grams.values[position]
              }
              for position in 0..<denseCount { predicted += dense[position] * row.dense[position] }
              for position in 0..<knownCount { predicted -= known[position] * row.known[position] }
              let residual = labels[index] - bias - predicted
              let step = (residual - penalty * duals[index]) / (penalty + row.squaredLength)
              duals[index] += step
              for position in row.grams.indices.indices {
                grams[Int(row.grams.indices[position])] += step * row.grams.values[position]
              }
              for position in 0..<denseCount { dense[position] += step * row.dense[position] }
              for position in 0..<knownCount { known[position] += step * row.known[position] }
            }
          }
        }
      }
    }
    var model = LinearModel(bias: bias, gramWeights: gramWeights, denseWeights: denseWeights)
    curvature?.subtract(knownWeights, from: &model)
    return model
  }
}

/// One request as the learners see it.
struct TrainingRow: Sendable {
  var grams: GramVector
  /// Standardised measures.
  var dense: [Float]
  /// Its components along the directions that a prior holds; empty without one.
  var known: [Float] = [] {
    didSet { squaredLength = max(0, squaredLength - known.reduce(0) { $0 + $1 * $1 }) }
  }
  /// ‖x‖² over n-grams and measures, less that over what is known.
  private(set) var squaredLength: Float

  init(grams: GramVector, dense: [Float]) {
    self.grams = grams
    self.dense = dense
    squaredLength =
      grams.values.reduce(0) { $0 + $1 * $1 } + dense.reduce(0) { $0 + $1 * $1 }
  }
}

/// Brings dense measures to comparable scales: (value − mean) / deviation, cut at ±4, times `scale`.
package struct Standardisation: Sendable, Equatable {
  var means: [Float]
  var inverseDeviations: [Float]
  /// How much a measure one deviation from its mean weighs beside a text's n-grams, whose vector has length 1.
  var scale: Float

  /// Learns means and deviations from `rows`, all of the same length.
  init(of rows: [[Float]], scale: Float) {
    self.scale = scale
    let width = rows.first?.count ?? 0
    let count = Float(max(1, rows.count))
    var means = [Float](repeating: 0, count: width)
    var squares = [Float](repeating: 0, count: width)
    for row in rows {
      for index in 0..<width { means[index] += row[index] / count }
    }
    for row in rows {
      for index in 0..<width {
        let difference = row[index] - means[index]
        squares[index] += difference * difference / count
      }
    }
    self.means = means
    inverseDeviations = squares.map { $0 > 1e-9 ? 1 / $0.squareRoot() : 0 }
  }

  init(means: [Float], inverseDeviations: [Float], scale: Float) {
    self.scale = scale
    self.means = means
    self.inverseDeviations = inverseDeviations
  }

  func apply(_ values: [Float]) -> [Float] {
    var result = [Float](repeating: 0, count: means.count)
    for index in 0..<min(values.count, means.count) {
      let standard = (values[index] - means[index]) * inverseDeviations[index]
      result[index] = max(-4, min(4, standard)) * scale
    }
    return result
  }
}
