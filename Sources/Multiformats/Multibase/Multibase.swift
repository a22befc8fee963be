/// Text forms of bytes that name their own alphabet by their first character (https://github.com/multiformats/multibase).
package enum Multibase: Character, CaseIterable, Hashable, Sendable {
  case identity = "\0"
  case base2 = "0"
  case base8 = "7"
  case base10 = "9"
  case base16 = "f"
  case base16upper = "F"
  case base32hex = "v"
  case base32hexupper = "V"
  case base32hexpad = "t"
  case base32hexpadupper = "T"
  case base32 = "b"
  case base32upper = "B"
  case base32pad = "c"
  case base32padupper = "C"
  case base32z = "h"
  case base36 = "k"
  case base36upper = "K"
  case base58btc = "z"
  case base58flickr = "Z"
  case base64 = "m"
  case base64pad = "M"
  case base64url = "u"
  case base64urlpad = "U"

  /// The longest text or bytes accepted by the bases whose work grows with the square of the length (10, 36, 58).
  package static let maximumPositionalLength = 4_096

  /// Reads prefixed text.
  ///
  /// - Throws: `.unknown` for a prefix not listed here, `.malformed` for a character outside of the alphabet.
  package static func decode(
    _ text: some StringProtocol
  ) throws(MultiformatError) -> (base: Multibase, bytes: [UInt8]) {
    guard let prefix = text.unicodeScalars.first else {
      throw MultiformatError(.truncated, "multibase text: empty, expected a prefix character")
    }
    guard let base = Multibase(rawValue: Character(prefix)) else {
      throw MultiformatError(.unknown, "multibase prefix \(prefix.debugDescription): not known")
    }
    let body = text.utf8.dropFirst(UTF8.width(prefix))
    return (base, try base.decodeBody(utf8: Array(body)))
  }

  /// The text with its prefix.
  package func encode(_ bytes: [UInt8]) -> String {
    String(rawValue) + encodeBody(bytes)
  }

  /// The text without its prefix.
  package func encodeBody(_ bytes: [UInt8]) -> String {
    switch coding {
    case .identity: String(decoding: bytes, as: UTF8.self)
    case .bits(let coding): coding.encode(bytes)
    case .positional(let coding): coding.encode(bytes)
    }
  }

  /// Reads text without its prefix.
  package func decodeBody(_ text: some StringProtocol) throws(MultiformatError) -> [UInt8] {
    try decodeBody(utf8: Array(text.utf8))
  }

  private func decodeBody(utf8 text: [UInt8]) throws(MultiformatError) -> [UInt8] {
    switch coding {
    case .identity: return text
    case .bits(let coding): return try coding.decode(text, name: "\(self)")
    case .positional(let coding):
      guard text.count <= Self.maximumPositionalLength else {
        throw MultiformatError(
          .tooLarge, "\(self) text of \(text.count) characters, at most \(Self.maximumPositionalLength)")
      }
      return try coding.decode(text, name: "\(self)")
    }
  }

  private enum Coding {
    case identity
    case bits(BitCoding)
    case positional(PositionalCoding)
  }

  private var coding: Coding {
    switch self {
    case .identity: .identity
    case .base2: .bits(.base2)
    case .base8: .bits(.base8)
    case .base10: .positional(.base10)
    case .base16: .bits(.base16)
    case .base16upper: .bits(.base16upper)
    case .base32hex: .bits(.base32hex)
    case .base32hexupper: .bits(.base32hexupper)
    case .base32hexpad: .bits(.base32hexpad)
    case .base32hexpadupper: .bits(.base32hexpadupper)
    case .base32: .bits(.base32)
    case .base32upper: .bits(.base32upper)
    case .base32pad: .bits(.base32pad)
    case .base32padupper: .bits(.base32padupper)
    case .base32z: .bits(.base32z)
    case .base36: .positional(.base36)
    case .base36upper: .positional(.base36upper)
    case .base58btc: .positional(.base58btc)
    case .base58flickr: .positional(.base58flickr)
    case .base64: .bits(.base64)
    case .base64pad: .bits(.base64pad)
    case .base64url: .bits(.base64url)
    case .base64urlpad: .bits(.base64urlpad)
    }
  }
}
