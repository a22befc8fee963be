/// Makes whole characters of bytes that come in pieces. At most three bytes wait; what can never become a character is
/// given out as it is, for `String(decoding:as:)` to show as U+FFFD.
struct UTF8Assembler {
  private var pending: [UInt8] = []

  /// The bytes up to the last whole character.
  mutating func append(_ bytes: [UInt8]) -> [UInt8] {
    if pending.isEmpty, bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
    pending.append(contentsOf: bytes)
    let waiting = Self.incompleteTail(of: pending)
    let whole = Array(pending.dropLast(waiting))
    pending.removeFirst(whole.count)
    return whole
  }

  /// What is left when nothing more comes.
  mutating func finish() -> [UInt8] {
    defer { pending = [] }
    return pending
  }

  /// How many bytes at the end begin a character that is not complete.
  static func incompleteTail(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.count - length]
      if byte & 0b1100_0000 == 0b1000_0000 { continue }
      let expected =
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 1
        }
      return expected > length ? length : 0
    }
    return 0
  }
}
