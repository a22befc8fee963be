package import Multiformats
package import PeerProtocols
internal import Synchronization

/// A node's part in gossip: the state machine over the host's streams.
package final class GossipService: Sendable {
  private struct Follower: Sendable {
    let judge: @Sendable (GossipMessage) -> Gossipsub.Verdict
    let deliver: @Sendable (GossipMessage) -> Void
  }

  private struct State: Sendable {
    var machine: Gossipsub
    /// Where what a peer is sent waits to be written.
    var queues: [PeerID: GossipQueue] = [:]
    var followers: [String: Follower] = [:]
    var sequence: UInt64
  }

  private struct Newcomer: Sendable {
    let peer: PeerID
    let queue: GossipQueue
  }

  /// Bytes that wait for all peers together.
  private static let maximumWaiting = 64 << 20
  private static let limits = ProtocolLimits(streams: 4_096, streamsPerPeer: 4)
  /// The longest message of this node's own.
  package static let maximumData = 256 << 10

  private let host: any PeerHost
  private let state: Mutex<State>
  private let room = GossipQueueRoom(limit: GossipService.maximumWaiting)
  private let start = ContinuousClock.now
  private let newcomers: AsyncStream<Newcomer>
  private let newcomersEnd: AsyncStream<Newcomer>.Continuation

  /// A part that is not played before ``run()``.
  ///
  /// - Parameter firstSequence: greater than every number this node has given a message before; the time in nanoseconds is.
  package init(host: any PeerHost, options: GossipOptions = GossipOptions(), firstSequence: UInt64, seed: UInt64) {
    self.host = host
    state = Mutex(State(machine: Gossipsub(own: host.id, options: options, seed: seed), sequence: firstSequence))
    (newcomers, newcomersEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(4_096))
    for version in Gossipsub.Version.allCases {
      host.handle(version.rawValue, limits: Self.limits) { [weak self] stream in
        guard let self else { return stream.reset() }
        try await self.read(stream, version)
      }
    }
  }

  private var now: Duration { ContinuousClock.now - start }

  /// Peers of a topic as far as known.
  package func peers(of topic: String) -> [PeerID] { state.withLock { $0.machine.peers(of: topic) } }

  /// The standing of a peer.
  package func score(of peer: PeerID) -> Double { state.withLock { $0.machine.score(of: peer) } }

  /// What the application thinks of a peer, added to its score.
  package func setApplicationScore(_ value: Double, of peer: PeerID) {
    state.withLock { $0.machine.setApplicationScore(value, of: peer) }
  }

  /// Bytes that wait to be written to peers.
  package var waitingBytes: Int { room.bytes }

  /// Takes part until cancelled.
  package func run() async {
    // Before anybody is asked who is there, so that nobody is missed.
    let events = host.events()
    await withDiscardingTaskGroup { group in
      group.addTask { await self.follow(events) }
      group.addTask { await self.beat() }
      for peer in host.connectedPeers { meet(peer, host.protocols(of: peer)) }
      for await newcomer in newcomers { group.addTask { await self.write(newcomer) } }
      group.cancelAll()
    }
  }

  private func follow(_ events: AsyncStream<PeerEvent>) async {
    for await event in events {
      switch event {
      case .identified(let peer, let protocols): meet(peer, protocols)
      case .disconnected(let peer, _): leave(peer)
      case .connected, .observed, .addressesChanged: continue
      }
    }
  }

  private func beat() async {
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      step { machine, now in machine.heartbeat(at: now) }
      leaveTheGone()
    }
    newcomersEnd.finish()
  }

  /// Of a burst of events, a slow reader loses some; who is gone is not kept for that.
  private func leaveTheGone() {
    let there = Set(host.connectedPeers)
    for peer in state.withLock({ Array($0.queues.keys) }) where !there.contains(peer) { leave(peer) }
  }

  private func meet(_ peer: PeerID, _ protocols: Set<String>) {
    guard let version = Gossipsub.Version.allCases.first(where: { protocols.contains($0.rawValue) }) else { return }
    welcome(peer, version)
  }

  private func welcome(_ peer: PeerID, _ version: Gossipsub.Version) {
    let connection = host.connections(of: peer).first
    let address = connection.flatMap { connection in
      NetworkGroup(connection.remoteAddress) == nil ? nil : connection.remoteAddress.components.first?.text
    }
    let queue = GossipQueue(room: room)
    var isNew = false
    turn { state, _ in
      guard state.queues[peer] == nil else { return }
      isNew = true
      state.queues[peer] = queue
      state.machine.connected(
        peer, version: version, isOutbound: connection?.isInbound == false, address: address)
    }
    if isNew { newcomersEnd.yield(Newcomer(peer: peer, queue: queue)) }
  }

  /// - Parameter queue: nil for whatever the peer has.
  private func leave(_ peer: PeerID, _ queue: GossipQueue? = nil) {
    turn { state, now in
      guard let known = state.queues[peer], queue == nil || known === queue else { return }
      state.queues[peer] = nil
      known.finish()
      state.machine.disconnected(peer, at: now)
    }
  }

  private func write(_ newcomer: Newcomer) async {
    var stream: (any PeerStream)?
    do throws(PeerError) {
      for await rpc in newcomer.queue.rpcs {
        defer { newcomer.queue.written(rpc) }
        let open: any PeerStream
        if let stream {
          open = stream
        } else {
          open = try await host.openStream(
            to: newcomer.peer, protocols: Gossipsub.Version.allCases.map(\.rawValue),
            deadline: ContinuousClock.now + .seconds(10))
          stream = open
        }
        open.setTimeout(.seconds(20))
        try await open.writeMessage(rpc)
        open.setDeadline(nil)
      }
    } catch {
      stream?.reset()
      // Begun anew when the peer is identified again, or opens a stream itself.
      leave(newcomer.peer, newcomer.queue)
      return
    }
    // The peer was left before; if it is back already, it has another queue.
    try? await stream?.closeWrite()
  }

  private func read(_ stream: any PeerStream, _ version: Gossipsub.Version) async throws(PeerError) {
    welcome(stream.peer, version)
    while let bytes = try await stream.readMessage(maximum: GossipRPC.maximumSize) {
      let rpc = try GossipRPC(decoding: bytes)
      let peer = stream.peer
      step { machine, now in machine.received(rpc, from: peer, at: now) }
    }
    try await stream.closeWrite()
  }

  // MARK: The machine

  private func step(_ change: (inout Gossipsub, Duration) -> Void) {
    turn { state, now in change(&state.machine, now) }
  }

  private func turn(_ change: (inout State, Duration) -> Void) {
    let time = now
    var actions = state.withLock { state in
      change(&state, time)
      return state.machine.takeActions()
    }
    while !actions.isEmpty { actions = perform(actions, time) }
  }

  /// - Returns: what the machine asks for next.
  private func perform(_ actions: [Gossipsub.Action], _ time: Duration) -> [Gossipsub.Action] {
    var next: [Gossipsub.Action] = []
    for action in actions {
      switch action {
      case .send(let peer, let rpc): state.withLock { $0.queues[peer] }?.add(rpc.bytes)
      case .validate(let message, _):
        let verdict = judge(message)
        next += state.withLock { state in
          state.machine.validated(message.id, verdict, at: time)
          return state.machine.takeActions()
        }
      case .deliver(let message): state.withLock { $0.followers[message.topic] }?.deliver(message)
      case .connect(let named): remember(named)
      }
    }
    return next
  }

  private func judge(_ message: GossipMessage) -> Gossipsub.Verdict {
    guard let key = message.signer,
      (try? host.verify(message.signature, of: message.signedBytes, by: key)) == true
    else { return .forged }
    return state.withLock { $0.followers[message.topic] }?.judge(message) ?? .ignore
  }

  /// Peers that another named in parting: addresses that they signed themselves are remembered, for whoever connects next.
  private func remember(_ named: [GossipRPC.Prune.Exchange]) {
    for exchange in named {
      guard let peer = try? PeerID(bytes: exchange.peer),
        let envelope = try? SignedEnvelope(decoding: exchange.signedRecord),
        envelope.payloadType == PeerRecord.payloadType,
        (try? PeerID(publicKey: envelope.publicKey, sha256: KeyHash.sha256)) == peer,
        let record = try? PeerRecord(decoding: envelope.payload), record.peer == peer
      else { continue }
      let signed = SignedEnvelope.signed(
        domain: PeerRecord.domain, payloadType: envelope.payloadType, payload: envelope.payload)
      guard (try? host.verify(envelope.signature, of: signed, by: envelope.publicKey)) == true else { continue }
      host.addressBook.add(record.addresses, of: peer, for: .seconds(600))
    }
  }
}

