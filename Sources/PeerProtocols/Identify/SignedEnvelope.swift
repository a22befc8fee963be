package import Multiformats

/// A payload signed for one purpose (libp2p RFC 0002, https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md).
package struct SignedEnvelope: Hashable, Sendable {
  /// The most bytes of an envelope that are read.
  package static let maximumSize = 64 << 10

  package let publicKey: PeerPublicKey
  package let payloadType: [UInt8]
  package let payload: [UInt8]
  package let signature: [UInt8]

  package init(publicKey: PeerPublicKey, payloadType: [UInt8], payload: [UInt8], signature: [UInt8]) {
    self.publicKey = publicKey
    self.payloadType = payloadType
    self.payload = payload
    self.signature = signature
  }

  /// Reads an envelope; the signature is for the caller to verify over ``signed(domain:payloadType:payload:)``.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "signed envelope of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    var reader = ProtobufReader(bytes)
    var key: [UInt8]?
    var type: [UInt8]?
    var payload: [UInt8]?
    var signature: [UInt8]?
    while let field = try reader.next() {
      switch field.number {
      case 1: key = try field.bytes(maximum: PeerPublicKey.maximumLength)
      case 2: type = try field.bytes(maximum: 64)
      case 3: payload = try field.bytes()
      case 5: signature = try field.bytes(maximum: PeerPublicKey.maximumLength)
      default: break
      }
    }
    guard let key, let type, let payload, let signature else {
      throw PeerError(.malformed, "signed envelope: key, type, payload or signature is missing")
    }
    do { self.publicKey = try PeerPublicKey(bytes: key) } catch {
      throw PeerError(.malformed, "signed envelope: \(error.detail)")
    }
    self.payloadType = type
    self.payload = payload
    self.signature = signature
  }

  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.bytes(1, publicKey.bytes)
    writer.bytes(2, payloadType)
    writer.bytes(3, payload)
    writer.bytes(5, signature)
    return writer.bytes
  }

  /// What is signed: domain, type and payload, each with its length in front.
  package static func signed(domain: String, payloadType: [UInt8], payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    for part in [Array(domain.utf8), payloadType, payload] {
      Varint.append(UInt64(part.count), to: &bytes)
      bytes.append(contentsOf: part)
    }
    return bytes
  }
}

/// Where a peer says that it can be reached (libp2p RFC 0003).
package struct PeerRecord: Hashable, Sendable {
  package static let domain = "libp2p-peer-record"
  /// The multicodec `libp2p-peer-record`.
  package static let payloadType: [UInt8] = [0x03, 0x01]
  /// The most addresses that are read.
  package static let maximumAddresses = 128

  package let peer: PeerID
  /// Grows with every change; an older record does not replace a newer one.
  package let sequence: UInt64
  package let addresses: [Multiaddr]

  package init(peer: PeerID, sequence: UInt64, addresses: [Multiaddr]) {
    self.peer = peer
    self.sequence = sequence
    self.addresses = addresses
  }

  /// Addresses of protocols that this build does not know are left out.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    var peer: PeerID?
    var sequence: UInt64 = 0
    var addresses: [Multiaddr] = []
    while let field = try reader.next() {
      switch field.number {
      case 1:
        do { peer = try PeerID(bytes: try field.bytes(maximum: 256)) } catch {
          throw PeerError(.malformed, "peer record: \(error)")
        }
      case 2: sequence = try field.varint()
      case 3:
        var inner = try field.message()
        while let field = try inner.next() {
          guard addresses.count < Self.maximumAddresses else { break }
          if field.number == 1, let address = try? Multiaddr(bytes: try field.bytes(maximum: 1_024)) {
            addresses.append(address)
          }
        }
      default: break
      }
    }
    guard let peer else { throw PeerError(.malformed, "peer record: no peer id") }
    self.init(peer: peer, sequence: sequence, addresses: addresses)
  }

  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    writer.bytes(1, peer.bytes)
    writer.varint(2, sequence)
    for address in addresses { writer.message(3) { $0.bytes(1, address.bytes) } }
    return writer.bytes
  }
}
