package import Multiformats
package import PeerProtocols
internal import Synchronization

/// A node's part in one DHT: the state machine over the host's streams.
package final class KademliaService: Sendable {
  /// How a request to another peer ended.
  private enum Ending: Sendable {
    case answered(KademliaMessage?)
    case failed
  }

  private struct Outgoing: Sendable {
    let id: Kademlia.RequestID
    let contact: KademliaContact
    let message: KademliaMessage
  }

  private struct State: Sendable {
    var machine: Kademlia
    var waiting: [Kademlia.OperationID: CheckedContinuation<KademliaOutcome, Never>] = [:]
    var streams: [Kademlia.OperationID: AsyncStream<KademliaContact>.Continuation] = [:]
  }

  /// Streams of this protocol that others may hold open.
  private static let limits = ProtocolLimits(streams: 1_024, streamsPerPeer: 32)
  /// For how long addresses that others tell are remembered.
  private static let addressLifetime = Duration.seconds(600)
  /// How long a peer may take between two requests on one stream.
  private static let idleTime = Duration.seconds(60)

  /// Which DHT, such as `/ipfs/kad/1.0.0`.
  package let protocolName: String
  private let host: any PeerHost
  private let state: Mutex<State>
  private let start = ContinuousClock.now
  private let outgoing: AsyncStream<Outgoing>
  private let outgoingEnd: AsyncStream<Outgoing>.Continuation
  private let requestTimeout: Duration

  /// A part that is not played before ``run()``.
  package init(
    host: any PeerHost, protocolName: String, mode: Kademlia.Mode, options: KademliaOptions = KademliaOptions(),
    validators: [any RecordValidator] = [PublicKeyValidator()], seed: UInt64
  ) {
    self.host = host
    self.protocolName = protocolName
    requestTimeout = options.requestTimeout
    let own = KademliaContact(peer: host.id, addresses: [])
    state = Mutex(
      State(machine: Kademlia(own: own, mode: mode, options: options, validators: validators, seed: seed)))
    // The machine bounds how many requests are under way.
    (outgoing, outgoingEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(4_096))
    if mode == .server { answerOthers() }
  }

  private var now: Duration { ContinuousClock.now - start }

  /// Peers in the table.
  package var peerCount: Int { state.withLock { $0.machine.table.count } }
  /// Keys of others for which providers are known here.
  package var providerKeyCount: Int { state.withLock { $0.machine.providerKeyCount } }
  /// Peers in the table.
  package var contacts: [KademliaContact] { state.withLock { $0.machine.table.contacts } }

  /// Takes part until cancelled.
  package func run() async {
    // Before anybody is asked who is there, so that nobody is missed.
    let events = host.events()
    await withDiscardingTaskGroup { group in
      group.addTask { await self.follow(events) }
      group.addTask { await self.keepTime() }
      for peer in host.connectedPeers { meet(peer, host.protocols(of: peer)) }
      for await request in outgoing { group.addTask { await self.send(request) } }
      group.cancelAll()
    }
  }

  private func follow(_ events: AsyncStream<PeerEvent>) async {
    for await event in events {
      switch event {
      case .identified(let peer, let protocols): meet(peer, protocols)
      case .addressesChanged: step { machine, _ in machine.setAddresses(self.host.announcedAddresses) }
      case .connected, .disconnected, .observed: continue
      }
    }
  }

  private func meet(_ peer: PeerID, _ protocols: Set<String>) {
    if protocols.contains(protocolName) {
      step { machine, now in
        let wasEmpty = machine.table.count == 0
        machine.add(self.contact(peer), at: now)
        if wasEmpty { machine.bootstrap(at: now) }
      }
    } else if !protocols.isEmpty {
      step { machine, now in machine.remove(peer, at: now) }
    }
  }

  private func contact(_ peer: PeerID) -> KademliaContact {
    KademliaContact(peer: peer, addresses: host.addressBook.addresses(of: peer), connection: .connected)
  }

  private func keepTime() async {
    while !Task.isCancelled {
      let addresses = host.announcedAddresses
      step { machine, now in
        machine.setAddresses(addresses)
        machine.tick(at: now)
      }
      guard (try? await Task.sleep(for: .milliseconds(500))) != nil else { break }
    }
    outgoingEnd.finish()
  }

  // MARK: The machine

  /// Changes the machine, then does what it asks for.
  private func step(_ change: (inout Kademlia, Duration) -> Void) {
    let time = now
    perform(
      state.withLock { state in
        change(&state.machine, time)
        return Self.settle(&state)
      })
  }

  private struct Work {
    var requests: [Outgoing] = []
    var completions: [(CheckedContinuation<KademliaOutcome, Never>, KademliaOutcome)] = []
    var found: [(AsyncStream<KademliaContact>.Continuation, [KademliaContact])] = []
    var ended: [AsyncStream<KademliaContact>.Continuation] = []
  }

  private static func settle(_ state: inout State) -> Work {
    var work = Work()
    for action in state.machine.takeActions() {
      switch action {
      case .request(let id, let contact, let message):
        work.requests.append(Outgoing(id: id, contact: contact, message: message))
      case .providers(let id, let contacts):
        if let stream = state.streams[id] { work.found.append((stream, contacts)) }
      case .completed(let id, let outcome):
        if let waiting = state.waiting.removeValue(forKey: id) { work.completions.append((waiting, outcome)) }
        if let stream = state.streams.removeValue(forKey: id) { work.ended.append(stream) }
      }
    }
    return work
  }

  private func perform(_ work: Work) {
    for request in work.requests { outgoingEnd.yield(request) }
    for (stream, contacts) in work.found {
      for contact in contacts {
        if !contact.addresses.isEmpty {
          host.addressBook.add(contact.addresses, of: contact.peer, for: Self.addressLifetime)
        }
        stream.yield(contact)
      }
    }
    for stream in work.ended { stream.finish() }
    for (waiting, outcome) in work.completions { waiting.resume(returning: outcome) }
  }

  private func send(_ request: Outgoing) async {
    var ending = Ending.failed
    do throws(PeerError) {
      ending = .answered(try await exchange(request))
    } catch {
      ending = .failed
    }
    let result = ending
    step { machine, now in
      switch result {
      case .answered(let message): machine.answered(request.id, message: message, at: now)
      case .failed: machine.failed(request.id, at: now)
      }
    }
  }

  private func exchange(_ request: Outgoing) async throws(PeerError) -> KademliaMessage? {
    let peer = request.contact.peer
    let deadline = ContinuousClock.now + requestTimeout
    if !request.contact.addresses.isEmpty {
      host.addressBook.add(request.contact.addresses, of: peer, for: Self.addressLifetime)
    }
    let stream = try await host.openStream(to: peer, protocols: [protocolName], deadline: deadline)
    stream.setDeadline(deadline)
    do throws(PeerError) {
      try await stream.writeMessage(request.message.bytes)
      if request.message.kind == .addProvider {
        try await stream.closeWrite()
        // The other side closes without a word; waiting for that lets it read before the stream is dropped.
        _ = try? await stream.read(upTo: 1)
        return nil
      }
      guard let bytes = try await stream.readMessage(maximum: KademliaMessage.maximumSize) else {
        throw PeerError(.closed, "\(protocolName): \(peer) ended the stream without an answer")
      }
      let response = try KademliaMessage(decoding: bytes)
      try await stream.closeWrite()
      return response
    } catch {
      stream.reset()
      throw error
    }
  }

  // MARK: Others' requests

  private func answerOthers() {
    host.handle(protocolName, limits: Self.limits) { [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.answer(stream)
    }
  }

  private func answer(_ stream: any PeerStream) async throws(PeerError) {
    while true {
      stream.setTimeout(Self.idleTime)
      guard let bytes = try await stream.readMessage(maximum: KademliaMessage.maximumSize) else { break }
      let request = try KademliaMessage(decoding: bytes)
      let sender = contact(stream.peer)
      let time = now
      let response = state.withLock { $0.machine.respond(to: request, from: sender, at: time) }
      if let response {
        try await stream.writeMessage(response.bytes)
      } else if request.kind == .putValue {
        // Refused: there is no other way to say so.
        stream.reset()
        return
      }
    }
    try await stream.closeWrite()
  }

  // MARK: What users ask for

  private func operate(
    _ begin: @Sendable (inout Kademlia, Duration) -> Kademlia.OperationID?
  ) async throws(PeerError) -> KademliaOutcome {
    let time = now
    let outcome = await withCheckedContinuation { (continuation: CheckedContinuation<KademliaOutcome, Never>) in
      let work = state.withLock { state -> Work? in
        guard let id = begin(&state.machine, time) else { return nil }
        state.waiting[id] = continuation
        return Self.settle(&state)
      }
      if let work {
        perform(work)
      } else {
        var refused = KademliaOutcome()
        refused.timedOut = true
        refused.requests = -1
        continuation.resume(returning: refused)
      }
    }
    guard outcome.requests >= 0 else {
      throw PeerError(
        .exhausted, "\(protocolName): too many searches are under way, or the record is invalid; try again")
    }
    return outcome
  }

  /// Looks for a peer. It has answered itself when it is found.
  ///
  /// - Throws: `.unreachable` where it is not found, `.exhausted`.
  package func find(_ peer: PeerID) async throws(PeerError) -> KademliaContact {
    let outcome = try await operate { machine, now in machine.findPeer(peer, at: now) }
    guard let contact = outcome.peer else {
      throw PeerError(
        .unreachable, "\(peer) is not in the DHT \(protocolName): \(outcome.requests) peers were asked, none knew it")
    }
    return contact
  }

  /// The peers nearest to a key.
  package func nearest(to key: [UInt8]) async throws(PeerError) -> [KademliaContact] {
    try await operate { machine, now in machine.findNearest(key: key, at: now) }.nearest
  }

  /// Announces once that this node provides `key`, now.
  ///
  /// - Returns: how many peers were told.
  @discardableResult
  package func provide(_ key: Multihash) async throws(PeerError) -> Int {
    let bytes = key.bytes
    return try await operate { machine, now in machine.provide(key: bytes, at: now) }.stored
  }

  /// Stores a record at the peers nearest to its key.
  ///
  /// - Returns: how many took it.
  @discardableResult
  package func put(_ record: KademliaRecord) async throws(PeerError) -> Int {
    try await operate { machine, now in machine.put(record, at: now) }.stored
  }

  /// The best value of a key; nil where there is none.
  package func value(of key: [UInt8]) async throws(PeerError) -> KademliaRecord? {
    try await operate { machine, now in machine.findValue(key: key, at: now) }.record
  }
}

extension KademliaService: ProviderDirectory {
  @discardableResult
  package func announce(_ key: Multihash) -> Bool {
    state.withLock { $0.machine.announce(key.bytes) }
  }

  package func withdraw(_ key: Multihash) { state.withLock { $0.machine.withdraw(key.bytes) } }

  package func providers(
    of key: Multihash, limit: Int, deadline: ContinuousClock.Instant
  ) -> AsyncStream<KademliaContact> {
    let (stream, end) = AsyncStream.makeStream(of: KademliaContact.self, bufferingPolicy: .bufferingNewest(1_024))
    let time = now
    let begun = state.withLock { state -> (id: Kademlia.OperationID, work: Work)? in
      guard let id = state.machine.findProviders(key: key.bytes, wanted: limit, at: time) else { return nil }
      state.streams[id] = end
      return (id, Self.settle(&state))
    }
    guard let begun else {
      end.finish()
      return stream
    }
    // Ends the search at the deadline; cancelled with the stream.
    let alarm = Task { [weak self] in
      try await Task.sleep(until: deadline, clock: .continuous)
      self?.abandon(begun.id)
    }
    end.onTermination = { [weak self] _ in
      alarm.cancel()
      self?.abandon(begun.id)
    }
    perform(begun.work)
    return stream
  }

  private func abandon(_ id: Kademlia.OperationID) {
    let end = state.withLock { state in
      state.machine.cancel(id)
      return state.streams.removeValue(forKey: id)
    }
    end?.finish()
  }
}
