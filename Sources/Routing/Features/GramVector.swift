import Glibc

/// A request's text as hashed character n-grams: sparse, and never with the same index twice.
package struct GramVector: Sendable, Equatable {
  /// How many buckets n-grams are hashed into (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning",
  /// ICML 2009). Part of the predictor's format.
  package static let bucketCount = 1 << 14

  /// Buckets that the text hits, in order of first occurrence.
  package var indices: [UInt16] = []
  /// The weight of each: 1 + ln(occurrences), until ``GramRarity`` has weighted them and the squares of all sum to 1.
  package var values: [Float] = []

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
  /// Shortest and longest n-gram in bytes, the space before and after a word included.
  private static let sizes = 1...4
  private static let weightOfCount: [Float] = (0...255).map { $0 == 0 ? 0 : 1 + Float(log(Double($0))) }

  /// Counts the n-grams of `text`: `count` bytes of lower-case words, each with one space before and after, and at least
  /// eight readable bytes behind them. N-grams stay inside a word and its two spaces.
  static func count(_ text: UnsafeMutableBufferPointer<UInt8>, count: Int) -> GramVector {
    guard let bytes = UnsafeRawPointer(text.baseAddress), count > 2 else { return GramVector() }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: GramVector.bucketCount) { table in
      table.initialize(repeating: 0)
      var indices: [UInt16] = []
      indices.reserveCapacity(min(3 * count, 2048))
      var start = 0
      while start < count - 1 {
        // A token runs from the space at `start` to the space at `end`.
        var end = start + 1
        while text[end] != 0x20 { end += 1 }
        for first in start..<end {
          let word = bytes.loadUnaligned(fromByteOffset: first, as: UInt32.self)
          for size in sizes where first + size <= end + 1 {
            let gram = size == 4 ? word : word & ((1 << UInt32(size * 8)) - 1)
            let hash = (UInt64(gram) | UInt64(size) << 32) &* 0x9E37_79B9_7F4A_7C15
            let bucket = Int(hash >> 50)
            if table[bucket] == 0 { indices.append(UInt16(bucket)) }
            if table[bucket] < 255 { table[bucket] += 1 }
          }
        }
        start = end
      }
      return GramVector(indices: indices, values: indices.map { weightOfCount[Int(table[Int($0)])] })
    }
  }
}
