internal import Crypto
package import Multiformats

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Who may read a private object: its key, wrapped for each reader with HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM).
///
/// Revoking is wrapping anew without a reader: who has had the key may have kept it, and reads what it has; what is sealed
/// under a new key it cannot read.
package struct KeyEnvelope: Hashable, Sendable {
  /// The most readers of one envelope.
  package static let maximumReaders = 4_096

  private struct Wrap: Hashable, Sendable {
    let reader: [UInt8]
    let encapsulated: [UInt8]
    let wrapped: [UInt8]
  }

  /// The sealed object: its CID is over the ciphertext.
  package let content: CID
  private let wraps: [Wrap]

  private static let suite = HPKE.Ciphersuite(kem: .Curve25519_HKDF_SHA256, kdf: .HKDF_SHA256, aead: .AES_GCM_256)

  private static func info(_ content: CID) -> Data { Data("prsm object key 1:".utf8) + Data(content.bytes) }

  /// Wraps `key` for every reader, each an X25519 public key of 32 bytes.
  package init(content: CID, key: ObjectKey, readers: [[UInt8]]) throws(ContentError) {
    guard readers.count <= Self.maximumReaders else {
      throw ContentError(.tooLarge, "\(readers.count) readers, at most \(Self.maximumReaders)")
    }
    var wraps: [Wrap] = []
    for reader in readers {
      guard let known = try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: reader),
        var sender = try? HPKE.Sender(recipientKey: known, ciphersuite: Self.suite, info: Self.info(content)),
        let wrapped = try? sender.seal(Data(key.bytes))
      else { throw ContentError(.malformed, "a reader's X25519 key has 32 bytes, found \(reader.count) or a weak one") }
      wraps.append(Wrap(reader: reader, encapsulated: [UInt8](sender.encapsulatedKey), wrapped: [UInt8](wrapped)))
    }
    self.content = content
    self.wraps = wraps
  }

  /// The readers' public keys.
  package var readers: [[UInt8]] { wraps.map(\.reader) }

  /// The object's key, for the reader whose X25519 secret of 32 bytes this is.
  ///
  /// - Throws: `.denied` where the envelope is not for that reader.
  package func key(secret: [UInt8]) throws(ContentError) -> ObjectKey {
    guard let known = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret) else {
      throw ContentError(.malformed, "an X25519 secret has 32 bytes, found \(secret.count)")
    }
    let reader = [UInt8](known.publicKey.rawRepresentation)
    for wrap in wraps where wrap.reader == reader {
      guard
        var recipient = try? HPKE.Recipient(
          privateKey: known, ciphersuite: Self.suite, info: Self.info(content),
          encapsulatedKey: Data(wrap.encapsulated)), let key = try? recipient.open(Data(wrap.wrapped))
      else { continue }
      return try ObjectKey(bytes: [UInt8](key))
    }
    throw ContentError(.denied, "no key for this reader; ask the publisher of \(content) to wrap it", cid: content)
  }

  /// The same object's key for other readers; `secret` is one of the present readers'.
  package func rewrapped(for readers: [[UInt8]], secret: [UInt8]) throws(ContentError) -> KeyEnvelope {
    try KeyEnvelope(content: content, key: try key(secret: secret), readers: readers)
  }

  /// A new reader's pair from the system's random source: the secret, and the public key to hand out.
  package static func generateReader() -> (secret: [UInt8], publicKey: [UInt8]) {
    let key = Curve25519.KeyAgreement.PrivateKey()
    return ([UInt8](key.rawRepresentation), [UInt8](key.publicKey.rawRepresentation))
  }

  /// The public key that belongs to a reader's X25519 secret of 32 bytes.
  package static func publicKey(secret: [UInt8]) throws(ContentError) -> [UInt8] {
    guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret) else {
      throw ContentError(.malformed, "an X25519 secret has 32 bytes, found \(secret.count)")
    }
    return [UInt8](key.publicKey.rawRepresentation)
  }

  /// The envelope as a DAG-CBOR block links to its content.
  package var node: Node {
    .map([
      "type": .string("prsm-key-envelope-1"), "content": .link(content),
      "readers": .list(
        wraps.map { .list([.bytes($0.reader), .bytes($0.encapsulated), .bytes($0.wrapped)]) }),
    ])
  }

  package init(_ node: Node) throws(ContentError) {
    let fault = ContentError(.malformed, "not a key envelope")
    guard node["type"]?.stringValue == "prsm-key-envelope-1", let content = node["content"]?.linkValue,
      let list = node["readers"]?.listValue, list.count <= Self.maximumReaders
    else { throw fault }
    var wraps: [Wrap] = []
    for element in list {
      guard let reader = element["0"]?.bytesValue, let encapsulated = element["1"]?.bytesValue,
        let wrapped = element["2"]?.bytesValue
      else { throw fault }
      wraps.append(Wrap(reader: reader, encapsulated: encapsulated, wrapped: wrapped))
    }
    self.content = content
    self.wraps = wraps
  }
}
