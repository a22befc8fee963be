/// BLAKE3 in its plain hash mode (the BLAKE3 paper, section 2), with output of any length.
enum BLAKE3 {
  private static let initial: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private static let permutation = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
  private static let chunkStart: UInt32 = 1
  private static let chunkEnd: UInt32 = 2
  private static let parent: UInt32 = 4
  private static let root: UInt32 = 8
  private static let chunkLength = 1_024

  /// What the compression of a node's last block takes; the root is compressed once per 64 bytes of output.
  private struct Output {
    var chaining: [UInt32]
    var block: [UInt32]
    var counter: UInt64
    var length: UInt32
    var flags: UInt32

    var chainingValue: [UInt32] {
      Array(BLAKE3.compress(chaining, block, counter: counter, length: length, flags: flags).prefix(8))
    }
  }

  /// - Parameter length: bytes of output.
  static func hash(_ bytes: [UInt8], length: Int) -> [UInt8] {
    // Subtrees that are complete wait here, the largest first; a new chunk merges as a binary counter carries.
    var stack: [[UInt32]] = []
    let chunks = max(1, (bytes.count + chunkLength - 1) / chunkLength)
    for index in 0..<(chunks - 1) {
      var value = chunk(bytes, index).chainingValue
      var total = index + 1
      while total & 1 == 0, let left = stack.popLast() {
        value = parentOutput(left, value).chainingValue
        total >>= 1
      }
      stack.append(value)
    }
    var output = chunk(bytes, chunks - 1)
    while let left = stack.popLast() { output = parentOutput(left, output.chainingValue) }
    var result: [UInt8] = []
    var counter: UInt64 = 0
    while result.count < length {
      let words = compress(
        output.chaining, output.block, counter: counter, length: output.length, flags: output.flags | root)
      for word in words {
        for shift in stride(from: UInt32(0), to: 32, by: 8) where result.count < length {
          result.append(UInt8(truncatingIfNeeded: word >> shift))
        }
      }
      counter += 1
    }
    return result
  }

  private static func chunk(_ bytes: [UInt8], _ index: Int) -> Output {
    let start = index * chunkLength
    let end = min(bytes.count, start + chunkLength)
    var chaining = initial
    var offset = start
    var flags = chunkStart
    while end - offset > 64 {
      chaining = Array(
        compress(chaining, words(bytes, offset, 64), counter: UInt64(index), length: 64, flags: flags).prefix(8))
      flags = 0
      offset += 64
    }
    return Output(
      chaining: chaining, block: words(bytes, offset, end - offset), counter: UInt64(index),
      length: UInt32(end - offset), flags: flags | chunkEnd)
  }

  private static func parentOutput(_ left: [UInt32], _ right: [UInt32]) -> Output {
    Output(chaining: initial, block: left + right, counter: 0, length: 64, flags: parent)
  }

  private static func words(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> [UInt32] {
    var words = [UInt32](repeating: 0, count: 16)
    for index in 0..<count { words[index >> 2] |= UInt32(bytes[offset + index]) << UInt32(8 * (index & 3)) }
    return words
  }

  private static func compress(
    _ chaining: [UInt32], _ block: [UInt32], counter: UInt64, length: UInt32, flags: UInt32
  ) -> [UInt32] {
    var v =
      chaining + initial.prefix(4) + [
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32), length, flags,
      ]
    var words = block
    for round in 0..<7 {
      for step in 0..<8 {
        let shift = step < 4 ? 0 : 1
        let a = step % 4
        let b = 4 + (a + shift) % 4
        let c = 8 + (a + 2 * shift) % 4
        let d = 12 + (a + 3 * shift) % 4
        v[a] = v[a] &+ v[b] &+ words[2 * step]
        v[d] = rotate(v[d] ^ v[a], 16)
        v[c] = v[c] &+ v[d]
        v[b] = rotate(v[b] ^ v[c], 12)
        v[a] = v[a] &+ v[b] &+ words[2 * step + 1]
        v[d] = rotate(v[d] ^ v[a], 8)
        v[c] = v[c] &+ v[d]
        v[b] = rotate(v[b] ^ v[c], 7)
      }
      if round < 6 { words = permutation.map { words[$0] } }
    }
    for index in 0..<8 {
      v[index] ^= v[index + 8]
      v[index + 8] ^= chaining[index]
    }
    return v
  }

  private static func rotate(_ value: UInt32, _ bits: UInt32) -> UInt32 { value >> bits | value << (32 - bits) }
}
