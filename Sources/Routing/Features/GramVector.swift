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
enum GramCounter {
  private static let weightOfCount: [Float] = (0...255).map { $0 == 0 ? 0 : 1 + Float(log(Double($0))) }

  /// Counts the n-grams of `text`: `count` bytes of lower-case words, each with one space before and after, and at least
  /// eight readable bytes behind them. N-grams have 1 to 4 bytes, and stay inside a word and its two spaces. Behind them
  /// come the sequences of `forms`, which make the text's shape.
  static func count(
    _ text: UnsafeMutableBufferPointer<UInt8>, count: Int, forms: UnsafeBufferPointer<UInt8>? = nil
  ) -> GramVector {
    guard let bytes = UnsafeRawPointer(text.baseAddress), count > 2 else { return GramVector() }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: GramVector.bucketCount) { table in
      table.initialize(repeating: 0)
      return withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 4 * count + 3 * (forms?.count ?? 0)) { found in
        guard let tableStart = table.baseAddress, let foundStart = found.baseAddress else { return GramVector() }
        var buckets = BucketCounts(table: tableStart, found: foundStart)
        for first in 0..<(count - 1) {
          let word = bytes.loadUnaligned(fromByteOffset: first, as: UInt32.self)
          // A space ends a word, and with it what n-grams may hold. Where words end cannot be foretold, so nothing
          // branches on it: what holds a space inside is looked up as well, and counts for nothing.
          let reachesThird = word & 0xFF00 == 0x2000 ? 0 : 1
          let reachesFourth = word & 0xFF_0000 == 0x20_0000 ? 0 : reachesThird
          buckets.note(bucket(word & 0xFF, size: 1))
          buckets.note(bucket(word & 0xFFFF, size: 2))
          buckets.note(bucket(word & 0xFF_FFFF, size: 3), times: reachesThird)
          buckets.note(bucket(word, size: 4), times: reachesFourth)
        }
        let shapeStart = buckets.foundCount
        if let forms { ShapeCounter.count(forms, into: &buckets) }
        let all = buckets.foundCount
        return GramVector(
          indices: Array(UnsafeBufferPointer(rebasing: found[..<all])),
          values: [Float](unsafeUninitializedCapacity: all) { values, initializedCount in
            weightOfCount.withUnsafeBufferPointer { weights in
              for position in 0..<all {
                values.initializeElement(at: position, to: weights[Int(table[Int(found[position])])])
              }
            }
            initializedCount = all
          }, shapeStart: shapeStart)
      }
    }
  }

  /// The bucket of an n-gram, the first of whose bytes is lowest.
  @inline(__always)
  private static func bucket(_ gram: UInt32, size: UInt64) -> Int {
    Int(truncatingIfNeeded: ((UInt64(gram) | size << 32) &* 0x9E37_79B9_7F4A_7C15) >> 50)
  }
}

/// How often each bucket was hit, and which ones were, in the order of their first hits.
struct BucketCounts {
  /// A count for each bucket, at most 255; all 0 at first.
  let table: UnsafeMutablePointer<UInt8>
  /// The buckets that were hit, with room for every hit.
  let found: UnsafeMutablePointer<UInt16>
  private(set) var foundCount = 0

  init(table: UnsafeMutablePointer<UInt8>, found: UnsafeMutablePointer<UInt16>) {
    self.table = table
    self.found = found
  }

  /// Counts a hit once, or not at all. Whether its bucket is new cannot be foretold, so nothing branches on it: the bucket
  /// is written behind those found in any case, and counted if it is new.
  ///
  /// - Parameter times: 1 or 0.
  @inline(__always)
  mutating func note(_ bucket: Int, times: Int = 1) {
    let before = Int(table[bucket])
    let after = before &+ times
    found[foundCount] = UInt16(truncatingIfNeeded: bucket)
    foundCount &+= times & (before == 0 ? 1 : 0)
    table[bucket] = UInt8(truncatingIfNeeded: after &- after &>> 8)
  }
}
