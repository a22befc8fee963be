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
  /// Lines in the log about callers that were let go before they proved who they are.
  var strangers = LogPace(perSecond: 1)
  /// And about peers that broke a protocol's rules.
  var offenders = LogPace(perSecond: 8)
  var isStopped = false

  /// Tells everybody. Behind the lock, as what happened is changed behind it: so all hear of things in their order.
  func publish(_ event: PeerEvent) { for subscriber in subscribers.values { subscriber.yield(event) } }
}

/// How many lines a second the log may have of one thing.
package struct LogPace {
  private let perSecond: Int
  private var second: ContinuousClock.Instant?
  private var lines = 0
  /// Happened since the last line.
  private var untold = 0

  package init(perSecond: Int) { self.perSecond = perSecond }

  /// It has happened once more.
  ///
  /// - Returns: for how many times a line stands that is written now; nil where none is.
  package mutating func count(at now: ContinuousClock.Instant) -> Int? {
    untold += 1
    if second.map({ now - $0 >= .seconds(1) }) ?? true {
      second = now
      lines = 0
    }
    guard lines < perSecond else { return nil }
    lines += 1
    defer { untold = 0 }
    return untold
  }
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
