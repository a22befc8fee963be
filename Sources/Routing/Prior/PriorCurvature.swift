/// How firmly an expert's own labels hold its linear weights: what further labels cannot move much.
///
/// A ridge regression is the posterior of a Gaussian prior, with the precision ZᵀZ + penalty over its rows Z (Bishop,
/// "Pattern Recognition and Machine Learning", 2006, section 3.3). Kept are the eigenvectors of ZᵀZ with the largest
/// eigenvalues, over the n-grams that weigh most and all measures. Training on further labels with this precision and the
/// expert's weights as mean gives nearly the weights that training on both sets of labels together would give.
package struct PriorCurvature: Sendable, Equatable {
  /// How much of ZᵀZ is kept.
  package struct Shape: Sendable, Equatable {
    /// N-gram buckets, those with the most weight in the rows.
    package var buckets = 512
    /// Directions, those that the rows pin down best.
    package var directions = 128
    /// Rounds of orthogonal iteration.
    package var rounds = 40

    package init() {}
  }

  /// The ridge penalty with which the expert was trained, and with which further labels are.
  let penalty: Float
  /// The n-gram buckets that directions have components for, ascending.
  let buckets: [UInt16]
  /// Measures that directions have components for, behind those for `buckets`.
  let measures: Int
  /// √(eigenvalue / (eigenvalue + penalty)) for each direction: 0 is free, 1 is fixed.
  let stiffness: [Float]
  /// Each direction's components, one direction after another, in steps of 1 / 32,767.
  let components: [Int16]
  /// Components times stiffness, as numbers.
  private let stiff: [Float]
  /// For each bucket, its place among `buckets`, or -1.
  private let places: [Int16]

  init(penalty: Float, buckets: [UInt16], measures: Int, stiffness: [Float], components: [Int16]) {
    self.penalty = penalty
    self.buckets = buckets
    self.measures = measures
    self.stiffness = stiffness
    self.components = components
    let width = buckets.count + measures
    stiff = components.indices.map { Float(components[$0]) / 32_767 * stiffness[$0 / max(1, width)] }
    var places = [Int16](repeating: -1, count: GramVector.bucketCount)
    for (place, bucket) in buckets.enumerated() { places[Int(bucket)] = Int16(place) }
    self.places = places
  }

  /// Finds the directions that `rows` pin down, all of which have the same number of measures.
  init(of rows: [TrainingRow], penalty: Float, shape: Shape = Shape()) {
    var weights = [Float](repeating: 0, count: GramVector.bucketCount)
    for row in rows {
      for (bucket, value) in zip(row.grams.indices, row.grams.values) { weights[Int(bucket)] += value * value }
    }
    let heaviest = weights.indices.filter { weights[$0] > 0 }.sorted {
      weights[$0] != weights[$1] ? weights[$0] > weights[$1] : $0 < $1
    }
    let buckets = heaviest.prefix(shape.buckets).sorted().map { UInt16($0) }
    let measures = rows.first?.dense.count ?? 0
    let empty = PriorCurvature(penalty: penalty, buckets: buckets, measures: measures, stiffness: [], components: [])
    let matrix = SymmetricMatrix(of: rows.map(empty.selected), width: buckets.count + measures)
    let pairs = matrix.leadingEigenvectors(min(shape.directions, rows.count), rounds: shape.rounds)
    self.init(
      penalty: penalty, buckets: buckets, measures: measures,
      stiffness: pairs.map { ($0.value / ($0.value + penalty)).squareRoot() },
      components: pairs.flatMap { $0.vector.map { Int16(max(-32_767, min(32_767, ($0 * 32_767).rounded()))) } })
  }

  /// The part of a row that directions have components for.
  private func selected(_ row: TrainingRow) -> [Float] {
    var values = [Float](repeating: 0, count: buckets.count + measures)
    for (bucket, value) in zip(row.grams.indices, row.grams.values) where places[Int(bucket)] >= 0 {
      values[Int(places[Int(bucket)])] = value
    }
    for index in 0..<min(measures, row.dense.count) { values[buckets.count + index] = row.dense[index] }
    return values
  }

  /// A row's components along the directions, times their stiffness. The inner product of two rows' components is what the
  /// prior takes away from the rows' own.
  func components(of row: TrainingRow) -> [Float] {
    let values = selected(row)
    let width = values.count
    return stiff.withUnsafeBytes { stiff in
      values.withUnsafeBytes { values in
        stiffness.indices.map { direction in
          var sums = SIMD8<Float>()
          var offset = 0
          let start = direction * width * 4
          while offset + 32 <= width * 4 {
            sums +=
              stiff.loadUnaligned(fromByteOffset: start + offset, as: SIMD8<Float>.self)
              * values.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
            offset += 32
          }
          var sum = sums.sum()
          while offset < width * 4 {
            sum +=
              stiff.loadUnaligned(fromByteOffset: start + offset, as: Float.self)
              * values.loadUnaligned(fromByteOffset: offset, as: Float.self)
            offset += 4
          }
          return sum
        }
      }
    }
  }

  /// Takes `amounts` of the stiff directions away from a model's weights.
  func subtract(_ amounts: [Float], from model: inout LinearModel) {
    let width = buckets.count + measures
    for (direction, amount) in amounts.enumerated() {
      for (place, bucket) in buckets.enumerated() {
        model.gramWeights[Int(bucket)] -= amount * stiff[direction * width + place]
      }
      for index in 0..<min(measures, model.denseWeights.count) {
        model.denseWeights[index] -= amount * stiff[direction * width + buckets.count + index]
      }
    }
  }
}

