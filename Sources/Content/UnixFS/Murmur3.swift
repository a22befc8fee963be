/// MurmurHash3 x64, the first 64 of its 128 bits, seed 0: what UnixFS's HAMT hashes names with.
enum Murmur3 {
  static func hash(_ bytes: [UInt8]) -> UInt64 {
    let c1: UInt64 = 0x87c3_7b91_1142_53d5
    let c2: UInt64 = 0x4cf5_ad43_2745_937f
    var h1: UInt64 = 0
    var h2: UInt64 = 0
    func word(_ start: Int, _ count: Int) -> UInt64 {
      (0..<max(0, count)).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
    }
    func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
    func mix(_ value: UInt64) -> UInt64 {
      var value = value
      value = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
      value = (value ^ (value >> 33)) &* 0xc4ce_b9fe_1a85_ec53
      return value ^ (value >> 33)
    }
    let blocks = bytes.count / 16
    for block in 0..<blocks {
      h1 ^= rotate(word(16 * block, 8) &* c1, 31) &* c2
      h1 = (rotate(h1, 27) &+ h2) &* 5 &+ 0x52dc_e729
      h2 ^= rotate(word(16 * block + 8, 8) &* c2, 33) &* c1
      h2 = (rotate(h2, 31) &+ h1) &* 5 &+ 0x3849_5ab5
    }
    let tail = bytes.count - 16 * blocks
    h2 ^= rotate(word(16 * blocks + 8, tail - 8) &* c2, 33) &* c1
    h1 ^= rotate(word(16 * blocks, min(8, tail)) &* c1, 31) &* c2
    h1 ^= UInt64(bytes.count)
    h2 ^= UInt64(bytes.count)
    h1 = h1 &+ h2
    h2 = h2 &+ h1
    h1 = mix(h1)
    h2 = mix(h2)
    return h1 &+ h2
  }
}
