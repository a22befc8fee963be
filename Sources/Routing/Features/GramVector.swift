import Glibc

/// A request's text as hashed n-grams of letters, and behind them of the forms that make its shape (see ``ShapeCounter``):
/// sparse, and never with the same index twice.
package struct GramVector: Sendable, Equatable {
  /// How many buckets n-grams of letters are hashed into (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
  /// ICML 2009). Part of the predictor's format.
  package static let letterBuckets = 1 << 14
  /// All buckets.
  package static let bucketCount = letterBuckets + ShapeCounter.bucketCount

  /// Buckets that the text hits, those of letters first, each kind in order of first occurrence.
  package var indices: [UInt16] = []
  /// The weight of each: 1 + ln(occurrences), until ``GramRarity`` has weighted them and scaled them:
  /// letters to length 1, the shape to ``GramRarity/shapeLength``.
  package var values: [Float] = []
  /// Where the shape begins among `indices`.
  package var shapeStart = 0

  init() {}

  /// N-grams of letters, and the shape's from `shapeStart` on; nil for none of these.
  init(indices: [UInt16], values: [Float], shapeStart: Int? = nil) {
    self.indices = indices
    self.values = values
    self.shapeStart = shapeStart ?? indices.count
  }

  /// The inner product with a table of `bucketCount` weights.
  @inline(__always)
  func dot(_ weights: [Float]) -> Float {
    guard weights.count == Self.bucketCount else { return 0 }
    return weights.withUnsafeBufferPointer { weights in
      var sum: Float = 0
      for position in indices.indices { sum += weights[Int(indices[position])] * values[position] }
      return sum
    }
  }
}

/// Counts a text's n-grams on the way to its `GramVector`.
struct GramCounter {
  static let weightOfCount: [Float] = (0...255).map { $0 == 0 ? 0 : 1 + Float(log(Double($0))) }

  /// Counts the n-grams of `text`: `count` bytes of lower-case words, each with one space before and after, and at least
  /// eight readable bytes behind them. N-grams have 1 to 4 bytes, and stay inside a word and its two spaces.
  static func count(_ text: UnsafeMutableBufferPointer<UInt8>, count: Int) -> GramVector {
    guard let bytes = UnsafeRawPointer(text.baseAddress), count > 2 else { return GramVector() }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: GramVector.letterBuckets) { table in
      table.initialize(repeating: 0)
      return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 4 * count) { found in
        var foundCount = 0
        var start = 0
        while start < count - 1 {
          // A token runs from the space at `start` to the space at `end`.
          var end = start + 1
          while text[end] != 0x20 { end &+= 1 }
          for first in start..<end {
            let word = bytes.loadUnaligned(fromByteOffset: first, as: UInt32.self)
            note(word & 0xFF, size: 1, table, found, &foundCount)
            note(word & 0xFFFF, size: 2, table, found, &foundCount)
            if first &+ 2 <= end { note(word & 0xFF_FFFF, size: 3, table, found, &foundCount) }
            if first &+ 3 <= end { note(word, size: 4, table, found, &foundCount) }
          }
          start = end
        }
        let weights = weightOfCount
        return GramVector(
          indices: Array(UnsafeBufferPointer(rebasing: found[..<foundCount])),
          values: [Float](unsafeUninitializedCapacity: foundCount) { values, initializedCount in
            for position in 0..<foundCount {
              values.initializeElement(at: position, to: weights[Int(table[Int(found[position])])])
            }
            initializedCount = foundCount
          })
      }
    }
  }

  /// Counts one n-gram. Whether its bucket is new cannot be foretold, so nothing branches on it: the bucket is written
  /// behind those found in any case, and counted if it is new.
  @inline(__always)
  private static func note(
    _ gram: UInt32, size: UInt64, _ table: UnsafeMutableBufferPointer<UInt8>,
    _ found: UnsafeMutableBufferPointer<UInt16>, _ foundCount: inout Int
  ) {
    let hash = (UInt64(gram) | size << 32) &* 0x9E37_79B9_7F4A_7C15
    let bucket = Int(truncatingIfNeeded: hash >> 50)
    let before = table[bucket]
    found.initializeElement(at: foundCount, to: UInt16(truncatingIfNeeded: bucket))
    foundCount &+= before == 0 ? 1 : 0
    table[bucket] = before &+ (before < 255 ? 1 : 0)
  }
}
