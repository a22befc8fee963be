/// SHA-3 (FIPS 202): the sponge over Keccak-f[1600], at all four digest lengths of the multihash table.
enum Keccak {
  private static let roundConstants: [UInt64] = {
    // The constants come from the linear feedback shift register of FIPS 202, section 3.2.5.
    var register: UInt8 = 1
    return (0..<24).map { _ in
      var constant: UInt64 = 0
      for power in 0..<7 {
        if register & 1 == 1 { constant |= 1 << UInt64((1 << power) - 1) }
        register = register & 0x80 == 0 ? register << 1 : (register << 1) ^ 0x71
      }
      return constant
    }
  }()
  /// Lane order and rotation of the combined rho and pi steps.
  private static let path: [(lane: Int, rotation: UInt64)] = {
    var (x, y) = (1, 0)
    return (0..<24).map { step in
      (x, y) = (y, (2 * x + 3 * y) % 5)
      return (lane: x + 5 * y, rotation: UInt64((step + 1) * (step + 2) / 2 % 64))
    }
  }()

  private static func permute(_ state: inout [UInt64]) {
    var column = [UInt64](repeating: 0, count: 5)
    for round in 0..<24 {
      for x in 0..<5 { column[x] = state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20] }
      for x in 0..<5 {
        let next = column[(x + 1) % 5]
        let mix = column[(x + 4) % 5] ^ (next << 1 | next >> 63)
        for y in stride(from: 0, to: 25, by: 5) { state[x + y] ^= mix }
      }
      var moving = state[1]
      for (lane, rotation) in path {
        let held = state[lane]
        state[lane] = moving << rotation | moving >> (64 - rotation)
        moving = held
      }
      for y in stride(from: 0, to: 25, by: 5) {
        for x in 0..<5 { column[x] = state[y + x] }
        for x in 0..<5 { state[y + x] = column[x] ^ (~column[(x + 1) % 5] & column[(x + 2) % 5]) }
      }
      state[0] ^= roundConstants[round]
    }
  }

  /// The SHA3 digest of `digestLength` bytes: 28, 32, 48 or 64.
  static func sha3(_ bytes: [UInt8], digestLength: Int) -> [UInt8] {
    let rate = 200 - 2 * digestLength
    var state = [UInt64](repeating: 0, count: 25)
    var position = 0
    for byte in bytes {
      state[position >> 3] ^= UInt64(byte) << UInt64(8 * (position & 7))
      position += 1
      if position == rate {
        permute(&state)
        position = 0
      }
    }
    state[position >> 3] ^= UInt64(0x06) << UInt64(8 * (position & 7))
    state[(rate - 1) >> 3] ^= UInt64(0x80) << UInt64(8 * ((rate - 1) & 7))
    permute(&state)
    return (0..<digestLength).map { UInt8(truncatingIfNeeded: state[$0 >> 3] >> UInt64(8 * ($0 & 7))) }
  }
}
