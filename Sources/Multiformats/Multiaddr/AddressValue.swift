/// The values of multiaddr components between their text and their bytes.
extension AddressProtocol {
  /// The bytes of a value written as `text`.
  func bytes(ofText text: String) throws(MultiformatError) -> [UInt8] {
    switch layout {
    case .none:
      return []
    case .ip4:
      return try IPAddressText.parseV4(text)
    case .ip6:
      return try IPAddressText.parseV6(text)
    case .port:
      guard let port = Self.decimal(text), let value = UInt16(exactly: port) else { throw refused(text, "0 to 65535") }
      return [UInt8(value >> 8), UInt8(value & 0xff)]
    case .byte:
      guard let number = Self.decimal(text), let value = UInt8(exactly: number) else { throw refused(text, "0 to 255") }
      return [value]
    case .number64:
      guard let value = Self.decimal(text) else { throw refused(text, "a decimal number") }
      return (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    case .text:
      guard let bytes = Self.percentDecoded(text), !bytes.isEmpty else { throw refused(text, "a name") }
      return bytes
    case .path:
      guard text.utf8.count > 1 else { throw refused(text, "an absolute path") }
      return Array(text.utf8)
    case .peer:
      return try PeerID(text).bytes
    case .multibaseHash:
      let bytes = try Multibase.decode(text).bytes
      _ = try Multihash(bytes: bytes)
      return bytes
    case .onion3:
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0].utf8.count == 56, let number = Self.decimal(String(parts[1])),
        let port = UInt16(exactly: number), port > 0
      else { throw refused(text, "56 base32 characters, a colon and a port") }
      let host = try Multibase.base32.decodeBody(parts[0])
      return host + [UInt8(port >> 8), UInt8(port & 0xff)]
    }
  }

  /// The text of a value; checks what the layout asks of the bytes.
  func text(ofBytes bytes: [UInt8]) throws(MultiformatError) -> String {
    switch layout {
    case .none: return ""
    case .ip4: return bytes.map(String.init).joined(separator: ".")
    case .ip6: return IPAddressText.formatV6(bytes)
    case .port: return String(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
    case .byte: return String(bytes[0])
    case .number64: return String(bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    case .text:
      guard !bytes.isEmpty, let text = String(validating: bytes, as: UTF8.self) else {
        throw MultiformatError(.malformed, "multiaddr \(name): value is not UTF-8 text")
      }
      return name == "http-path" ? Self.percentEncoded(text) : text.contains("/") ? Self.percentEncoded(text) : text
    case .path:
      guard let text = String(validating: bytes, as: UTF8.self), text.hasPrefix("/"), text.utf8.count > 1 else {
        throw MultiformatError(.malformed, "multiaddr \(name): value is not an absolute path")
      }
      return text
    case .peer: return try PeerID(bytes: bytes).description
    case .multibaseHash:
      _ = try Multihash(bytes: bytes)
      return Multibase.base64url.encode(bytes)
    case .onion3:
      return Multibase.base32.encodeBody(Array(bytes.prefix(35))) + ":"
        + String(UInt16(bytes[35]) << 8 | UInt16(bytes[36]))
    }
  }

  private func refused(_ text: String, _ expected: String) -> MultiformatError {
    MultiformatError(.malformed, "multiaddr \(name): expected \(expected), found \(text.debugDescription)")
  }

  private static func decimal(_ text: String) -> UInt64? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt64(text)
  }

  /// Slashes inside a value are written `%2F`; other percent signs are left alone where they do not introduce hex.
  private static func percentDecoded(_ text: String) -> [UInt8]? {
    let source = Array(text.utf8)
    var bytes: [UInt8] = []
    var index = 0
    while index < source.count {
      if source[index] == UInt8(ascii: "%"), index + 2 < source.count,
        let value = UInt8(String(decoding: source[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        index += 3
      } else {
        bytes.append(source[index])
        index += 1
      }
    }
    return String(validating: bytes, as: UTF8.self) == nil ? nil : bytes
  }

  private static func percentEncoded(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "/": result += "%2F"
      case "%": result += "%25"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
