/// A public key in the form that libp2p exchanges: a protobuf message of key type and key bytes
/// (https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md).
package struct PeerPublicKey: Hashable, Sendable {
  /// The kinds of key that libp2p knows.
  package enum Kind: UInt64, Hashable, Sendable {
    /// PKIX, ASN.1 DER.
    case rsa = 0
    /// 32 bytes.
    case ed25519 = 1
    /// 33 bytes, compressed.
    case secp256k1 = 2
    /// PKIX, ASN.1 DER.
    case ecdsa = 3
  }

  /// The longest key accepted, in bytes: RSA of 16,384 bits in DER is below it.
  package static let maximumLength = 4_096

  package let kind: Kind
  package let data: [UInt8]

  package init(kind: Kind, data: [UInt8]) {
    self.kind = kind
    self.data = data
  }

  /// Reads the protobuf message. Only the deterministic form is accepted: type first, then data, nothing else.
  package init(bytes: [UInt8]) throws(MultiformatError) {
    guard bytes.count <= Self.maximumLength else {
      throw MultiformatError(.tooLarge, "public key message of \(bytes.count) bytes, at most \(Self.maximumLength)")
    }
    let span = bytes.span.bytes
    var offset = 0
    guard try Varint.decode(span, at: &offset) == 0x08 else {
      throw MultiformatError(.malformed, "public key message: expected the key's type first")
    }
    let number = try Varint.decode(span, at: &offset)
    guard let kind = Kind(rawValue: number) else {
      throw MultiformatError(.unknown, "public key message: key type \(number), expected 0 to 3")
    }
    guard try Varint.decode(span, at: &offset) == 0x12 else {
      throw MultiformatError(.malformed, "public key message: expected the key's bytes second")
    }
    let length = try Varint.decode(span, at: &offset)
    guard length == UInt64(bytes.count - offset), let data = span.copy(from: offset, count: bytes.count - offset) else {
      throw MultiformatError(
        .malformed, "public key message: \(length) bytes of key announced, \(bytes.count - offset) found")
    }
    let expected: Int? =
      switch kind {
      case .ed25519: 32
      case .secp256k1: 33
      case .rsa, .ecdsa: nil
      }
    if let expected, data.count != expected {
      throw MultiformatError(.malformed, "\(kind) public key: \(expected) bytes expected, \(data.count) found")
    }
    self.init(kind: kind, data: data)
  }

  /// The deterministic protobuf message.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = [0x08]
    Varint.append(kind.rawValue, to: &bytes)
    bytes.append(0x12)
    Varint.append(UInt64(data.count), to: &bytes)
    bytes.append(contentsOf: data)
    return bytes
  }
}

/// Who a peer is: the hash of its public key, or the key itself where it is short.
package struct PeerID: Hashable, Sendable, CustomStringConvertible {
  /// Key messages up to this many bytes are kept whole, in an identity multihash.
  package static let longestInlineKey = 42

  package let multihash: Multihash

  /// - Throws: `.malformed` unless the multihash is SHA2-256, or identity holding a public key message.
  package init(multihash: Multihash) throws(MultiformatError) {
    switch multihash.function {
    case .sha256 where multihash.digest.count == 32: break
    case .identity: _ = try PeerPublicKey(bytes: multihash.digest)
    default:
      throw MultiformatError(.malformed, "peer id: expected sha2-256 or an inline key, found \(multihash.function)")
    }
    self.multihash = multihash
  }

  /// The id of a key. `sha256` is asked only for keys too long to be kept inline.
  package init(publicKey: PeerPublicKey, sha256: ([UInt8]) -> [UInt8]) throws(MultiformatError) {
    let message = publicKey.bytes
    if message.count <= Self.longestInlineKey {
      self.multihash = try Multihash(function: .identity, digest: message)
    } else {
      self.multihash = Multihash(sha256: sha256(message))
    }
  }

  /// Reads the binary form, a multihash.
  package init(bytes: [UInt8]) throws(MultiformatError) {
    try self.init(multihash: try Multihash(bytes: bytes))
  }

  /// Reads `12D3…` and `Qm…` (bare base58btc) as well as a CIDv1 of a libp2p key in any multibase (`k51…`).
  package init(_ text: some StringProtocol) throws(MultiformatError) {
    if text.hasPrefix("1") || text.hasPrefix("Qm") {
      guard text.utf8.count <= CID.maximumTextLength else {
        throw MultiformatError(.tooLarge, "peer id of \(text.utf8.count) characters")
      }
      try self.init(bytes: try Multibase.base58btc.decodeBody(text))
    } else {
      let cid = try CID(text)
      guard cid.codec == .libp2pKey else {
        throw MultiformatError(.malformed, "peer id \(text): codec libp2p-key expected, found \(cid.codec)")
      }
      try self.init(multihash: cid.multihash)
    }
  }

  /// The key, where the id holds it whole.
  package var publicKey: PeerPublicKey? {
    multihash.function == .identity ? try? PeerPublicKey(bytes: multihash.digest) : nil
  }

  package var bytes: [UInt8] { multihash.bytes }

  /// The id as a CIDv1 (`k51…` in base36), the form of an IPNS name.
  package var cid: CID { CID(codec: .libp2pKey, multihash: multihash) }

  /// The bare base58btc form, `12D3…` or `Qm…`.
  package var description: String { multihash.description }
}