extension GossipService: TopicExchange {
  package func publish(_ data: [UInt8], topic: String) throws(PeerError) {
    guard data.count <= Self.maximumData else {
      throw PeerError(.tooLarge, "gossip: \(data.count) bytes of data, at most \(Self.maximumData)")
    }
    let number = state.withLock { state in
      state.sequence += 1
      return state.sequence
    }
    let sequence = (0..<8).map { UInt8(truncatingIfNeeded: number >> UInt64(56 - 8 * $0)) }
    var message = GossipMessage(from: host.id.bytes, data: data, sequence: sequence, topic: topic)
    message.signature = try host.sign(message.signedBytes)
    // Some implementations look for the key even where the id holds it.
    message.key = host.publicKey.bytes
    step { machine, now in machine.publish(message, at: now) }
  }

  package func follow(
    _ topic: String, judge: @escaping @Sendable (GossipMessage) -> Gossipsub.Verdict,
    deliver: @escaping @Sendable (GossipMessage) -> Void
  ) {
    state.withLock { $0.followers[topic] = Follower(judge: judge, deliver: deliver) }
    step { machine, now in machine.subscribe(topic, at: now) }
  }

  /// Ceases to follow a topic.
  package func unfollow(_ topic: String) {
    state.withLock { _ = $0.followers.removeValue(forKey: topic) }
    step { machine, now in machine.unsubscribe(topic, at: now) }
  }
}
