package import Multiformats

/// How an operation ended.
package struct KademliaOutcome: Sendable {
  /// The peer that was looked for, which has answered itself; nil where it was not found, or none was looked for.
  package var peer: KademliaContact?
  /// Those nearest to the place, who have answered.
  package var nearest: [KademliaContact] = []
  /// Providers, where these were looked for.
  package var providers: [KademliaContact] = []
  /// The best value, where one was looked for.
  package var record: KademliaRecord?
  /// How many peers took what was to be stored.
  package var stored = 0
  /// Requests of the search.
  package var requests = 0
  /// Peers between this node and what it found, 0 where one of its own table had it.
  package var hops = 0
  /// Whether time ran out.
  package var timedOut = false

  package init() {}
}

/// An operation under way.
struct KademliaOperation: Sendable {
  enum Kind: Sendable {
    case nearest
    case peer(PeerID)
    case provide(key: [UInt8])
    case providers(key: [UInt8], wanted: Int)
    case put(KademliaRecord)
    case value(key: [UInt8], quorum: Int)
    case refresh
  }

  let kind: Kind
  let since: Duration
  /// What each peer on the way is asked.
  let question: KademliaMessage
  var lookup: KademliaLookup
  var outcome = KademliaOutcome()
  /// Stores that have not been answered; nil while the search goes on.
  var stores: Int?
  var found: Set<PeerID> = []
  /// Who told of the best value, who of another, who of none.
  var values: [(contact: KademliaContact, record: KademliaRecord?)] = []
}

extension Kademlia {
  /// Looks for a peer; it is found when it has answered itself, so that nobody can answer in its name.
  ///
  /// - Returns: nil where ``KademliaOptions/operations`` are under way.
  package mutating func findPeer(_ peer: PeerID, at now: Duration) -> OperationID? {
    start(.peer(peer), KademliaMessage(.findNode, key: peer.bytes), KademliaKey(peer), now)
  }

  /// Looks for the peers nearest to the place of `key`.
  package mutating func findNearest(key: [UInt8], at now: Duration) -> OperationID? {
    start(.nearest, KademliaMessage(.findNode, key: key), KademliaKey(hashing: key), now)
  }

  /// Looks for those who provide what hashes to `key`, a multihash, until `wanted` are found. Anybody may lie about who
  /// provides what: whoever looks for one provider asks for many, tries each as it is found, and cancels.
  package mutating func findProviders(key: [UInt8], wanted: Int = 1_024, at now: Duration) -> OperationID? {
    let question = KademliaMessage(.getProviders, key: key)
    let id = start(.providers(key: key, wanted: max(1, wanted)), question, KademliaKey(hashing: key), now)
    if let id { tell(providers.providers(of: key, at: now), of: id, hop: 0, at: now) }
    return id
  }

  /// Announces once that this node provides `key`, a multihash. See ``announce(_:)`` for what is to be kept announced.
  package mutating func provide(key: [UInt8], at now: Duration) -> OperationID? {
    start(.provide(key: key), KademliaMessage(.findNode, key: key), KademliaKey(hashing: key), now)
  }

  /// Stores a record at the peers nearest to its key. Nil also where the record is invalid.
  package mutating func put(_ record: KademliaRecord, at now: Duration) -> OperationID? {
    guard records.isValid(record) else { return nil }
    _ = records.put(record, at: now)
    return start(.put(record), KademliaMessage(.findNode, key: record.key), KademliaKey(hashing: record.key), now)
  }

  /// Looks for the best value of `key` until `quorum` peers have told of one, and puts right those who had a worse one.
  package mutating func findValue(key: [UInt8], quorum: Int = 16, at now: Duration) -> OperationID? {
    let id = start(
      .value(key: key, quorum: max(1, quorum)), KademliaMessage(.getValue, key: key), KademliaKey(hashing: key), now)
    if let id { operations[id]?.outcome.record = records.get(key, at: now) }
    return id
  }

  /// Forgets an operation; nothing more is heard of it.
  package mutating func cancel(_ id: OperationID) { operations[id] = nil }

  mutating func start(
    _ kind: KademliaOperation.Kind, _ question: KademliaMessage, _ target: KademliaKey, _ now: Duration
  ) -> OperationID? {
    guard operations.count < options.operations else { return nil }
    let id = nextOperation
    nextOperation += 1
    var seeds = table.closest(to: target, count: options.lookup.nearest)
    let nodes: Double? =
      switch kind {
      case .provide, .providers: table.estimatedNodes
      default: nil
      }
    if nodes != nil {
      // Whoever crowds around the key may own the nearest that this node knows: some are taken from farther away.
      let farther = table.closest(to: target, count: 4 * options.lookup.nearest).dropFirst(seeds.count)
      let step = max(1, farther.count / options.lookup.outer)
      for index in stride(from: farther.startIndex, to: farther.endIndex, by: step) { seeds.append(farther[index]) }
    }
    let lookup = KademliaLookup(
      target: target, own: own.key, seeds: seeds, limits: options.lookup, nodes: nodes)
    operations[id] = KademliaOperation(kind: kind, since: now, question: question, lookup: lookup)
    advance(id, at: now)
    return id
  }

