/// Counts distinct hashes approximately in 4,096 bits, with no allocation: linear counting (Whang, Vander-Zanden and
/// Taylor, "A Linear-Time Probabilistic Counting Algorithm", 1990), without its correction, for counts far below 4,096.
struct HashSketch {
  private var bits = InlineArray<64, UInt64>(repeating: 0)
  private(set) var count = 0

  @inline(__always)
  mutating func insert(_ hash: UInt64) {
    let slot = Int(truncatingIfNeeded: (hash &* 0x9E37_79B9_7F4A_7C15) >> 52)
    let bit: UInt64 = 1 << UInt64(slot & 63)
    if bits[slot >> 6] & bit == 0 {
      bits[slot >> 6] |= bit
      count += 1
    }
  }
}
