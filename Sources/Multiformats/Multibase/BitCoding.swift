/// A base whose radix is a power of two: each character stands for a fixed number of bits (RFC 4648 and its kin).
struct BitCoding: Sendable {
  private let alphabet: [UInt8]
  /// Character to value; 0xff outside of the alphabet.
  private let values: [UInt8]
  private let bits: Int
  /// Characters in a padded group, or 0 where the base is written without padding.
  private let paddedGroup: Int

  private init(_ alphabet: String, bits: Int, paddedGroup: Int = 0, ignoresCase: Bool = false) {
    self.alphabet = Array(alphabet.utf8)
    self.bits = bits
    self.paddedGroup = paddedGroup
    var values = [UInt8](repeating: 0xff, count: 256)
    for (value, character) in self.alphabet.enumerated() {
      values[Int(character)] = UInt8(value)
      if ignoresCase, (0x41...0x5a).contains(character & 0xdf), character >= 0x41 {
        values[Int(character ^ 0x20)] = UInt8(value)
      }
    }
    self.values = values
  }

  static let base2 = Self("01", bits: 1)
  static let base8 = Self("01234567", bits: 3)
  static let base16 = Self("0123456789abcdef", bits: 4, ignoresCase: true)
  static let base16upper = Self("0123456789ABCDEF", bits: 4, ignoresCase: true)
  static let base32 = Self("abcdefghijklmnopqrstuvwxyz234567", bits: 5, ignoresCase: true)
  static let base32upper = Self("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, ignoresCase: true)
  static let base32pad = Self("abcdefghijklmnopqrstuvwxyz234567", bits: 5, paddedGroup: 8, ignoresCase: true)
  static let base32padupper = Self("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, paddedGroup: 8, ignoresCase: true)
  static let base32hex = Self("0123456789abcdefghijklmnopqrstuv", bits: 5, ignoresCase: true)
  static let base32hexupper = Self("0123456789ABCDEFGHIJKLMNOPQRSTUV", bits: 5, ignoresCase: true)
  static let base32hexpad = Self("0123456789abcdefghijklmnopqrstuv", bits: 5, paddedGroup: 8, ignoresCase: true)
  static let base32hexpadupper = Self("0123456789ABCDEFGHIJKLMNOPQRSTUV", bits: 5, paddedGroup: 8, ignoresCase: true)
  static let base32z = Self("ybndrfg8ejkmcpqxot1uwisza345h769", bits: 5)
  private static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
  static let base64 = Self(letters + "+/", bits: 6)
  static let base64pad = Self(letters + "+/", bits: 6, paddedGroup: 4)
  static let base64url = Self(letters + "-_", bits: 6)
  static let base64urlpad = Self(letters + "-_", bits: 6, paddedGroup: 4)

  func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 8 + bits - 1) / bits + 8)
    var buffer: UInt32 = 0
    var held = 0
    let mask = UInt32(1) << UInt32(bits) - 1
    for byte in bytes {
      buffer = (buffer << 8) | UInt32(byte)
      held += 8
      while held >= bits {
        held -= bits
        text.append(alphabet[Int((buffer >> UInt32(held)) & mask)])
      }
      buffer &= (UInt32(1) << UInt32(held)) - 1
    }
    if held > 0 {
      text.append(alphabet[Int((buffer << UInt32(bits - held)) & mask)])
    }
    if paddedGroup > 0 {
      while text.count % paddedGroup != 0 { text.append(UInt8(ascii: "=")) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  func decode(_ text: [UInt8], name: String) throws(MultiformatError) -> [UInt8] {
    var end = text.count
    if paddedGroup > 0 {
      guard text.count % paddedGroup == 0 else {
        throw MultiformatError(.malformed, "\(name) text: \(text.count) characters, not whole groups of \(paddedGroup)")
      }
      while end > 0, text[end - 1] == UInt8(ascii: "="), text.count - end < paddedGroup { end -= 1 }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(end / 8 * bits + 8)
    var buffer: UInt32 = 0
    var held = 0
    for index in 0..<end {
      let value = values[Int(text[index])]
      guard value != 0xff else {
        throw MultiformatError(.malformed, "\(name) text: character \(index) is not of its alphabet")
      }
      buffer = (buffer << UInt32(bits)) | UInt32(value)
      held += bits
      if held >= 8 {
        held -= 8
        bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(held)))
        buffer &= (UInt32(1) << UInt32(held)) - 1
      }
    }
    guard held < bits, buffer == 0 else {
      throw MultiformatError(.notCanonical, "\(name) text: bits are left over at its end")
    }
    if paddedGroup > 0, text.count != (bytes.count * 8 + bits * paddedGroup - 1) / (bits * paddedGroup) * paddedGroup {
      throw MultiformatError(.notCanonical, "\(name) text: more padding than \(bytes.count) bytes need")
    }
    return bytes
  }
}
