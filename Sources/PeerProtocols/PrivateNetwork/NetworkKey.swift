/// The pre-shared key of a private network, as its file has it
/// (https://github.com/libp2p/specs/blob/master/pnet/Private-Networks-PSK-V1.md).
package enum NetworkKey {
  /// The first line of the file.
  package static let mark = "/key/swarm/psk/1.0.0/"

  /// Reads the three lines: mark, encoding (`/base16/`, `/base64/` or `/bin/`), 32 bytes.
  ///
  /// - Throws: `.malformed` with the line at fault.
  package static func parse(_ file: [UInt8]) throws(PeerError) -> [UInt8] {
    let lines = file.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
    guard lines.count == 3, text(lines[0]) == mark else {
      throw PeerError(.malformed, "network key: the first line must be \(mark)")
    }
    let key: [UInt8]?
    switch text(lines[1]) {
    case "/base16/": key = base16(text(lines[2]))
    case "/base64/": key = base64(text(lines[2]))
    case "/bin/": key = Array(lines[2].prefix(XSalsa20.keyLength))
    case let other:
      throw PeerError(
        .malformed, "network key: the second line must be /base16/, /base64/ or /bin/, found \(other.prefix(20))")
    }
    guard let key, key.count == XSalsa20.keyLength else {
      throw PeerError(.malformed, "network key: the third line must hold \(XSalsa20.keyLength) bytes in that encoding")
    }
    return key
  }

  private static func text(_ line: ArraySlice<UInt8>) -> String {
    var text = String(decoding: line, as: UTF8.self)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }

  private static func base16(_ text: String) -> [UInt8]? {
    let digits = text.utf8.map { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count % 2 == 0, !digits.contains(nil) else { return nil }
    let values = digits.compactMap { $0 }
    return stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
  }

  private static func base64(_ text: String) -> [UInt8]? {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count: UInt32 = 0
    for character in text.utf8 where character != UInt8(ascii: "=") {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return bytes
  }
}
