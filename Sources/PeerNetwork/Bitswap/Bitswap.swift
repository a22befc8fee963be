package import Content
package import Logging
package import Multiformats
package import PeerProtocols
internal import Synchronization

/// Exchanges blocks with peers: bitswap 1.0 to 1.2 over a host (https://specs.ipfs.tech/bitswap-protocol/).
///
/// Serves from the blocks of this machine, and finds wanted ones at connected peers. Every block that comes is hashed before
/// anyone sees it.
package final class Bitswap: Sendable {
  /// Looks for peers that have a block, such as in a DHT, and connects to them. Returns when it has tried.
  package typealias Finder = @Sendable (CID) async -> Void

  /// Bounds and times.
  package struct Options: Sendable {
    /// Bytes of blocks put into one message, unless a single block is larger.
    package var messageSize = 1 << 20
    /// Peers served at the same time; others wait their turn.
    package var servedPeers = 16
    /// How long sending one message may take.
    package var sendTime: Duration = .seconds(60)
    /// How long a stream of a peer may be silent before it is closed.
    package var idleTime: Duration = .seconds(120)
    /// Searches for providers at the same time.
    package var searches = 16

    package init() {}
  }

  struct State {
    var wants = BitswapWants()
    var ledgers = BitswapLedgers()
    var senders: [PeerID: PeerSender] = [:]
    var waiters: [Multihash: [Int: Waiter]] = [:]
    var nextWaiter = 0
    var finder: Finder?
    var searching: Set<Multihash> = []
    var shared: BitswapWants.Session?
  }

  struct Waiter {
    let session: BitswapWants.Session
    let continuation: CheckedContinuation<Result<Block, PeerError>, Never>
  }

  let host: any PeerHost
  let blocks: any LocalBlocks
  let options: Options
  let logger: Logger
  let state = Mutex(State())
  let serving: FairTurns

  package init(
    host: any PeerHost, blocks: any LocalBlocks, options: Options = Options(), logger: Logger
  ) {
    self.host = host
    self.blocks = blocks
    self.options = options
    self.logger = logger
    self.serving = FairTurns(places: options.servedPeers)
    for name in BitswapMessage.protocolNames {
      host.handle(name, limits: ProtocolLimits(streams: 2_048, streamsPerPeer: 64)) { [weak self] stream in
        try await self?.receive(stream)
      }
    }
  }

  /// Sets who looks for peers that have a block.
  package func setFinder(_ finder: @escaping Finder) { state.withLock { $0.finder = finder } }

  /// Watches who comes and goes, and wants that wait too long, until the task is cancelled.
  package func run() async {
    let events = host.events()
    for peer in host.connectedPeers where speaks(host.protocols(of: peer)) { joined(peer) }
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await event in events {
          switch event {
          case .identified(let peer, let protocols) where self.speaks(protocols): self.joined(peer)
          case .disconnected(let peer, _): self.left(peer)
          default: break
          }
        }
      }
      group.addTask {
        while !Task.isCancelled {
          try? await Task.sleep(for: .milliseconds(250))
          let now = ContinuousClock.now
          let (actions, senders) = self.state.withLock { ($0.wants.tick(now: now), Array($0.senders.values)) }
          self.perform(actions)
          for sender in senders { sender.closeIfIdle(now: now) }
        }
      }
      await group.waitForAll()
    }
  }

  /// What was exchanged with each peer.
  package var ledgers: [PeerID: BitswapLedgers.Ledger] { state.withLock { $0.ledgers.ledgers } }
  package var wantedCIDs: [CID] { state.withLock { $0.wants.wantedCIDs } }
  package var duplicates: Int { state.withLock { $0.wants.duplicates } }

  private func speaks(_ protocols: Set<String>) -> Bool {
    BitswapMessage.protocolNames.contains { protocols.contains($0) }
  }

  private func joined(_ peer: PeerID) {
    let actions = state.withLock { state in
      state.ledgers.connected(peer)
      return state.wants.connected(peer, now: .now)
    }
    perform(actions)
  }

  private func left(_ peer: PeerID) {
    let (actions, sender) = state.withLock { state in
      state.ledgers.disconnected(peer)
      return (state.wants.disconnected(peer, now: .now), state.senders.removeValue(forKey: peer))
    }
    sender?.stop()
    perform(actions)
  }

  func sender(to peer: PeerID) -> PeerSender {
    state.withLock { state in
      if let known = state.senders[peer] { return known }
      let made = PeerSender(peer: peer, bitswap: self)
      state.senders[peer] = made
      return made
    }
  }

  /// A block was put on this machine by someone else: peers that wait for it get it.
  package func announce(_ cid: CID, size: Int) {
    let (serve, tell) = state.withLock { $0.ledgers.arrived(cid, size: size) }
    for peer in serve { sender(to: peer).wake() }
    for peer in tell { sender(to: peer).add(presences: [.init(cid: cid, isThere: true)]) }
  }

  // MARK: Receiving

  /// Reads messages until the other side ends the stream.
  func receive(_ stream: any PeerStream) async throws(PeerError) {
    let peer = stream.peer
    state.withLock { $0.ledgers.connected(peer) }
    var reader = BitswapReader(stream)
    while true {
      if stream.isInbound { stream.setTimeout(options.idleTime) }
      guard let message = try await reader.next() else { break }
      take(message, from: peer)
    }
    if stream.isInbound { try await stream.closeWrite() }
  }

  private func take(_ message: BitswapMessage, from peer: PeerID) {
    for payload in message.payloads { take(payload, from: peer) }
    if !message.presences.isEmpty {
      var all = BitswapWants.Actions()
      state.withLock { state in
        for presence in message.presences {
          all.add(state.wants.presence(presence, from: peer, now: .now))
        }
      }
      perform(all)
    }
    guard !message.entries.isEmpty || message.isFull else { return }
    let answers = state.withLock { state in
      state.ledgers.receive(message, from: peer) { blocks.size(of: $0) }
    }
    let sender = sender(to: peer)
    if answers.isEmpty { sender.wake() } else { sender.add(presences: answers) }
  }

  private func take(_ payload: BitswapMessage.Payload, from peer: PeerID) {
    let size = payload.bytes.count
    guard let digest = try? Digest.multihash(of: payload.bytes, payload.function, length: payload.digestLength) else {
      logger.debug("bitswap: a block of a hash function that is not known", metadata: ["peer": "\(peer)"])
      return
    }
    let (actions, waiters) = state.withLock { state -> (BitswapWants.Actions?, [Waiter]) in
      let actions = state.wants.received(digest, from: peer, now: .now)
      guard actions != nil else { return (nil, []) }
      state.ledgers.received(size, from: peer)
      return (actions, state.waiters.removeValue(forKey: digest).map { Array($0.values) } ?? [])
    }
    // Unasked blocks are dropped before they cost anything more.
    guard let actions else { return }
    perform(actions)
    guard !waiters.isEmpty else { return }
    let cid = payload.version == .v0 ? try? CID(version: .v0, codec: .dagPB, multihash: digest) : nil
    let block = Block(
      unchecked: payload.whole ?? Array(payload.bytes), cid: cid ?? CID(codec: payload.codec, multihash: digest))
    for waiter in waiters { waiter.continuation.resume(returning: .success(block)) }
  }

  // MARK: Acting

  func perform(_ actions: BitswapWants.Actions) {
    for (peer, entries) in actions.send { sender(to: peer).add(entries: entries) }
    for cid in actions.find { find(cid) }
  }

  private func find(_ cid: CID) {
    let finder = state.withLock { state -> Finder? in
      guard let finder = state.finder, state.searching.count < options.searches,
        state.searching.insert(cid.multihash).inserted
      else { return nil }
      return finder
    }
    guard let finder else { return }
    // Several searches at once, bounded by `searches`; the finder has its own deadline.
    Task {
      await finder(cid)
      self.state.withLock { _ = $0.searching.remove(cid.multihash) }
    }
  }
}

extension BitswapWants.Actions {
  mutating func add(_ other: Self) {
    for (peer, entries) in other.send { send[peer, default: []] += entries }
    find += other.find
  }
}
