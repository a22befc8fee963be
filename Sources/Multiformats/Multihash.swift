/// A digest that says which function made it (https://multiformats.io/multihash).
package struct Multihash: Hashable, Sendable, CustomStringConvertible {
  /// A hash function's number in the multicodec table.
  package struct Function: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let identity = Self(rawValue: 0x00)
    package static let sha1 = Self(rawValue: 0x11)
    package static let sha256 = Self(rawValue: 0x12)
    package static let sha512 = Self(rawValue: 0x13)
    package static let sha3x512 = Self(rawValue: 0x14)
    package static let sha3x384 = Self(rawValue: 0x15)
    package static let sha3x256 = Self(rawValue: 0x16)
    package static let sha3x224 = Self(rawValue: 0x17)
    package static let blake3 = Self(rawValue: 0x1e)
    package static let sha384 = Self(rawValue: 0x20)

    /// BLAKE2b with a digest of `bytes` bytes, 1 to 64; nil outside of that.
    package static func blake2b(bytes: Int) -> Self? {
      (1...64).contains(bytes) ? Self(rawValue: 0xb200 + UInt64(bytes)) : nil
    }

    /// The digest's length in bytes where this is BLAKE2b.
    package var blake2bLength: Int? {
      (0xb201...0xb240).contains(rawValue) ? Int(rawValue - 0xb200) : nil
    }

    /// The digest's full length in bytes; nil where it is free (identity, BLAKE3) or the function unknown.
    package var digestLength: Int? {
      switch self {
      case .sha1: 20
      case .sha256, .sha3x256: 32
      case .sha512, .sha3x512: 64
      case .sha384, .sha3x384: 48
      case .sha3x224: 28
      default: blake2bLength
      }
    }

    private static let names: [UInt64: String] = [
      0x00: "identity", 0x11: "sha1", 0x12: "sha2-256", 0x13: "sha2-512", 0x14: "sha3-512", 0x15: "sha3-384",
      0x16: "sha3-256", 0x17: "sha3-224", 0x1e: "blake3", 0x20: "sha2-384",
    ]

    /// The function of that table name, or nil where this build does not know it.
    package init?(name: String) {
      if name.hasPrefix("blake2b-"), let bits = Int(name.dropFirst(8)), bits > 0, bits % 8 == 0,
        let function = Self.blake2b(bytes: bits / 8)
      {
        self = function
      } else if let found = Self.names.first(where: { $0.value == name }) {
        self.rawValue = found.key
      } else {
        return nil
      }
    }

    package var description: String {
      if let length = blake2bLength { return "blake2b-\(length * 8)" }
      return Self.names[rawValue] ?? "0x" + String(rawValue, radix: 16)
    }
  }

  /// The longest digest accepted, in bytes: the bound that Kubo sets on identity digests, and twice the longest hash.
  package static let maximumDigestLength = 128

  package let function: Function
  package let digest: [UInt8]

  /// - Throws: `.tooLarge` beyond ``maximumDigestLength``; `.malformed` where the digest is longer than its function's.
  package init(function: Function, digest: [UInt8]) throws(MultiformatError) {
    guard digest.count <= Self.maximumDigestLength else {
      throw MultiformatError(
        .tooLarge, "multihash: digest of \(digest.count) bytes, at most \(Self.maximumDigestLength)")
    }
    if let length = function.digestLength, digest.count > length {
      throw MultiformatError(.malformed, "multihash: \(function) has at most \(length) bytes, found \(digest.count)")
    }
    self.function = function
    self.digest = digest
  }

  /// A SHA2-256 multihash; the digest is cut or filled with zeros to 32 bytes, so that this cannot fail.
  package init(sha256 digest: some Sequence<UInt8>) {
    var bytes = [UInt8](digest.prefix(32))
    while bytes.count < 32 { bytes.append(0) }
    self.function = .sha256
    self.digest = bytes
  }

  /// Reads one multihash at `offset` and moves `offset` behind it.
  package init(decoding bytes: RawSpan, at offset: inout Int) throws(MultiformatError) {
    var position = offset
    let code = try Varint.decode(bytes, at: &position)
    let length = try Varint.decode(bytes, at: &position)
    guard length <= UInt64(Self.maximumDigestLength) else {
      throw MultiformatError(.tooLarge, "multihash: digest of \(length) bytes, at most \(Self.maximumDigestLength)")
    }
    guard let digest = bytes.copy(from: position, count: Int(length)) else {
      throw MultiformatError(
        .truncated, "multihash: \(length) bytes of digest expected, \(bytes.byteCount - position) found")
    }
    try self.init(function: Function(rawValue: code), digest: digest)
    offset = position + Int(length)
  }

  /// Reads bytes that are one multihash and nothing else.
  package init(bytes: [UInt8]) throws(MultiformatError) {
    var offset = 0
    try self.init(decoding: bytes.span.bytes, at: &offset)
    guard offset == bytes.count else {
      throw MultiformatError(.trailing, "multihash: \(bytes.count - offset) bytes follow it")
    }
  }

  /// The binary form.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digest.count + 4)
    append(to: &bytes)
    return bytes
  }

  /// Appends the binary form.
  package func append(to bytes: inout [UInt8]) {
    Varint.append(function.rawValue, to: &bytes)
    Varint.append(UInt64(digest.count), to: &bytes)
    bytes.append(contentsOf: digest)
  }

  /// The base58btc form without a multibase prefix, as CIDv0 and peer ids are written.
  package var description: String { Multibase.base58btc.encodeBody(bytes) }
}
