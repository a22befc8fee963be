import Glibc

/// How much each n-gram weighs in a predictor, by how many of the training texts it occurs in.
///
/// Inverse document frequency (Spärck Jones, Journal of Documentation 28, 1972), raised to a power that depends on how many
/// texts there are. Among thousands, the rare n-grams tell subjects apart, and the power is above 0. Among hundreds, what a
/// rare n-gram goes with is chance, and below 0 the common ones, which say how a text is made, count for more.
package struct GramRarity: Sendable, Equatable {
  /// Texts that were counted.
  let documents: Int
  /// In how many of them each bucket occurs; the largest count stands for all beyond it.
  let frequencies: [UInt16]
  private let scales: [Float]

  /// Counts `vectors`.
  init(of vectors: [GramVector]) {
    var frequencies = [UInt16](repeating: 0, count: GramVector.bucketCount)
    for vector in vectors {
      for index in vector.indices where frequencies[Int(index)] < .max { frequencies[Int(index)] += 1 }
    }
    self.init(documents: vectors.count, frequencies: frequencies)
  }

  /// What was counted before: `GramVector.bucketCount` frequencies.
  init(documents: Int, frequencies: [UInt16]) {
    self.documents = documents
    self.frequencies = frequencies
    let power = Self.power(documents: documents)
    let all = Float(documents + 1)
    // Few counts occur often, so each one's power is taken once.
    var known: [UInt16: Float] = [:]
    scales = frequencies.map { count in
      if let scale = known[count] { return scale }
      let scale = pow(max(0.5, log(all / Float(min(Int(count), documents) + 1)) + 1), power)
      known[count] = scale
      return scale
    }
  }

  /// From -1 at some 560 texts over 0 at 1,000 to 1.5 at 2,400 and beyond. Chosen on parts of two sets of published outcomes,
  /// of 520 to 7,000 texts; see docs/benchmarks/routing.md.
  static func power(documents: Int) -> Float {
    max(-1, min(1.5, 4 * log10(Float(max(1, documents)) / 1000)))
  }

  /// How long a text's shape is beside its letters, whose length is 1. As with measures, what few texts teach best counts for
  /// less as the rest comes to be known.
  var shapeLength: Float { (0.5 * min(1, 500 / Float(max(1, documents)))).squareRoot() }

  /// How much a bucket's n-grams weigh.
  func scale(of bucket: Int) -> Float { scales[bucket] }

  /// A text's n-grams by these weights, letters scaled to length 1 and the shape to its own length.
  func weighted(_ grams: GramVector) -> GramVector {
    var values = grams.values
    scales.withUnsafeBufferPointer { scales in
      grams.indices.withUnsafeBufferPointer { indices in
        values.withUnsafeMutableBufferPointer { values in
          func weigh(_ part: Range<Int>, length: Float) {
            var squares: Float = 0
            for position in part {
              let value = values[position] * scales[Int(indices[position])]
              values[position] = value
              squares += value * value
            }
            let factor = squares > 0 ? length / squares.squareRoot() : 0
            for position in part { values[position] *= factor }
          }
          weigh(0..<grams.shapeStart, length: 1)
          weigh(grams.shapeStart..<values.count, length: shapeLength)
        }
      }
    }
    return GramVector(indices: grams.indices, values: values, shapeStart: grams.shapeStart)
  }
}
