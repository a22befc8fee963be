/// A content identifier: what the content hashes to, and how its bytes are to be read
/// (https://github.com/multiformats/cid).
package struct CID: Hashable, Sendable, CustomStringConvertible {
  /// The two versions in use.
  package enum Version: UInt8, Hashable, Sendable {
    /// SHA2-256 of DAG-PB, and nothing else; written `Qm…`.
    case v0 = 0
    /// Any codec, any hash, any multibase.
    case v1 = 1
  }

  /// The longest text accepted, in bytes.
  package static let maximumTextLength = 1_024

  package let version: Version
  package let codec: Multicodec
  package let multihash: Multihash

  /// A CIDv1.
  package init(codec: Multicodec, multihash: Multihash) {
    self.version = .v1
    self.codec = codec
    self.multihash = multihash
  }

  /// A CID of `version`.
  ///
  /// - Throws: `.malformed` where version 0 is asked for anything but SHA2-256 of DAG-PB.
  package init(version: Version, codec: Multicodec, multihash: Multihash) throws(MultiformatError) {
    if version == .v0 {
      guard codec == .dagPB, multihash.function == .sha256, multihash.digest.count == 32 else {
        throw MultiformatError(
          .malformed, "CIDv0 names sha2-256 of dag-pb alone, found \(multihash.function) of \(codec)")
      }
    }
    self.version = version
    self.codec = codec
    self.multihash = multihash
  }

  /// Reads one binary CID at `offset` and moves `offset` behind it. A leading `12 20` is a CIDv0.
  package init(decoding bytes: RawSpan, at offset: inout Int) throws(MultiformatError) {
    guard offset >= 0, offset <= bytes.byteCount else {
      throw MultiformatError(.truncated, "CID at byte \(offset) of \(bytes.byteCount)")
    }
    if bytes.byteCount - offset >= 2, bytes.byte(at: offset) == 0x12, bytes.byte(at: offset + 1) == 0x20 {
      let multihash = try Multihash(decoding: bytes, at: &offset)
      try self.init(version: .v0, codec: .dagPB, multihash: multihash)
      return
    }
    var position = offset
    let version = try Varint.decode(bytes, at: &position)
    guard version == 1 else {
      throw MultiformatError(.unknown, "CID version \(version), expected 1 (or the bytes 12 20 of version 0)")
    }
    let codec = Multicodec(rawValue: try Varint.decode(bytes, at: &position))
    let multihash = try Multihash(decoding: bytes, at: &position)
    self.init(codec: codec, multihash: multihash)
    offset = position
  }

  /// Reads bytes that are one CID and nothing else.
  package init(bytes: [UInt8]) throws(MultiformatError) {
    var offset = 0
    try self.init(decoding: bytes.span.bytes, at: &offset)
    guard offset == bytes.count else {
      throw MultiformatError(.trailing, "CID: \(bytes.count - offset) bytes follow it")
    }
  }

  /// Reads the text of a CID: `Qm…`, or any multibase.
  package init(_ text: some StringProtocol) throws(MultiformatError) {
    guard text.utf8.count <= Self.maximumTextLength else {
      throw MultiformatError(.tooLarge, "CID text of \(text.utf8.count) bytes, at most \(Self.maximumTextLength)")
    }
    if text.utf8.count == 46, text.hasPrefix("Qm") {
      try self.init(bytes: try Multibase.base58btc.decodeBody(text))
      guard version == .v0 else { throw MultiformatError(.malformed, "CID \(text): not a CIDv0") }
      return
    }
    let bytes = try Multibase.decode(text).bytes
    try self.init(bytes: bytes)
    guard version == .v1 else {
      throw MultiformatError(.malformed, "CID \(text): a CIDv0 is written without a multibase prefix")
    }
  }

  /// The binary form.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(multihash.digest.count + 8)
    if version == .v1 {
      bytes.append(1)
      Varint.append(codec.rawValue, to: &bytes)
    }
    multihash.append(to: &bytes)
    return bytes
  }

  /// The number of bytes in the binary form.
  package var byteCount: Int {
    let hash =
      Varint.length(of: multihash.function.rawValue) + Varint.length(of: UInt64(multihash.digest.count))
      + multihash.digest.count
    return version == .v0 ? hash : 1 + Varint.length(of: codec.rawValue) + hash
  }

  /// The text in `base`; a CIDv0 knows only its bare base58btc form, whatever `base` is.
  package func text(in base: Multibase) -> String {
    version == .v0 ? Multibase.base58btc.encodeBody(bytes) : base.encode(bytes)
  }

  /// The usual text: `Qm…` for version 0; base36 for peer keys, base32 for the rest.
  package var description: String { text(in: codec == .libp2pKey ? .base36 : .base32) }

  /// The same content as a CIDv1.
  package var asV1: CID { CID(codec: codec, multihash: multihash) }
}