/// A symmetric matrix of rows' products, for the little that is asked of it.
struct SymmetricMatrix {
  let width: Int
  /// Row after row.
  private var values: [Float]

  /// The sum of every row's products with itself.
  init(of rows: [[Float]], width: Int) {
    self.width = width
    values = [Float](repeating: 0, count: width * width)
    values.withUnsafeMutableBufferPointer { values in
      for row in rows {
        row.withUnsafeBufferPointer { row in
          for first in 0..<width where row[first] != 0 {
            let factor = row[first]
            let start = first * width
            for second in 0..<width { values[start + second] += factor * row[second] }
          }
        }
      }
    }
  }

  /// Eigenvectors of length 1 with the largest eigenvalues, by orthogonal iteration (Golub and Van Loan, "Matrix
  /// Computations", section 8.2.4): `rounds` products and orthogonalisations, from a start that is always the same.
  func leadingEigenvectors(_ count: Int, rounds: Int) -> [(value: Float, vector: [Float])] {
    var generator = SeededGenerator(seed: 0x5EED)
    var vectors = (0..<min(count, width)).map { _ in (0..<width).map { _ in Float(generator.unit()) - 0.5 } }
    Self.orthogonalise(&vectors)
    for _ in 0..<rounds {
      vectors = vectors.map(product)
      Self.orthogonalise(&vectors)
    }
    return vectors.compactMap { vector in
      let value = Self.dot(vector, product(vector))
      return value > 1e-6 ? (value, vector) : nil
    }.sorted { $0.value > $1.value }
  }

  private func product(_ vector: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: width) { result, count in
      result.initialize(repeating: 0)
      values.withUnsafeBufferPointer { values in
        for row in 0..<width {
          let factor = vector[row]
          let start = row * width
          for column in 0..<width { result[column] += factor * values[start + column] }
        }
      }
      count = width
    }
  }

  /// The modified Gram-Schmidt process, twice over for accuracy; a vector of which nothing is left becomes 0.
  private static func orthogonalise(_ vectors: inout [[Float]]) {
    for index in vectors.indices {
      var vector = vectors[index]
      normalise(&vector)
      for _ in 0..<2 {
        for earlier in vectors[..<index] { add(earlier, times: -dot(earlier, vector), to: &vector) }
      }
      normalise(&vector)
      vectors[index] = vector
    }
  }

  private static func normalise(_ vector: inout [Float]) {
    let length = dot(vector, vector).squareRoot()
    let factor = length > 1e-6 ? 1 / length : 0
    for index in vector.indices { vector[index] *= factor }
  }

  private static func add(_ other: [Float], times factor: Float, to vector: inout [Float]) {
    vector.withUnsafeMutableBufferPointer { vector in
      other.withUnsafeBufferPointer { other in
        for index in vector.indices { vector[index] += factor * other[index] }
      }
    }
  }

  private static func dot(_ first: [Float], _ second: [Float]) -> Float {
    first.withUnsafeBufferPointer { first in
      second.withUnsafeBufferPointer { second in
        var sum: Float = 0
        for index in first.indices { sum += first[index] * second[index] }
        return sum
      }
    }
  }
}