  /// Asks whoever is next, or ends the search.
  mutating func advance(_ id: OperationID, at now: Duration) {
    // No copy of the operation is held meanwhile, so that the search is changed in place.
    guard let question = operations[id].flatMap({ $0.stores == nil ? $0.question : nil }) else { return }
    for contact in operations[id]?.lookup.next(at: now) ?? [] { send(question, to: contact, .lookup(id), now) }
    if operations[id]?.lookup.isFinished == true { endSearch(id, at: now) }
  }

  mutating func lookupAnswered(
    _ id: OperationID, by contact: KademliaContact, _ message: KademliaMessage?, _ closer: [KademliaContact],
    at now: Duration
  ) {
    guard let kind = operations[id]?.kind, let hop = operations[id]?.lookup.answered(contact.key, closer: closer)
    else { return }
    switch kind {
    case .peer(let peer) where contact.peer == peer:
      operations[id]?.outcome.peer = contact
      operations[id]?.outcome.hops = hop
      complete(id)
      return
    case .providers:
      tell(message?.providers ?? [], of: id, hop: hop, at: now)
    case .value(let key, let quorum):
      if weigh(message?.record, from: contact, id, key: key, quorum: quorum, hop: hop, at: now) { return }
    default: break
    }
    advance(id, at: now)
  }

  private mutating func tell(_ told: [KademliaContact], of id: OperationID, hop: Int, at now: Duration) {
    guard var operation = operations[id], case .providers(_, let wanted) = operation.kind else { return }
    let fresh = told.prefix(KademliaMessage.maximumPeers).filter {
      operation.found.count < 1_024 && operation.found.insert($0.peer).inserted
    }
    guard !fresh.isEmpty else { return }
    if operation.outcome.providers.isEmpty { operation.outcome.hops = hop }
    operation.outcome.providers += fresh
    operations[id] = operation
    actions.append(.providers(id, fresh))
    if operation.outcome.providers.count >= wanted { complete(id) }
  }

  /// - Returns: whether the search is over.
  private mutating func weigh(
    _ record: KademliaRecord?, from contact: KademliaContact, _ id: OperationID, key: [UInt8], quorum: Int, hop: Int,
    at now: Duration
  ) -> Bool {
    let valid = record.flatMap { $0.key == key && records.isValid($0) ? $0 : nil }
    operations[id]?.values.append((contact, valid))
    guard let valid else { return false }
    if let best = operations[id]?.outcome.record {
      if best.value != valid.value, records.prefers(valid, to: best) { operations[id]?.outcome.record = valid }
    } else {
      operations[id]?.outcome.record = valid
      operations[id]?.outcome.hops = hop
    }
    guard let values = operations[id]?.values, values.count(where: { $0.record != nil }) >= quorum else { return false }
    endSearch(id, at: now)
    return true
  }

  private mutating func endSearch(_ id: OperationID, at now: Duration) {
    guard let operation = operations[id], operation.stores == nil else { return }
    var targets: [KademliaContact] = []
    var message: KademliaMessage?
    switch operation.kind {
    case .provide(let key):
      targets = operation.lookup.storeTargets
      message = KademliaMessage(.addProvider, key: key, providers: [own])
    case .put(let record):
      targets = operation.lookup.storeTargets
      message = KademliaMessage(.putValue, key: record.key, record: record)
    case .value(let key, _):
      if let best = operation.outcome.record {
        // Those who told of another value, or are nearest and told of none, are put right.
        let near = Set(operation.lookup.nearest.map(\.key))
        targets = operation.values.filter { contact, record in
          record.map { $0.value != best.value } ?? near.contains(contact.key)
        }.map(\.contact).prefix(2 * options.lookup.nearest).map(\.self)
        message = KademliaMessage(.putValue, key: key, record: best)
      }
    default: break
    }
    guard let message, !targets.isEmpty else {
      complete(id)
      return
    }
    operations[id]?.stores = targets.count
    for target in targets { send(message, to: target, .store(id), now) }
  }

  mutating func storeAnswered(_ id: OperationID, succeeded: Bool, at now: Duration) {
    guard let left = operations[id]?.stores else { return }
    if succeeded { operations[id]?.outcome.stored += 1 }
    operations[id]?.stores = left - 1
    if left == 1 { complete(id) }
  }

  mutating func complete(_ id: OperationID, timedOut: Bool = false) {
    guard let operation = operations.removeValue(forKey: id) else { return }
    var outcome = operation.outcome
    outcome.nearest = operation.lookup.nearest
    outcome.requests = operation.lookup.requests
    outcome.timedOut = timedOut
    if case .nearest = operation.kind { outcome.hops = operation.lookup.hops }
    finishUpkeep(id, operation, outcome)
    if case .refresh = operation.kind { return }
    actions.append(.completed(id, outcome))
  }
}
