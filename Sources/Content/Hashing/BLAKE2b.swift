/// BLAKE2b without key (RFC 7693), digests of 1 to 64 bytes.
enum BLAKE2b {
  static let initial: [UInt64] = [
    0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
  ]
  private static let schedule: [[Int]] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
    [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4], [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
    [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13], [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
    [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11], [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
    [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5], [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
  ]

  static func hash(_ bytes: [UInt8], length: Int) -> [UInt8] {
    var state = initial
    state[0] ^= 0x0101_0000 ^ UInt64(length)
    var offset = 0
    while bytes.count - offset > 128 {
      compress(&state, bytes, offset, counter: UInt64(offset + 128), last: false)
      offset += 128
    }
    compress(&state, bytes, offset, counter: UInt64(bytes.count), last: true)
    return (0..<length).map { UInt8(truncatingIfNeeded: state[$0 >> 3] >> UInt64(8 * ($0 & 7))) }
  }

  private static func compress(_ state: inout [UInt64], _ bytes: [UInt8], _ offset: Int, counter: UInt64, last: Bool) {
    var words = [UInt64](repeating: 0, count: 16)
    for index in 0..<min(128, bytes.count - offset) {
      words[index >> 3] |= UInt64(bytes[offset + index]) << UInt64(8 * (index & 7))
    }
    var v = state + initial
    v[12] ^= counter
    if last { v[14] = ~v[14] }
    for round in 0..<12 {
      let order = schedule[round % 10]
      for step in 0..<8 {
        // Four columns, then four diagonals.
        let shift = step < 4 ? 0 : 1
        let a = step % 4
        let b = 4 + (a + shift) % 4
        let c = 8 + (a + 2 * shift) % 4
        let d = 12 + (a + 3 * shift) % 4
        v[a] = v[a] &+ v[b] &+ words[order[2 * step]]
        v[d] = rotate(v[d] ^ v[a], 32)
        v[c] = v[c] &+ v[d]
        v[b] = rotate(v[b] ^ v[c], 24)
        v[a] = v[a] &+ v[b] &+ words[order[2 * step + 1]]
        v[d] = rotate(v[d] ^ v[a], 16)
        v[c] = v[c] &+ v[d]
        v[b] = rotate(v[b] ^ v[c], 63)
      }
    }
    for index in 0..<8 { state[index] ^= v[index] ^ v[index + 8] }
  }

  private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value >> bits | value << (64 - bits) }
}
