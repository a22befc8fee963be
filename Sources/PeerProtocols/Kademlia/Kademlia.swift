package import Multiformats

/// A node of the Kademlia DHT as a state machine: it takes what happens and hands back what is to be done. It holds no
/// socket and reads no clock; times count from any fixed instant.
package struct Kademlia: Sendable {
  /// Whether a node answers requests, and so may stand in the tables of others.
  package enum Mode: Sendable {
    case client
    case server
  }

  /// A request that is under way.
  package typealias RequestID = UInt64
  /// A search, announcement or other operation that is under way.
  package typealias OperationID = UInt64

  /// What is to be done, in order.
  package enum Action: Sendable {
    /// Ask a peer; then call ``answered(_:message:at:)`` or ``failed(_:at:)``. An `addProvider` has no response: it
    /// counts as answered, by nil, when it was sent.
    case request(RequestID, to: KademliaContact, KademliaMessage)
    /// An operation found providers; more may follow until it is completed.
    case providers(OperationID, [KademliaContact])
    /// An operation is over.
    case completed(OperationID, KademliaOutcome)
  }

  struct Request: Sendable {
    enum Purpose: Sendable {
      case lookup(OperationID)
      case store(OperationID)
      case probe
    }

    let contact: KademliaContact
    let purpose: Purpose
    let since: Duration
  }

  /// This node.
  package private(set) var own: KademliaContact
  package let options: KademliaOptions
  package var mode: Mode
  /// Who is known.
  package internal(set) var table: RoutingTable
  var providers: ProviderStore
  var records: RecordStore
  var random: SplitMix64
  var requests: [RequestID: Request] = [:]
  var operations: [OperationID: KademliaOperation] = [:]
  var nextRequest: RequestID = 1
  var nextOperation: OperationID = 1
  var actions: [Action] = []
  var upkeep = KademliaUpkeep()

  /// A node that knows nobody yet.
  ///
  /// - Parameter own: this node; its addresses go into its announcements.
  package init(
    own: KademliaContact, mode: Mode, options: KademliaOptions = KademliaOptions(),
    validators: [any RecordValidator] = [PublicKeyValidator()], seed: UInt64
  ) {
    self.own = own
    self.mode = mode
    self.options = options
    table = RoutingTable(own: own.key, limits: options.table)
    providers = ProviderStore(limits: options.providers)
    records = RecordStore(validators: validators, limits: options.records)
    random = SplitMix64(seed: seed)
  }

  /// What is to be done since the last call.
  package mutating func takeActions() -> [Action] {
    defer { actions.removeAll(keepingCapacity: true) }
    return actions
  }

  /// Requests under way.
  package var requestCount: Int { requests.count }
  /// Operations under way.
  package var operationCount: Int { operations.count }
  /// Keys for which this node knows providers.
  package var providerKeyCount: Int { providers.keyCount }

  /// This node can be reached at other addresses than before.
  package mutating func setAddresses(_ addresses: [Multiaddr]) {
    guard own.addresses != addresses else { return }
    own = KademliaContact(peer: own.peer, key: own.key, addresses: addresses)
  }

  // MARK: Peers

  /// Takes in a peer that is there, and answers the DHT's protocol.
  package mutating func add(_ contact: KademliaContact, at now: Duration) {
    if case .waiting(let oldest) = table.insert(contact, at: now) { probe(oldest, unheardFor: .seconds(10), at: now) }
  }

  /// Drops a peer that stopped answering the DHT's protocol.
  package mutating func remove(_ peer: PeerID, at now: Duration) {
    table.failed(KademliaKey(peer), tolerance: 0, at: now)
  }

  /// Asks whether a peer is there: for its nearest to our own place, so that the answer is of use, too.
  mutating func probe(_ contact: KademliaContact, unheardFor: Duration, at now: Duration) {
    guard upkeep.probing.count < options.parallelProbes, !upkeep.probing.contains(contact.key),
      !table.isFresh(contact.key, since: now - unheardFor)
    else { return }
    upkeep.probing.insert(contact.key)
    send(KademliaMessage(.findNode, key: own.peer.bytes), to: contact, .probe, now)
  }

  mutating func send(
    _ message: KademliaMessage, to contact: KademliaContact, _ purpose: Request.Purpose, _ now: Duration
  ) {
    let id = nextRequest
    nextRequest += 1
    requests[id] = Request(contact: contact, purpose: purpose, since: now)
    actions.append(.request(id, to: contact, message))
  }

  /// A response came, or an announcement was sent.
  package mutating func answered(_ id: RequestID, message: KademliaMessage?, at now: Duration) {
    guard let request = requests.removeValue(forKey: id) else { return }
    let contact = request.contact
    // Who answers is a server. An announcement that was sent proves nothing.
    if message != nil { add(contact, at: now) }
    let closer = (message?.closer ?? []).filter { !$0.addresses.isEmpty && $0.key != own.key }
    switch request.purpose {
    case .probe:
      upkeep.probing.remove(contact.key)
      consider(closer, at: now)
    case .lookup(let operation):
      lookupAnswered(operation, by: contact, message, closer, at: now)
    case .store(let operation):
      storeAnswered(operation, succeeded: true, at: now)
    }
  }

  /// A peer could not be reached or did not answer.
  package mutating func failed(_ id: RequestID, at now: Duration) {
    guard let request = requests.removeValue(forKey: id) else { return }
    upkeep.probing.remove(request.contact.key)
    table.failed(request.contact.key, tolerance: options.tolerance, at: now)
    switch request.purpose {
    case .probe: break
    case .lookup(let operation):
      operations[operation]?.lookup.failed(request.contact.key)
      advance(operation, at: now)
    case .store(let operation):
      storeAnswered(operation, succeeded: false, at: now)
    }
  }

  /// Asks peers that others told of, where the table has room for them.
  private mutating func consider(_ contacts: [KademliaContact], at now: Duration) {
    for contact in contacts
    where !table.contains(contact.key)
      && table.bucketCount(own.key.commonPrefix(with: contact.key)) < options.table.bucket
    {
      probe(contact, unheardFor: .zero, at: now)
    }
  }

  // MARK: Others' requests

  /// The response to a peer's request; nil where there is none to be sent.
  ///
  /// - Parameter sender: with the addresses that the connection's identification gave.
  package mutating func respond(
    to message: KademliaMessage, from sender: KademliaContact, at now: Duration
  ) -> KademliaMessage? {
    guard mode == .server else { return nil }
    var response = KademliaMessage(message.kind, key: message.key)
    switch message.kind {
    case .ping: return response
    case .findNode:
      response.closer = closer(to: KademliaKey(hashing: message.key), for: sender)
    case .getProviders:
      response.providers = providers.providers(of: message.key, at: now)
      if upkeep.announcements[message.key] != nil, !own.addresses.isEmpty { response.providers.insert(own, at: 0) }
      response.closer = closer(to: KademliaKey(hashing: message.key), for: sender)
    case .getValue:
      response.record = records.get(message.key, at: now)
      response.closer = closer(to: KademliaKey(hashing: message.key), for: sender)
    case .addProvider:
      for provider in message.providers where provider.peer == sender.peer && !message.key.isEmpty {
        _ = providers.add(provider.addresses.isEmpty ? sender : provider, key: message.key, at: now)
      }
      return nil
    case .putValue:
      guard let record = message.record, record.key == message.key, records.put(record, at: now) else { return nil }
      response.record = record
    }
    return response
  }

  private func closer(to key: KademliaKey, for sender: KademliaContact) -> [KademliaContact] {
    let all = table.closest(to: key, count: options.lookup.nearest + 1)
    return Array(all.filter { $0.key != sender.key }.prefix(options.lookup.nearest))
  }
}

extension RoutingTable {
  /// Whether a peer of the table was heard of after `time`.
  func isFresh(_ key: KademliaKey, since time: Duration) -> Bool {
    buckets[own.commonPrefix(with: key)].contains { $0.contact.key == key && $0.lastHeard > time && $0.failures == 0 }
  }
}
