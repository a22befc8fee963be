/// XSalsa20 (Bernstein, "Extending the Salsa20 nonce"): a key stream of 32 bytes of key and 24 of nonce.
package struct XSalsa20: Sendable {
  package static let nonceLength = 24
  package static let keyLength = 32

  private var input: [UInt32]
  private var block: [UInt8] = []
  private var used = 64

  /// - Precondition: the key has 32 bytes and the nonce 24.
  package init(key: [UInt8], nonce: [UInt8]) {
    precondition(key.count == Self.keyLength && nonce.count == Self.nonceLength)
    // HSalsa20: the rounds without the final addition, of which eight words are the derived key.
    let first = Self.rounds(Self.matrix(key, Array(nonce[0..<16])))
    let derived = [0, 5, 10, 15, 6, 7, 8, 9].flatMap { Self.bytes(first[$0]) }
    input = Self.matrix(derived, Array(nonce[16..<24]) + [UInt8](repeating: 0, count: 8))
  }

  /// Encrypts or decrypts in place, going on where the last call ended.
  package mutating func apply(to bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices {
      if used == 64 { nextBlock() }
      bytes[index] ^= block[used]
      used += 1
    }
  }

  private mutating func nextBlock() {
    let mixed = Self.rounds(input)
    block.removeAll(keepingCapacity: true)
    for index in 0..<16 {
      let word = mixed[index] &+ input[index]
      block.append(UInt8(truncatingIfNeeded: word))
      block.append(UInt8(truncatingIfNeeded: word >> 8))
      block.append(UInt8(truncatingIfNeeded: word >> 16))
      block.append(UInt8(truncatingIfNeeded: word >> 24))
    }
    used = 0
    input[8] &+= 1
    if input[8] == 0 { input[9] &+= 1 }
  }

  private static func bytes(_ word: UInt32) -> [UInt8] {
    [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> $0) }
  }

  private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
  }

  /// The 4 × 4 words that the rounds begin with: constants on the diagonal, key around, 16 bytes of input in the middle.
  private static func matrix(_ key: [UInt8], _ input: [UInt8]) -> [UInt32] {
    let constants = Array("expand 32-byte k".utf8)
    var words = [UInt32](repeating: 0, count: 16)
    for index in 0..<4 {
      words[5 * index] = word(constants, 4 * index)
      words[1 + index] = word(key, 4 * index)
      words[11 + index] = word(key, 16 + 4 * index)
      words[6 + index] = word(input, 4 * index)
    }
    return words
  }

  private static func rounds(_ start: [UInt32]) -> [UInt32] {
    var x = start
    x.withUnsafeMutableBufferPointer { x in
      func turn(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
        x[b] ^= rotate(x[a] &+ x[d], 7)
        x[c] ^= rotate(x[b] &+ x[a], 9)
        x[d] ^= rotate(x[c] &+ x[b], 13)
        x[a] ^= rotate(x[d] &+ x[c], 18)
      }
      for _ in 0..<10 {
        turn(0, 4, 8, 12)
        turn(5, 9, 13, 1)
        turn(10, 14, 2, 6)
        turn(15, 3, 7, 11)
        turn(0, 1, 2, 3)
        turn(5, 6, 7, 4)
        turn(10, 11, 8, 9)
        turn(15, 12, 13, 14)
      }
    }
    return x
  }

  private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}
