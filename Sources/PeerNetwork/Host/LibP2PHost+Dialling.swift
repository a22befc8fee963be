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
#if canImport(Glibc)
internal import Glibc
#endif

extension LibP2PHost {
  package func connect(
    to peer: PeerID, addresses: [Multiaddr], deadline: ContinuousClock.Instant
  ) async throws(PeerError) {
    guard peer != id else { throw PeerError(.refused, "\(peer) is this node itself") }
    if let allowed = options.allowed, !allowed.contains(peer) {
      throw PeerError(.refused, "\(peer) is not on this node's list of allowed peers (peers.allow)")
    }
    if !addresses.isEmpty { book.add(addresses, of: peer, for: .seconds(600)) }
    if state.withLock({ $0.connections[peer] != nil }) { return }
    let isForced = !addresses.isEmpty
    let dial = state.withLock { state -> Result<DialInProgress, PeerError> in
      if state.isStopped { return .failure(PeerError(.closed, "this node stops")) }
      if let running = state.dials[peer] { return .success(running) }
      guard state.dials.count < options.limits.dials else {
        return .failure(PeerError(.exhausted, "\(state.dials.count) dials are under way; try again in a moment"))
      }
      let started = DialInProgress()
      state.dials[peer] = started
      // Shared by all callers, so that it belongs to none of them; it ends at its deadline.
      Task {
        let result = await self.dial(peer, isForced: isForced, deadline: deadline)
        self.state.withLock { $0.dials[peer] = nil }
        started.finish(result)
      }
      return .success(started)
    }
    let running = try dial.get()
    try await running.value(by: deadline).get()
  }

  /// Tries the peer's addresses after the plan; the first connection counts.
  private func dial(
    _ peer: PeerID, isForced: Bool, deadline: ContinuousClock.Instant
  ) async -> Result<Void, PeerError> {
    let known = book.addresses(of: peer)
    guard !known.isEmpty else {
      let error = PeerError(.unreachable, "no address of \(peer) is known; give one, or find the peer first")
      note(peer, nil, error.detail, succeeded: false)
      return .failure(error)
    }
    let now = ContinuousClock.now
    let resting = isForced ? [] : state.withLock { state in known.filter { state.backOff.pause($0, now: now) != nil } }
    let plan = DialPlan(known.filter { !resting.contains($0) })
    guard !plan.attempts.isEmpty else {
      return .failure(
        PeerError(.unreachable, "all \(known.count) addresses of \(peer) failed lately and are left alone for a while"))
    }
    var failures: [String] = []
    let won = await withTaskGroup(of: (Multiaddr, PeerError?).self) { group in
      var waiting = plan.attempts[...]
      var running = 0
      let start = ContinuousClock.now
      while running > 0 || !waiting.isEmpty {
        while running < options.limits.dialsPerPeer, let next = waiting.popFirst() {
          running += 1
          group.addTask {
            // An attempt that failed lets the next one begin at once only through the stagger; it is short.
            try? await Task.sleep(until: start + next.delay, clock: .continuous)
            guard !Task.isCancelled else { return (next.address, PeerError(.cancelled, "another address was faster")) }
            do throws(PeerError) {
              try await self.dial(next.address, peer: peer, deadline: deadline)
              return (next.address, nil)
            } catch { return (next.address, error) }
          }
        }
        guard let (address, failure) = await group.next() else { break }
        running -= 1
        guard let failure else {
          state.withLock { $0.backOff.succeeded(address) }
          note(peer, address, "connected", succeeded: true)
          group.cancelAll()
          return true
        }
        note(peer, address, failure.detail, succeeded: false)
        if failure.code != .cancelled { state.withLock { $0.backOff.failed(address, now: .now) } }
        failures.append("\(address): \(failure.detail)")
      }
      return false
    }
    if won || state.withLock({ $0.connections[peer] != nil }) { return .success(()) }
    return .failure(PeerError(.unreachable, "\(peer) could not be reached: \(failures.joined(separator: "; "))"))
  }

  private func dial(_ address: Multiaddr, peer: PeerID, deadline: ContinuousClock.Instant) async throws(PeerError) {
    if let transport = state.withLock({ $0.transports.first { $0.accepts(address) } }) {
      try await transport.dial(address, peer: peer, host: self, deadline: deadline)
      return
    }
    guard let endpoint = TCPEndpoint(address) else {
      throw PeerError(.unsupported, "this node reaches TCP over IP4, IP6 and DNS names alone")
    }
    let outcome = UpgradeOutcome()
    let terms = terms(isInitiator: true, expected: peer, remote: address, isLimited: false, outcome: outcome)
    let time: Duration = max(.milliseconds(1), min(deadline - ContinuousClock.now, .seconds(15)))
    do {
      _ = try await ClientBootstrap(group: group)
        .connectTimeout(TimeAmount(time))
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelOption(
          .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 1 << 20)
        )
        .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let connection = Connection(eventLoop: channel.eventLoop, terms: terms)
            try channel.pipeline.syncOperations.addHandler(SocketTransport(connection: connection))
          }
        }
        .connect(host: endpoint.host, port: endpoint.port).get()
    } catch {
      throw PeerError(.unreachable, Self.plain(error))
    }
    switch await outcome.value() {
    case .success: return
    case .failure(let error): throw error
    }
  }

  /// What the system says, without the names of types.
  private static func plain(_ error: any Error) -> String {
    if let error = error as? IOError { return String(cString: strerror(error.errnoCode)) }
    if let error = error as? ChannelError, case .connectTimeout = error {
      return "no answer to TCP within the deadline"
    }
    if let error = error as? NIOConnectionError {
      let causes = error.connectionErrors.map { plain($0.error) }
      if let first = causes.first { return first }
      return "the name \(error.host) could not be looked up"
    }
    return "\(error)"
  }

  /// Remembers what became of an attempt, for `prsm peers why`.
  func note(_ peer: PeerID, _ address: Multiaddr?, _ outcome: String, succeeded: Bool) {
    let entry = DialHistory.Entry(
      time: Date().timeIntervalSince1970, address: address?.description ?? "", outcome: outcome, succeeded: succeeded)
    state.withLock { $0.history.note(peer, entry) }
  }

  package func adopt(
    _ stream: any PeerStream, expected: PeerID?, isInitiator: Bool, isLimited: Bool, remote: Multiaddr,
    deadline: ContinuousClock.Instant
  ) async throws(PeerError) -> PeerID {
    let outcome = UpgradeOutcome()
    let connection = Connection(
      eventLoop: group.next(),
      terms: terms(isInitiator: isInitiator, expected: expected, remote: remote, isLimited: isLimited, outcome: outcome)
    )
    RelayedTransport.begin(connection, over: stream)
    switch await outcome.value() {
    case .success(let connection):
      guard let peer = connection.peer else { throw PeerError(.unauthenticated, "no identity") }
      return peer
    case .failure(let error): throw error
    }
  }
}
