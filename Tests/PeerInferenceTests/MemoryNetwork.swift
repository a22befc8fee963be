import Multiformats
import PeerProtocols
import Synchronization

/// Hosts in one process that reach each other through memory. Signatures are hashes: nobody here is to be kept out.
final class MemoryNetwork: Sendable {
  private struct State {
    var hosts: [PeerID: MemoryHost] = [:]
    var down: Set<PeerID> = []
  }

  private let state = Mutex(State())

  func host(_ number: UInt8) throws -> MemoryHost {
    let key = PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: number, count: 32))
    let host = MemoryHost(id: try PeerID(publicKey: key, sha256: KeyHash.sha256), key: key, network: self)
    let others = state.withLock { state in
      defer { state.hosts[host.id] = host }
      return Array(state.hosts.values)
    }
    for other in others {
      other.emit(.connected(host.id))
      host.emit(.connected(other.id))
    }
    return host
  }

  /// A host that nobody reaches any more; its open streams end.
  func cut(_ peer: PeerID) {
    let host = state.withLock { state in
      state.down.insert(peer)
      return state.hosts[peer]
    }
    host?.resetAll()
  }

  func reach(_ peer: PeerID, from: PeerID) -> MemoryHost? {
    state.withLock { $0.down.contains(peer) || $0.down.contains(from) ? nil : $0.hosts[peer] }
  }

  func others(_ peer: PeerID) -> [PeerID] {
    state.withLock { state in state.hosts.keys.filter { $0 != peer && !state.down.contains($0) } }
  }

  /// Everybody hears what everybody speaks.
  func identifyAll() {
    for host in state.withLock({ Array($0.hosts.values) }) {
      for other in others(host.id) {
        host.emit(.identified(other, protocols: host.protocols(of: other)))
      }
    }
  }
}

final class MemoryHost: PeerHost {
  typealias Handler = @Sendable (any PeerStream) async throws -> Void

  private struct State {
    var handlers: [String: Handler] = [:]
    var listeners: [AsyncStream<PeerEvent>.Continuation] = []
    var streams: [any PeerStream] = []
  }

  let id: PeerID
  let publicKey: PeerPublicKey
  private let network: MemoryNetwork
  private let state = Mutex(State())
  private let book: MemoryBook
  let announcedAddresses: [Multiaddr]

  init(id: PeerID, key: PeerPublicKey, network: MemoryNetwork) {
    self.id = id
    publicKey = key
    self.network = network
    announcedAddresses = (try? Multiaddr("/ip4/10.0.0.\(key.data[0])/tcp/4001")).map { [$0] } ?? []
    book = MemoryBook(owner: id, network: network)
  }

  var listenAddresses: [Multiaddr] { announcedAddresses }
  var addressBook: any PeerAddressBook { book }
  var handledProtocols: [String] { state.withLock { Array($0.handlers.keys) } }
  var connectedPeers: [PeerID] { network.others(id) }

  func announce(_ addresses: [Multiaddr], source: String) {}
  func connections(of peer: PeerID) -> [PeerConnection] { [] }
  func protocols(of peer: PeerID) -> Set<String> { Set(network.reach(peer, from: id)?.handledProtocols ?? []) }
  func disconnect(_ peer: PeerID, reason: String) {}
  func tag(_ peer: PeerID, _ tag: String, value: Int) {}
  func protect(_ peer: PeerID, _ tag: String) {}
  func unprotect(_ peer: PeerID, _ tag: String) {}
  func addTransport(_ transport: any PeerTransport) {}

  func connect(to peer: PeerID, addresses: [Multiaddr], deadline: ContinuousClock.Instant) async throws(PeerError) {
    guard network.reach(peer, from: id) != nil else { throw PeerError(.unreachable, "\(peer) is not there") }
  }

  func openStream(
    to peer: PeerID, protocols: [String], deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> any PeerStream {
    guard let other = network.reach(peer, from: id) else { throw PeerError(.unreachable, "\(peer) is not there") }
    for name in protocols {
      guard let handler = other.handler(name) else { continue }
      let (near, far) = MemoryStream.pair(dialer: id, listener: peer, protocolName: name)
      keep(near)
      other.keep(far)
      // As a real host does: each stream in a task of its own.
      Task {
        do { try await handler(far) } catch { far.reset() }
      }
      return near
    }
    throw PeerError(.unsupported, "\(peer) speaks none of \(protocols)")
  }

  private func keep(_ stream: any PeerStream) { state.withLock { $0.streams.append(stream) } }
  private func handler(_ name: String) -> Handler? { state.withLock { $0.handlers[name] } }

  func handle(_ protocolName: String, limits: ProtocolLimits, _ handler: @escaping Handler) {
    state.withLock { $0.handlers[protocolName] = handler }
  }

  func stopHandling(_ protocolName: String) { state.withLock { $0.handlers[protocolName] = nil } }

  func events() -> AsyncStream<PeerEvent> {
    let (stream, continuation) = AsyncStream.makeStream(of: PeerEvent.self, bufferingPolicy: .bufferingNewest(1_024))
    state.withLock { $0.listeners.append(continuation) }
    return stream
  }

  func emit(_ event: PeerEvent) { for listener in state.withLock({ $0.listeners }) { listener.yield(event) } }

  func resetAll() {
    let streams = state.withLock { state in
      defer { state.streams = [] }
      return state.streams
    }
    for stream in streams { stream.reset() }
  }

  func adopt(
    _ stream: any PeerStream, expected: PeerID?, isInitiator: Bool, isLimited: Bool, remote: Multiaddr,
    deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> PeerID { throw PeerError(.unsupported, "no relays in memory") }

  func sign(_ message: [UInt8]) throws(PeerError) -> [UInt8] { KeyHash.sha256(publicKey.data + message) }

  func verify(_ signature: [UInt8], of message: [UInt8], by key: PeerPublicKey) throws(PeerError) -> Bool {
    signature == KeyHash.sha256(key.data + message)
  }
}

/// Knows where everybody is.
final class MemoryBook: PeerAddressBook {
  private let owner: PeerID
  private let network: MemoryNetwork

  init(owner: PeerID, network: MemoryNetwork) {
    self.owner = owner
    self.network = network
  }

  func add(_ addresses: [Multiaddr], of peer: PeerID, for duration: Duration) {}
  func addresses(of peer: PeerID) -> [Multiaddr] { network.reach(peer, from: owner)?.announcedAddresses ?? [] }
  var peers: [PeerID] { network.others(owner) }
}
