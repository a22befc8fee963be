package import Multiformats
internal import NIOCore
internal import PeerProtocols

/// What a host answers on one protocol.
struct StreamHandler: Sendable {
  let limits: ProtocolLimits
  let answer: @Sendable (any PeerStream) async throws -> Void
}

/// What a host knows behind its lock.
struct HostState {
  var connections: [PeerID: [Connection]] = [:]
  var count: ConnectionCount
  /// Connections that others opened and that have not proven who they are, oldest first.
  var pending: [ObjectIdentifier: Connection] = [:]
  var pendingOrder: [ObjectIdentifier] = []
  var handlers: [String: StreamHandler] = [:]
  var openStreams: [String: [PeerID: Int]] = [:]
  var traffic: [String: ProtocolTraffic] = [:]
  var identified: [PeerID: IdentifyMessage] = [:]
  var tags: [PeerID: [String: Int]] = [:]
  var protections: [PeerID: Set<String>] = [:]
  var subscribers: [Int: AsyncStream<PeerEvent>.Continuation] = [:]
  var nextSubscriber = 0
  var announced: [String: [Multiaddr]] = [:]
  var listeners: [any Channel] = []
  var transports: [any PeerTransport] = []
  var dials: [PeerID: DialInProgress] = [:]
  var backOff = DialBackOff()
  var history = DialHistory()
  var observed = ObservedAddresses()
  var recordSequence: UInt64
  /// Callers that were let go before they proved who they are, since the last line in the log.
  var strangers = 0
  var strangersLogged: ContinuousClock.Instant?
  var isStopped = false
}

/// What was tried to reach peers, for `prsm peers why`. The oldest peers are forgotten first.
package struct DialHistory: Sendable {
  /// One address tried, or one connection that ended.
  package struct Entry: Sendable {
    /// Seconds since 1970.
    package let time: Double
    package let address: String
    /// What became of it.
    package let outcome: String
    package let succeeded: Bool
  }

  private static let maximumPeers = 512
  private static let maximumEntries = 24

  private var entries: [PeerID: [Entry]] = [:]
  private var order: [PeerID] = []

  mutating func note(_ peer: PeerID, _ entry: Entry) {
    if entries[peer] == nil {
      if order.count >= Self.maximumPeers { entries[order.removeFirst()] = nil }
      order.append(peer)
    }
    entries[peer, default: []].append(entry)
    if let count = entries[peer]?.count, count > Self.maximumEntries { entries[peer]?.removeFirst() }
  }

  package func entries(of peer: PeerID) -> [Entry] { entries[peer] ?? [] }
}
