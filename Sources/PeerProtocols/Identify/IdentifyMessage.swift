package import Multiformats

/// What a peer says of itself (https://github.com/libp2p/specs/blob/master/identify/README.md).
package struct IdentifyMessage: Hashable, Sendable {
  package static let protocolName = "/ipfs/id/1.0.0"
  package static let pushProtocolName = "/ipfs/id/push/1.0.0"
  /// The most bytes of one message.
  package static let maximumSize = 64 << 10
  private static let maximumProtocols = 512
  private static let maximumAddresses = 128

  package var publicKey: PeerPublicKey?
  package var listenAddresses: [Multiaddr] = []
  package var protocols: [String] = []
  /// How the sender sees the receiver's address.
  package var observedAddress: Multiaddr?
  package var protocolVersion: String?
  package var agentVersion: String?
  /// A ``SignedEnvelope`` of a ``PeerRecord``.
  package var signedPeerRecord: [UInt8]?

  package init() {}

  /// Addresses that this build cannot read are left out; lists longer than their bound are refused.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field.number {
      case 1:
        do { publicKey = try PeerPublicKey(bytes: try field.bytes(maximum: PeerPublicKey.maximumLength)) } catch {
          throw PeerError(.malformed, "identify: \(error)")
        }
      case 2:
        guard listenAddresses.count < Self.maximumAddresses else {
          throw PeerError(.tooLarge, "identify: more than \(Self.maximumAddresses) addresses")
        }
        if let address = try? Multiaddr(bytes: try field.bytes(maximum: 1_024)) { listenAddresses.append(address) }
      case 3:
        guard protocols.count < Self.maximumProtocols else {
          throw PeerError(.tooLarge, "identify: more than \(Self.maximumProtocols) protocols")
        }
        protocols.append(try field.text(maximum: 256))
      case 4: observedAddress = try? Multiaddr(bytes: try field.bytes(maximum: 1_024))
      case 5: protocolVersion = try field.text(maximum: 256)
      case 6: agentVersion = try field.text(maximum: 256)
      case 8: signedPeerRecord = try field.bytes(maximum: SignedEnvelope.maximumSize)
      default: break
      }
    }
  }

  package var bytes: [UInt8] {
    var writer = ProtobufWriter()
    if let publicKey { writer.bytes(1, publicKey.bytes) }
    for address in listenAddresses { writer.bytes(2, address.bytes) }
    for name in protocols { writer.text(3, name) }
    if let observedAddress { writer.bytes(4, observedAddress.bytes) }
    if let protocolVersion { writer.text(5, protocolVersion) }
    if let agentVersion { writer.text(6, agentVersion) }
    if let signedPeerRecord { writer.bytes(8, signedPeerRecord) }
    return writer.bytes
  }
}
