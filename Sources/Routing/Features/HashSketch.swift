/// Counts distinct hashes approximately in 4,096 bits, with no allocation: linear counting (Whang, Vander-Zanden and
/// Taylor, "A Linear-Time Probabilistic Counting Algorithm", 1990), without its correction, for counts far below 4,096.
struct HashSketch {
  private var bits = InlineArray<64, UInt64>(repeating: 0)
  private(set) var count = 0

  @inline(__always)
  mutating func insert(_ hash: UInt64) {
    let slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 52)
    let shift = UInt64(truncatingIfNeeded: slot & 63)
    let word = bits[unchecked: slot >> 6]
    // Half of all words are new, so nothing branches on it.
    count &+= Int(truncatingIfNeeded: (word &>> shift & 1) ^ 1)
    bits[unchecked: slot >> 6] = word | 1 &<< shift
  }
}
