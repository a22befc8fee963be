package import Multiformats

/// Opens direct connections beside relayed ones.
package protocol DirectDialer: AnyObject, Sendable {
  /// Dials addresses of a peer directly, whatever connections there are to it. The first connection counts.
  ///
  /// - Parameters:
  ///   - addresses: plain TCP over IP; others are passed over.
  ///   - manner: who speaks first on the connection.
  /// - Throws: `.unreachable` with each address's failure.
  func dialDirectly(
    _ peer: PeerID, addresses: [Multiaddr], manner: DirectDial, deadline: ContinuousClock.Instant
  ) async throws(PeerError)

  /// Where this node may be reached directly: addresses that it listens on, and those that others saw it come from.
  var directAddresses: [Multiaddr] { get }

  /// Ends relayed connections to the peer that carry no stream, where there is a direct one.
  ///
  /// - Returns: whether none is left.
  func endRelayed(_ peer: PeerID) -> Bool
}

/// How a direct connection is opened.
package enum DirectDial: Hashable, Sendable {
  /// As any other: the dialer speaks first.
  case usual
  /// From the port that this node listens on, while the other side does the same. Only one of both may speak first.
  case punching(speaksFirst: Bool)
}

extension PeerConnection {
  /// Whether it runs through a relay, limited or not.
  package var isRelayed: Bool { isLimited || remoteAddress.value(of: "p2p-circuit") != nil }
}
