/// Cuts by content: a cyclic-polynomial hash (Cohen, 1997) rolls over 32 bytes, and where its low 17 bits are zero the
/// piece ends. An insertion moves the cuts near it and leaves the others, so that unchanged stretches keep their CIDs.
enum Buzhash {
  static let shortest = 128 << 10
  static let longest = 512 << 10
  private static let window = 32
  private static let mask: UInt32 = (1 << 17) - 1

  /// One pseudo-random word a byte value, from SplitMix64 with a fixed seed. Changing it changes every cut.
  private static let table: [UInt32] = {
    var state: UInt64 = 0x5052_534d
    return (0..<256).map { _ in
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return UInt32(truncatingIfNeeded: z >> 32)
    }
  }()

  /// The length of the next piece of `bytes`, or nil where more bytes are needed to tell.
  static func cut(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> Int? {
    let end = min(bytes.count, longest)
    if end <= shortest { return isLast ? end : nil }
    return table.withUnsafeBufferPointer { table in
      var hash: UInt32 = 0
      for index in (shortest - window)..<shortest { hash = (hash << 1 | hash >> 31) ^ table[Int(bytes[index])] }
      var position = shortest
      while position < end {
        if hash & mask == 0 { return position }
        // A word that leaves a window of 32 has turned full circle, so it is taken out as it went in.
        hash = (hash << 1 | hash >> 31) ^ table[Int(bytes[position - window])] ^ table[Int(bytes[position])]
        position += 1
      }
      return isLast || end == longest ? end : nil
    }
  }
}
