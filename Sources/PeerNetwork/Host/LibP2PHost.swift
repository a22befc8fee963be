internal import Content
package import Logging
package import Multiformats
internal import NIOCore
internal import NIOPosix
package import PeerProtocols
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A libp2p host over TCP, Noise and yamux (https://github.com/libp2p/specs).
///
/// Make one, add handlers, ``start()`` it, and run ``run()`` until it is to stop; ``stop()`` ends all connections.
package final class LibP2PHost: PeerHost {
  package let identity: HostIdentity
  package let options: HostOptions
  package let logger: Logger
  let book: AddressBook
  let memory: MemoryAccount
  let state: Mutex<HostState>
  let group: any EventLoopGroup
  let names: AddressResolution
  private let made = ContinuousClock.now

  /// Since the host was made.
  var uptime: Duration { ContinuousClock.now - made }

  /// - Parameter addressBook: nil for one of the host's own, kept in the options' file.
  package init(identity: HostIdentity, options: HostOptions = HostOptions(), logger: Logger) {
    self.identity = identity
    self.options = options
    self.logger = logger
    self.book = AddressBook(file: options.addressBookFile)
    self.memory = MemoryAccount(limit: options.bufferLimit)
    self.group = MultiThreadedEventLoopGroup.singleton
    self.names = AddressResolution(resolver: options.resolver ?? DNSResolver())
    self.state = Mutex(
      HostState(
        count: ConnectionCount(limits: options.limits),
        recordSequence: UInt64(max(0, Date().timeIntervalSince1970 * 1_000))))
    addOwnProtocols()
  }

  package var id: PeerID { identity.peer }
  package var publicKey: PeerPublicKey { identity.publicKey }
  package var addressBook: any PeerAddressBook { book }

  package func sign(_ message: [UInt8]) throws(PeerError) -> [UInt8] { try identity.sign(message) }

  package func verify(
    _ signature: [UInt8], of message: [UInt8], by key: PeerPublicKey
  ) throws(PeerError) -> Bool { try HostIdentity.verify(signature, of: message, by: key) }

  // MARK: Life

  /// Listens. The host can dial without.
  ///
  /// - Throws: `.unreachable` where an address cannot be listened on.
  package func start() async throws(PeerError) {
    for address in options.listen { try await listen(on: address) }
  }

  /// Keeps house until the task is cancelled: trims connections, saves the address book.
  package func run() async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(10))
      trim()
      book.save()
    }
    await stop()
  }

  /// Ends every connection and listens no longer.
  package func stop() async {
    let (listeners, connections, subscribers) = state.withLock { state in
      state.isStopped = true
      defer {
        state.listeners = []
        state.subscribers = [:]
      }
      return (
        state.listeners, state.connections.values.flatMap { $0 } + state.pending.values,
        Array(state.subscribers.values)
      )
    }
    for listener in listeners { try? await listener.close() }
    for connection in connections {
      connection.eventLoop.execute { connection.close(PeerError(.closed, "this node stops")) }
    }
    for subscriber in subscribers { subscriber.finish() }
    book.save()
  }

  // MARK: Protocols

  package func handle(
    _ protocolName: String, limits: ProtocolLimits,
    _ handler: @escaping @Sendable (any PeerStream) async throws -> Void
  ) {
    let isNew = state.withLock { state in
      state.handlers.updateValue(StreamHandler(limits: limits, answer: handler), forKey: protocolName) == nil
    }
    if isNew { pushIdentity() }
  }

  package func stopHandling(_ protocolName: String) {
    let wasThere = state.withLock { $0.handlers.removeValue(forKey: protocolName) != nil }
    if wasThere { pushIdentity() }
  }

  package var handledProtocols: [String] { state.withLock { $0.handlers.keys.sorted() } }

  /// Where the bytes of a protocol are counted.
  package func traffic(of protocolName: String) -> ProtocolTraffic {
    state.withLock { state in
      if let known = state.traffic[protocolName] { return known }
      let made = ProtocolTraffic()
      state.traffic[protocolName] = made
      return made
    }
  }

  /// What each protocol has carried, by name.
  package var traffic: [(name: String, traffic: ProtocolTraffic)] {
    state.withLock { state in state.traffic.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
  }

  /// Bytes from peers that nobody has read yet.
  package var bufferedBytes: Int { memory.bytes }

  // MARK: Peers

  package var connectedPeers: [PeerID] { state.withLock { Array($0.connections.keys) } }

  package func connections(of peer: PeerID) -> [PeerConnection] {
    let connections = state.withLock { $0.connections[peer] ?? [] }
    return connections.map { connection in
      let roundTrip = connection.counters.roundTrip.load(ordering: .relaxed)
      return PeerConnection(
        peer: peer, remoteAddress: connection.terms.remote, isInbound: !connection.terms.isInitiator,
        isLimited: connection.terms.isLimited, opened: connection.startedAt,
        roundTrip: roundTrip > 0 ? .nanoseconds(roundTrip) : nil,
        bytesIn: connection.counters.bytesIn.load(ordering: .relaxed),
        bytesOut: connection.counters.bytesOut.load(ordering: .relaxed),
        streams: connection.counters.streams.load(ordering: .relaxed))
    }
  }

  package func protocols(of peer: PeerID) -> Set<String> {
    state.withLock { Set($0.identified[peer]?.protocols ?? []) }
  }

  /// What the peer calls its program, where identify has ended.
  package func agent(of peer: PeerID) -> String? { state.withLock { $0.identified[peer]?.agentVersion } }

  /// What was tried to reach the peer, oldest first.
  package func dialHistory(of peer: PeerID) -> [DialHistory.Entry] { state.withLock { $0.history.entries(of: peer) } }

  package func events() -> AsyncStream<PeerEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: PeerEvent.self, bufferingPolicy: .bufferingNewest(1_024))
    let number = state.withLock { state -> Int? in
      guard !state.isStopped else { return nil }
      state.nextSubscriber += 1
      state.subscribers[state.nextSubscriber] = continuation
      return state.nextSubscriber
    }
    guard let number else {
      continuation.finish()
      return stream
    }
    continuation.onTermination = { [weak self] _ in
      self?.state.withLock { _ = $0.subscribers.removeValue(forKey: number) }
    }
    return stream
  }

  package func disconnect(_ peer: PeerID, reason: String) {
    for connection in state.withLock({ $0.connections[peer] ?? [] }) {
      connection.eventLoop.execute { connection.close(PeerError(.closed, reason)) }
    }
  }

  package func tag(_ peer: PeerID, _ tag: String, value: Int) {
    state.withLock { state in
      state.tags[peer, default: [:]][tag] = value == 0 ? nil : value
      if state.tags[peer]?.isEmpty == true { state.tags[peer] = nil }
    }
  }

  package func protect(_ peer: PeerID, _ tag: String) {
    state.withLock { _ = $0.protections[peer, default: []].insert(tag) }
  }

  package func unprotect(_ peer: PeerID, _ tag: String) {
    state.withLock { state in
      state.protections[peer]?.remove(tag)
      if state.protections[peer]?.isEmpty == true { state.protections[peer] = nil }
    }
  }

  package func addTransport(_ transport: any PeerTransport) { state.withLock { $0.transports.append(transport) } }

  /// Closes the least valued connections where there are too many.
  func trim() {
    let victims = state.withLock { state in
      let candidates = state.connections.map { peer, connections in
        ConnectionTrimming.Candidate(
          peer: peer, connections: connections.count, value: state.tags[peer]?.values.reduce(0, +) ?? 0,
          isProtected: state.protections[peer] != nil, opened: connections.map(\.startedAt).min() ?? .now,
          isInbound: connections.allSatisfy { !$0.terms.isInitiator },
          streams: connections.reduce(0) { $0 + $1.counters.streams.load(ordering: .relaxed) })
      }
      return options.trimming.victims(among: candidates, now: .now)
    }
    for peer in victims { disconnect(peer, reason: "this node has too many connections") }
  }
}
