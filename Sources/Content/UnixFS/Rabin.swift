/// Cuts by content with Rabin's fingerprint (Rabin, 1981), as Kubo's `rabin-min-avg-max` does: the fingerprint of the last
/// 16 bytes, modulo an irreducible polynomial of degree 53, ends a chunk where its low bits are zero.
package struct Rabin: Hashable, Sendable {
  /// The irreducible polynomial that Kubo uses for its chunks.
  static let polynomial: UInt64 = 17_437_180_132_763_653
  static let window = 16

  /// Bytes of the shortest, the expected and the longest chunk. The expected one decides how many bits must be zero.
  package let shortest: Int
  package let average: Int
  package let longest: Int

  /// - Parameters: bytes, 16 ≤ shortest ≤ average ≤ longest ≤ 1 MiB.
  /// - Throws: `.malformed` outside of that.
  package init(shortest: Int, average: Int, longest: Int) throws(ContentError) {
    guard shortest >= Self.window, shortest <= average, average <= longest, longest <= 1 << 20 else {
      throw ContentError(
        .malformed,
        "rabin-\(shortest)-\(average)-\(longest): expected 16 ≤ min ≤ avg ≤ max ≤ 1048576")
    }
    self.shortest = shortest
    self.average = average
    self.longest = longest
  }

  /// What Kubo takes for `rabin` alone: 87,381, 262,144 and 393,216 bytes.
  package static let standard: Rabin = {
    guard let standard = try? Rabin(shortest: 87_381, average: 262_144, longest: 393_216) else {
      preconditionFailure("the standard sizes are in order")
    }
    return standard
  }()

  private var mask: UInt64 {
    // Bits as the nearest power of two below the average has them.
    (1 << UInt64(Int.bitWidth - 1 - average.leadingZeroBitCount)) - 1
  }

  private static let degree = 63 - polynomial.leadingZeroBitCount

  /// What a byte that leaves the window takes with it, and what a byte shifted out above the degree leaves behind.
  private static let tables: (out: [UInt64], mod: [UInt64]) = {
    func remainder(_ value: UInt64) -> UInt64 {
      var value = value
      while value != 0, 63 - value.leadingZeroBitCount >= degree {
        value ^= polynomial << UInt64((63 - value.leadingZeroBitCount) - degree)
      }
      return value
    }
    func append(_ hash: UInt64, _ byte: UInt64) -> UInt64 { remainder(hash << 8 | byte) }
    let out = (0..<256).map { byte in
      var hash = append(0, UInt64(byte))
      for _ in 0..<(window - 1) { hash = append(hash, 0) }
      return hash
    }
    let mod = (0..<256).map { byte -> UInt64 in
      let high = UInt64(byte) << UInt64(degree)
      return remainder(high) | high
    }
    return (out, mod)
  }()

  /// The length of the next chunk of `bytes`, or nil where more bytes are needed to tell.
  func cut(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Int? {
    let end = min(bytes.count, longest)
    if end <= shortest { return isLast ? end : end == longest ? end : nil }
    let mask = mask
    let shift = UInt64(Self.degree - 8)
    return Self.tables.out.withUnsafeBufferPointer { out in
      Self.tables.mod.withUnsafeBufferPointer { mod in
        // The fingerprint begins anew with every chunk, with a one in the window, which is how empty windows differ.
        var ring = [UInt8](repeating: 0, count: Self.window)
        var at = 0
        var hash: UInt64 = 0
        func slide(_ byte: UInt8) {
          hash ^= out[Int(ring[at])]
          ring[at] = byte
          at = (at + 1) % Self.window
          let index = Int(truncatingIfNeeded: hash >> shift)
          hash = ((hash << 8) | UInt64(byte)) ^ mod[index & 0xff]
        }
        slide(1)
        for index in (shortest - Self.window)..<end {
          slide(bytes[index])
          if index + 1 >= shortest, hash & mask == 0 { return index + 1 }
        }
        return isLast || end == longest ? end : nil
      }
    }
  }
}
