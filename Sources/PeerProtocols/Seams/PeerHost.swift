package import Multiformats

/// This node as its peers see it: an identity, addresses, connections, and the protocols that it answers.
///
/// Every call is safe from any thread.
package protocol PeerHost: AnyObject, Sendable {
  /// This node's own id.
  var id: PeerID { get }

  /// Where this node listens now, unspecified addresses resolved to those of the interfaces, without `/p2p`.
  var listenAddresses: [Multiaddr] { get }

  /// Addresses that others should be told: ``listenAddresses``, configured and observed ones, relayed ones.
  var announcedAddresses: [Multiaddr] { get }

  /// Adds or withdraws announced addresses found by someone else (a relay reservation, AutoNAT), under a name of theirs.
  func announce(_ addresses: [Multiaddr], source: String)

  /// What is known of other peers' addresses.
  var addressBook: any PeerAddressBook { get }

  /// Ensures a connection; returns at once where there is one.
  ///
  /// - Parameter addresses: tried besides those in the address book; remembered there for a while.
  /// - Throws: `.unreachable` with each address's failure, `.refused`, `.exhausted`, `.timedOut`.
  func connect(
    to peer: PeerID, addresses: [Multiaddr], deadline: ContinuousClock.Instant
  ) async throws(PeerError)

  /// Opens a stream, connecting first where need be. The first of `protocols` that the other side speaks is used.
  ///
  /// - Throws: as ``connect(to:addresses:deadline:)``; `.unsupported` where it speaks none.
  func openStream(
    to peer: PeerID, protocols: [String], deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> any PeerStream

  /// Answers streams that others open for `protocolName`, each in a task of its own. The handler ends the stream; one that it
  /// throws out of is reset.
  ///
  /// - Parameter limits: how many streams may be open at once.
  func handle(
    _ protocolName: String, limits: ProtocolLimits, _ handler: @escaping @Sendable (any PeerStream) async throws -> Void
  )

  /// Answers no longer.
  func stopHandling(_ protocolName: String)

  /// The protocols that this node answers now.
  var handledProtocols: [String] { get }

  /// Peers with at least one open connection.
  var connectedPeers: [PeerID] { get }

  /// The open connections of one peer.
  func connections(of peer: PeerID) -> [PeerConnection]

  /// What a connected peer said that it speaks; empty before identify has ended.
  func protocols(of peer: PeerID) -> Set<String>

  /// What happens from now on. A slow reader of more than 1,024 events loses the oldest.
  func events() -> AsyncStream<PeerEvent>

  /// Closes every connection to the peer.
  func disconnect(_ peer: PeerID, reason: String)

  /// Sets how much a peer is worth when connections must be trimmed, one value per tag; 0 removes the tag.
  func tag(_ peer: PeerID, _ tag: String, value: Int)

  /// Keeps a peer from being trimmed until every protection is taken back.
  func protect(_ peer: PeerID, _ tag: String)

  func unprotect(_ peer: PeerID, _ tag: String)

  /// Adds a way to reach addresses that TCP cannot, such as `/p2p-circuit`.
  func addTransport(_ transport: any PeerTransport)

  /// Makes a connection of a stream through a relay: multistream, Noise and yamux run over it.
  ///
  /// - Parameters:
  ///   - expected: who must be at the other end; nil to accept whom the allow-list lets in.
  ///   - isInitiator: whether this side dialled.
  ///   - isLimited: whether the relay limits bytes and time.
  func adopt(
    _ stream: any PeerStream, expected: PeerID?, isInitiator: Bool, isLimited: Bool, remote: Multiaddr,
    deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> PeerID

  /// A signature by this node's key, and the key.
  func sign(_ message: [UInt8]) throws(PeerError) -> [UInt8]
  var publicKey: PeerPublicKey { get }

  /// Whether `signature` over `message` is by `key`.
  ///
  /// - Throws: `.unsupported` for a kind of key that is not verified here.
  func verify(_ signature: [UInt8], of message: [UInt8], by key: PeerPublicKey) throws(PeerError) -> Bool
}

extension PeerHost {
  package func handle(
    _ protocolName: String, _ handler: @escaping @Sendable (any PeerStream) async throws -> Void
  ) {
    handle(protocolName, limits: ProtocolLimits(), handler)
  }
}

/// How many streams of one protocol may be open at once; more are reset.
package struct ProtocolLimits: Hashable, Sendable {
  package var streams: Int
  package var streamsPerPeer: Int

  package init(streams: Int = 1_024, streamsPerPeer: Int = 128) {
    self.streams = streams
    self.streamsPerPeer = streamsPerPeer
  }
}

/// A way to reach addresses that TCP cannot.
package protocol PeerTransport: Sendable {
  /// Whether this transport takes the address.
  func accepts(_ address: Multiaddr) -> Bool

  /// Connects and hands the connection to the host (see ``PeerHost/adopt(_:expected:isInitiator:isLimited:remote:deadline:)``).
  func dial(
    _ address: Multiaddr, peer: PeerID, host: any PeerHost, deadline: ContinuousClock.Instant
  ) async throws(PeerError)
}

/// What is known of an open connection.
package struct PeerConnection: Hashable, Sendable {
  package let peer: PeerID
  /// The other end's address, without `/p2p`.
  package let remoteAddress: Multiaddr
  package let isInbound: Bool
  package let isLimited: Bool
  package let opened: ContinuousClock.Instant
  /// The last round trip by ping, where there was one.
  package let roundTrip: Duration?
  /// Bytes of streams, without the cost of framing and encryption.
  package let bytesIn: UInt64
  package let bytesOut: UInt64
  /// Open streams.
  package let streams: Int

  package init(
    peer: PeerID, remoteAddress: Multiaddr, isInbound: Bool, isLimited: Bool, opened: ContinuousClock.Instant,
    roundTrip: Duration?, bytesIn: UInt64, bytesOut: UInt64, streams: Int
  ) {
    self.peer = peer
    self.remoteAddress = remoteAddress
    self.isInbound = isInbound
    self.isLimited = isLimited
    self.opened = opened
    self.roundTrip = roundTrip
    self.bytesIn = bytesIn
    self.bytesOut = bytesOut
    self.streams = streams
  }
}

/// What happens between this node and its peers.
package enum PeerEvent: Hashable, Sendable {
  /// The first connection to the peer.
  case connected(PeerID)
  /// The last connection to the peer has ended.
  case disconnected(PeerID, reason: String)
  /// The peer said what it speaks and where it listens, or said so anew.
  case identified(PeerID, protocols: Set<String>)
  /// A peer told this node how it sees its address.
  case observed(Multiaddr, by: PeerID)
  /// This node listens elsewhere than before.
  case addressesChanged
}

/// Where peers can be reached. Bounded in peers, addresses a peer and time.
package protocol PeerAddressBook: AnyObject, Sendable {
  /// Remembers addresses for `duration`; longer times replace shorter ones. `/p2p` endings are taken off, and addresses that
  /// end in another peer's are dropped.
  func add(_ addresses: [Multiaddr], of peer: PeerID, for duration: Duration)

  /// Addresses that still hold, the best known first.
  func addresses(of peer: PeerID) -> [Multiaddr]

  /// Every peer with an address that holds.
  var peers: [PeerID] { get }
}
