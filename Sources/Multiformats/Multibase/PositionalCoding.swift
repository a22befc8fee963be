/// A base in which the bytes are one big-endian number and each leading zero byte is one leading zero digit
/// (as Bitcoin's base58). The work grows with the square of the length: callers bound it.
struct PositionalCoding: Sendable {
  private let alphabet: [UInt8]
  private let values: [UInt8]

  private init(_ alphabet: String, ignoresCase: Bool = false) {
    self.alphabet = Array(alphabet.utf8)
    var values = [UInt8](repeating: 0xff, count: 256)
    for (value, character) in self.alphabet.enumerated() {
      values[Int(character)] = UInt8(value)
      if ignoresCase, character >= 0x41 { values[Int(character ^ 0x20)] = UInt8(value) }
    }
    self.values = values
  }

  static let base10 = Self("0123456789")
  static let base36 = Self("0123456789abcdefghijklmnopqrstuvwxyz", ignoresCase: true)
  static let base36upper = Self("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", ignoresCase: true)
  static let base58btc = Self("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
  static let base58flickr = Self("123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ")

  func encode(_ bytes: [UInt8]) -> String {
    let radix = UInt32(alphabet.count)
    let zeros = bytes.prefix { $0 == 0 }.count
    // Digits, least significant first.
    var digits: [UInt8] = []
    for byte in bytes.dropFirst(zeros) {
      var carry = UInt32(byte)
      for index in digits.indices {
        carry += UInt32(digits[index]) << 8
        digits[index] = UInt8(carry % radix)
        carry /= radix
      }
      while carry > 0 {
        digits.append(UInt8(carry % radix))
        carry /= radix
      }
    }
    var text = [UInt8](repeating: alphabet[0], count: zeros)
    text.append(contentsOf: digits.reversed().map { alphabet[Int($0)] })
    return String(decoding: text, as: UTF8.self)
  }

  func decode(_ text: [UInt8], name: String) throws(MultiformatError) -> [UInt8] {
    let radix = UInt32(alphabet.count)
    let zeros = text.prefix { $0 == alphabet[0] }.count
    var bytes: [UInt8] = []
    for index in zeros..<text.count {
      let value = values[Int(text[index])]
      guard value != 0xff else {
        throw MultiformatError(.malformed, "\(name) text: character \(index) is not of its alphabet")
      }
      var carry = UInt32(value)
      for position in bytes.indices {
        carry += UInt32(bytes[position]) * radix
        bytes[position] = UInt8(truncatingIfNeeded: carry)
        carry >>= 8
      }
      while carry > 0 {
        bytes.append(UInt8(truncatingIfNeeded: carry))
        carry >>= 8
      }
    }
    return [UInt8](repeating: 0, count: zeros) + bytes.reversed()
  }
}
