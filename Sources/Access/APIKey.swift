import Crypto

/// The text of an API key: `prsm-`, 43 base62 digits that are 256 random bits, and 6 that are a checksum of these.
///
/// The checksum lets a mistyped or cut-off key be told from a revoked one without asking the store, and lets scanners
/// for leaked secrets recognise one for certain.
package struct APIKey: Sendable {
  /// What every key begins with.
  package static let mark = "prsm-"
  /// How many characters of a key, the mark included, are kept in clear to tell keys apart.
  package static let prefixLength = 12

  static let bodyDigits = 43
  static let checksumDigits = 6
  private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

  /// The key itself. Shown once, to whoever made it, and kept nowhere.
  package let text: String

  /// A new key.
  package static func generate() -> APIKey {
    var generator = SystemRandomNumberGenerator()
    return generate(using: &generator)
  }

  static func generate(using generator: inout some RandomNumberGenerator) -> APIKey {
    // Drawn digit by digit: 43 of log2(62) bits each are 256.03 bits, without the bias of encoding bytes.
    var body: [UInt8] = []
    for _ in 0..<bodyDigits { body.append(alphabet[Int.random(in: 0..<62, using: &generator)]) }
    return APIKey(unchecked: mark + String(decoding: body + checksum(of: body), as: UTF8.self))
  }

  /// A key somebody presents, if it has the form of one.
  package init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count == Self.mark.utf8.count + Self.bodyDigits + Self.checksumDigits, text.hasPrefix(Self.mark) else {
      return nil
    }
    let body = Array(bytes.dropFirst(Self.mark.utf8.count).prefix(Self.bodyDigits))
    guard bytes.suffix(Self.checksumDigits).elementsEqual(Self.checksum(of: body)) else { return nil }
    self.text = text
  }

  private init(unchecked text: String) {
    self.text = text
  }

  /// The first characters, enough to tell keys apart and useless to guess the rest from.
  package var prefix: String { String(text.prefix(Self.prefixLength)) }

  /// What is kept of the key. It has 256 random bits, so that one round of SHA-256 cannot be searched.
  var digest: [UInt8] { Self.digest(of: text) }

  static func digest(of text: String) -> [UInt8] {
    var text = text
    return text.withUTF8 { Array(SHA256.hash(data: $0)) }
  }

  /// The first digits of the body's SHA-256, in base62.
  private static func checksum(of body: [UInt8]) -> [UInt8] {
    var value = SHA256.hash(data: body).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    var digits: [UInt8] = []
    for _ in 0..<checksumDigits {
      digits.append(alphabet[Int(value % 62)])
      value /= 62
    }
    return digits
  }
}
