internal import Multiformats
package import PeerProtocols
internal import Synchronization

/// Makes direct connections of relayed ones, by dialling whoever called, or by both dialling at the same time
/// (https://github.com/libp2p/specs/blob/master/relay/DCUtR.md).
package final class HolePuncher: Sendable {
  private static let dialTime = Duration.seconds(5)
  private static let streamTime = Duration.seconds(60)
  /// Upgrades at one time; callers beyond that stay on the relay.
  private static let parallel = 16
  /// How long the relayed connection is kept for streams that run on it.
  private static let grace = 12
  private static let gracePause = Duration.seconds(5)

  /// What came of upgrades.
  package struct Counts: Hashable, Sendable {
    /// Direct because the caller could be dialled.
    package var dialled = 0
    /// Direct because both dialled at the same time.
    package var punched = 0
    package var failed = 0

    package init() {}
  }

  private struct State {
    var upgrading: Set<PeerID> = []
    var counts = Counts()
  }

  private let host: any PeerHost & DirectDialer
  private let log: @Sendable (String) -> Void
  private let state = Mutex(State())
  private let start = ContinuousClock.now

  /// - Parameter log: takes a sentence about each upgrade.
  package init(host: any PeerHost & DirectDialer, log: @escaping @Sendable (String) -> Void = { _ in }) {
    self.host = host
    self.log = log
    host.handle(HolePunchMessage.protocolName, limits: ProtocolLimits(streams: 32, streamsPerPeer: 2)) {
      [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.answer(stream)
    }
  }

  package var counts: Counts { state.withLock { $0.counts } }

  /// Upgrades connections of those who call through relays, until cancelled.
  package func run() async {
    let events = host.events()
    await withDiscardingTaskGroup { group in
      for await event in events {
        guard case .identified(let peer, let protocols) = event, isRelayed(peer, inbound: true) else { continue }
        let isFree = state.withLock { state in
          state.upgrading.count < Self.parallel && state.upgrading.insert(peer).inserted
        }
        guard isFree else { continue }
        group.addTask {
          defer { self.state.withLock { _ = $0.upgrading.remove(peer) } }
          await self.upgrade(peer, protocols)
        }
      }
      group.cancelAll()
    }
  }

  /// Whether all connections to the peer are relayed, and one of them goes that way.
  private func isRelayed(_ peer: PeerID, inbound: Bool) -> Bool {
    let connections = host.connections(of: peer)
    return connections.allSatisfy(\.isRelayed) && connections.contains { $0.isInbound == inbound }
  }

  // MARK: The side that was called

  private func upgrade(_ peer: PeerID, _ protocols: Set<String>) async {
    let known = HolePunchMessage.direct(host.addressBook.addresses(of: peer))
    if !known.isEmpty {
      do throws(PeerError) {
        try await host.dialDirectly(peer, addresses: known, manner: .usual, deadline: .now + Self.dialTime)
        state.withLock { $0.counts.dialled += 1 }
        log("\(peer), who called through a relay, is now connected directly: it could be dialled")
        return await retire(peer)
      } catch {
        guard !Task.isCancelled, protocols.contains(HolePunchMessage.protocolName) else { return failed(peer, error) }
      }
    }
    do throws(PeerError) {
      try await punch(peer)
      state.withLock { $0.counts.punched += 1 }
      log("\(peer), who called through a relay, is now connected directly: both dialled at the same time")
      await retire(peer)
    } catch {
      failed(peer, error)
    }
  }

  private func failed(_ peer: PeerID, _ error: PeerError) {
    state.withLock { $0.counts.failed += 1 }
    log("\(peer) stays connected through a relay: \(error.detail)")
  }

  private func punch(_ peer: PeerID) async throws(PeerError) {
    let stream = try await host.openStream(
      to: peer, protocols: [HolePunchMessage.protocolName], deadline: .now + Self.dialTime)
    stream.setTimeout(Self.streamTime)
    defer { stream.reset() }
    var initiator = HolePunchInitiator(own: host.directAddresses)
    var last = PeerError(.unreachable, "hole punching: no attempt was made")
    while let message = initiator.begin(at: ContinuousClock.now - start) {
      try await stream.writeMessage(message.bytes)
      let answer = try await Self.read(stream)
      let plan = try initiator.receive(answer, at: ContinuousClock.now - start)
      try await stream.writeMessage(plan.sync.bytes)
      guard (try? await Task.sleep(for: plan.wait)) != nil else {
        throw PeerError(.cancelled, "hole punching was cancelled")
      }
      // The other side speaks first, as go-libp2p has it in practice.
      if let failure = await dial(peer, plan.addresses, speaksFirst: false) { last = failure } else { return }
    }
    throw last
  }

  /// Dials at once; whichever of both sides comes through counts.
  ///
  /// - Returns: why there is no direct connection; nil where there is.
  private func dial(_ peer: PeerID, _ addresses: [Multiaddr], speaksFirst: Bool) async -> PeerError? {
    let deadline = ContinuousClock.now + Self.dialTime
    return await withTaskGroup(of: PeerError?.self) { group in
      group.addTask {
        do throws(PeerError) {
          try await self.host.dialDirectly(
            peer, addresses: addresses, manner: .punching(speaksFirst: speaksFirst), deadline: deadline)
          return nil
        } catch {
          return error
        }
      }
      group.addTask {
        // What the other side dials arrives like any other connection.
        while ContinuousClock.now < deadline, !Task.isCancelled {
          if self.host.connections(of: peer).contains(where: { !$0.isRelayed }) { return nil }
          try? await Task.sleep(for: .milliseconds(20))
        }
        return PeerError(.timedOut, "no direct connection within \(Self.dialTime)")
      }
      defer { group.cancelAll() }
      var last: PeerError?
      for await failure in group {
        guard let failure else { return nil }
        last = failure
      }
      return last
    }
  }

  private static func read(_ stream: any PeerStream) async throws(PeerError) -> HolePunchMessage {
    guard let bytes = try await stream.readMessage(maximum: HolePunchMessage.maximumSize) else {
      throw PeerError(.closed, "hole punching: the peer ended the stream")
    }
    return try HolePunchMessage(decoding: bytes)
  }

  /// Lets the relayed connection go once nothing runs on it; the relay ends it in any case.
  private func retire(_ peer: PeerID) async {
    for _ in 0..<Self.grace {
      guard (try? await Task.sleep(for: Self.gracePause)) != nil, !host.endRelayed(peer) else { return }
    }
  }

  // MARK: The side that called

  private func answer(_ stream: any PeerStream) async throws(PeerError) {
    let peer = stream.peer
    guard host.connections(of: peer).contains(where: { $0.isRelayed && !$0.isInbound }) else {
      // Nobody has this node dial who does not answer its call through a relay.
      throw PeerError(.refused, "hole punching: \(peer) was not called through a relay")
    }
    stream.setTimeout(Self.streamTime)
    var responder = HolePunchResponder(own: host.directAddresses)
    while let bytes = try await stream.readMessage(maximum: HolePunchMessage.maximumSize) {
      switch try responder.receive(try HolePunchMessage(decoding: bytes)) {
      case .answer(let message): try await stream.writeMessage(message.bytes)
      case .dial(let addresses):
        guard await dial(peer, addresses, speaksFirst: true) == nil else { continue }
        log("\(peer), who was called through a relay, is now connected directly")
        try await stream.closeWrite()
        return
      }
    }
    try await stream.closeWrite()
  }
}
