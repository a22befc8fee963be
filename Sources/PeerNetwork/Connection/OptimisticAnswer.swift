internal import PeerProtocols

/// What the other side says when it agrees to a protocol that this side took for granted.
struct OptimisticAnswer: Sendable {
  let name: String

  /// The header and the name, as they travel.
  var bytes: [UInt8] { Multistream.message(Multistream.header) + Multistream.message(name) }
}
