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
    let fresh = known.filter { !resting.contains($0) }
    guard !fresh.isEmpty else {
      return .failure(
        PeerError(.unreachable, "all \(known.count) addresses of \(peer) failed lately and are left alone for a while"))
    }
    let resolved = await names.resolve(fresh, of: peer, by: deadline)
    var failures: [String] = []
    for (address, reason) in resolved.failures {
      note(peer, address, reason, succeeded: false)
      state.withLock { $0.backOff.failed(address, now: .now) }
      failures.append("\(address): \(reason)")
    }
    let transports = state.withLock { $0.transports }
    let plan = DialPlan(
      resolved.addresses.filter { address in
        TCPEndpoint(address) != nil || transports.contains { $0.accepts(address) }
      })
    if plan.attempts.isEmpty, !resolved.addresses.isEmpty {
      let error = "none of its \(resolved.addresses.count) addresses is plain TCP, which is all that this node dials"
      note(peer, resolved.addresses.first, error, succeeded: false)
      failures.append(error)
    }
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

  func dial(
    _ address: Multiaddr, peer: PeerID, manner: DirectDial = .usual, deadline: ContinuousClock.Instant
  ) async throws(PeerError) {
    if manner == .usual, let transport = state.withLock({ $0.transports.first { $0.accepts(address) } }) {
      try await transport.dial(address, peer: peer, host: self, deadline: deadline)
      return
    }
    guard let endpoint = TCPEndpoint(address), !endpoint.isName,
      let target = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
    else {
      throw PeerError(.unsupported, "this node reaches TCP over IP4, IP6 and DNS names alone")
    }
    let outcome = UpgradeOutcome()
    var speaksFirst = true
    if case .punching(let first) = manner { speaksFirst = first }
    var terms = terms(isInitiator: speaksFirst, expected: peer, remote: address, isLimited: false, outcome: outcome)
    let time: Duration = max(.milliseconds(1), min(deadline - ContinuousClock.now, .seconds(15)))
    let place = manner != .usual || dialsFromListener(to: address) ? listenerPlace(for: target) : nil
    do {
      terms.isFromListenPort = place != nil
      do {
        try await connect(to: target, from: place, terms, time)
      } catch let error as IOError where place != nil && manner == .usual {
        // An older connection may still hold this pair of addresses.
        guard [EADDRINUSE, EADDRNOTAVAIL].contains(error.errnoCode) else { throw error }
        terms.isFromListenPort = false
        try await connect(to: target, from: nil, terms, time)
      }
    } catch {
      throw PeerError(.unreachable, Self.plain(error))
    }
    switch await outcome.value(by: manner == .usual ? nil : deadline) {
    case .success: return
    case .failure(let error): throw error
    }
  }

  private func connect(
    to target: SocketAddress, from place: SocketAddress?, _ terms: ConnectionTerms, _ time: Duration
  ) async throws {
    let attempt = ConnectAttempt()
    var bootstrap = ClientBootstrap(group: group)
      .connectTimeout(TimeAmount(time))
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2_048, initial: 16_384, maximum: 256 << 10)
      )
      .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try attempt.began(channel)
          let connection = Connection(eventLoop: channel.eventLoop, terms: terms)
          try channel.pipeline.syncOperations.addHandler(SocketTransport(connection: connection))
        }
      }
    if let place {
      bootstrap = bootstrap.channelOption(.socketOption(.so_reuseaddr), value: 1)
        .channelOption(.socketOption(Self.reusePort), value: 1)
        .bind(to: place)
    }
    let connecting = bootstrap.connect(to: target)
    _ = try await withTaskCancellationHandler {
      try await connecting.get()
    } onCancel: {
      attempt.cancel()
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
