internal import Multiformats

/// A DHT of many nodes in one process: the same state machines as in a real node, over a virtual clock and network. The
/// same seed gives the same run.
package struct KademliaSimulation {
  /// What a node does to others.
  package enum Behavior: Sendable {
    case honest
    /// Answers everything with its accomplices nearest to what is asked for, stores nothing, and pushes itself into the
    /// tables of others.
    case sybil
  }

  struct Node {
    var machine: Kademlia
    let behavior: Behavior
    let place: SimulatedPlace
    var isUp = true
    var side = 0
  }

  enum Event {
    case request(from: Int, to: Int, Kademlia.RequestID, KademliaMessage)
    case response(to: Int, Kademlia.RequestID, KademliaMessage?)
    case failure(at: Int, Kademlia.RequestID)
    case tick(Int)
    case churn
  }

  /// An operation whose end is waited for.
  struct Watched {
    enum Goal {
      case peer(Int)
      case provider(PeerID)
      case announced
    }

    let goal: Goal
    let since: Duration
  }

  struct WatchID: Hashable {
    let node: Int
    let operation: Kademlia.OperationID
  }

  package var links = SimulatedLinks()
  package var options: KademliaOptions
  /// The share of nodes that leave in a minute, each replaced by a new one.
  package var churnPerMinute = 0.0 {
    didSet { if churnPerMinute > 0, oldValue == 0 { queue.add(.churn, at: now) } }
  }
  /// The virtual time.
  package private(set) var now: Duration = .zero
  /// Messages delivered so far.
  package private(set) var messages = 0
  var random: SplitMix64
  var nodes: [Node] = []
  var indices: [KademliaKey: Int] = [:]
  var queue = EventQueue<Event>()
  var watched: [WatchID: Watched] = [:]
  var results: [KademliaMeasurement.Result] = []
  private var churnDebt = 0.0
  private var sybils: [KademliaContact] = []

  package init(seed: UInt64, options: KademliaOptions = KademliaOptions()) {
    random = SplitMix64(seed: seed)
    self.options = options
  }

  /// Nodes that are there.
  package var liveCount: Int { nodes.count { $0.isUp } }

  // MARK: Nodes

  private mutating func identity(group: UInt64?) -> KademliaContact {
    let digest = random.digest()
    let network = group ?? UInt64.random(in: 0..<60_000, using: &random)
    let text =
      "/ip4/\(11 + network / 256 % 89).\(network % 256).\(nodes.count / 256 % 256).\(nodes.count % 256)/tcp/4001"
    // A SHA2-256 multihash is always a peer id, and the text an address.
    guard let peer = try? PeerID(multihash: Multihash(sha256: digest)), let address = try? Multiaddr(text) else {
      preconditionFailure("simulated identity \(text)")
    }
    return KademliaContact(peer: peer, addresses: [address])
  }

  /// Adds a node that knows three others.
  ///
  /// - Parameters:
  ///   - crowding: nil for a random place; else the node has chosen an identity that shares that many bits with the key.
  ///   - group: the network group; nil draws one.
  @discardableResult
  package mutating func join(
    _ behavior: Behavior = .honest, crowding: (key: KademliaKey, bits: Int)? = nil, group: UInt64? = nil
  ) -> Int {
    var contact = identity(group: group)
    if let crowding {
      let key = crowding.key.neighbor(sharing: crowding.bits, using: &random)
      contact = KademliaContact(peer: contact.peer, key: key, addresses: contact.addresses)
    }
    let index = nodes.count
    let machine = Kademlia(own: contact, mode: .server, options: options, seed: random.next())
    let place = SimulatedPlace(x: random.unit(), y: random.unit())
    let known = (0..<3).compactMap { _ in randomLive() }
    nodes.append(Node(machine: machine, behavior: behavior, place: place))
    indices[contact.key] = index
    if behavior == .sybil { sybils.append(contact) }
    for other in known where nodes[other].isUp { nodes[index].machine.add(nodes[other].machine.own, at: now) }
    if behavior == .honest { nodes[index].machine.bootstrap(at: now) }
    perform(index)
    queue.add(.tick(index), at: now + .seconds(random.unit() * 0.5))
    return index
  }

  /// Adds nodes until there are `count`, `perSecond` of them in a second of virtual time.
  package mutating func grow(to count: Int, perSecond: Int = 50) {
    while liveCount < count {
      join()
      run(for: .seconds(1) / perSecond)
    }
  }

  /// A node that is there and honest, at random.
  package mutating func randomLive() -> Int? {
    guard !nodes.isEmpty else { return nil }
    for _ in 0..<64 {
      let index = Int.random(in: nodes.indices, using: &random)
      if nodes[index].isUp, nodes[index].behavior == .honest { return index }
    }
    return nodes.indices.first { nodes[$0].isUp && nodes[$0].behavior == .honest }
  }

  package mutating func stop(_ index: Int) { nodes[index].isUp = false }

  /// That share of nodes is gone at once.
  package mutating func lose(share: Double) {
    let live = nodes.indices.filter { nodes[$0].isUp }.shuffled(using: &random)
    for index in live.prefix(Int(Double(live.count) * share)) { stop(index) }
  }

  /// Half of the nodes can no longer reach the other half.
  package mutating func split() {
    for index in nodes.indices { nodes[index].side = Int.random(in: 0...1, using: &random) }
  }

  /// Everybody can reach everybody again.
  package mutating func heal() { for index in nodes.indices { nodes[index].side = 0 } }

  package func own(_ index: Int) -> KademliaContact { nodes[index].machine.own }

  // MARK: Time

  /// Lets virtual time pass.
  package mutating func run(for duration: Duration) {
    let end = now + duration
    while let (time, event) = queue.pop(by: end) {
      now = time
      handle(event)
    }
    now = end
  }

  private mutating func handle(_ event: Event) {
    switch event {
    case .tick(let index):
      guard nodes[index].isUp else { return }
      switch nodes[index].behavior {
      case .honest:
        nodes[index].machine.tick(at: now)
        perform(index)
        queue.add(.tick(index), at: now + .milliseconds(500))
      case .sybil:
        push(index)
        queue.add(.tick(index), at: now + .seconds(5))
      }
    case .request(let from, let to, let id, let message):
      deliver(message, from: from, to: to, id)
    case .response(let to, let id, let message):
      guard nodes[to].isUp else { return }
      messages += 1
      nodes[to].machine.answered(id, message: message, at: now)
      perform(to)
    case .failure(let at, let id):
      guard nodes[at].isUp else { return }
      nodes[at].machine.failed(id, at: now)
      perform(at)
    case .churn: churn()
    }
  }

  private mutating func churn() {
    guard churnPerMinute > 0 else { return }
    churnDebt += Double(liveCount) * churnPerMinute / 60
    while churnDebt >= 1 {
      churnDebt -= 1
      if let leaving = randomLive() { stop(leaving) }
      join()
    }
    queue.add(.churn, at: now + .seconds(1))
  }

  private mutating func deliver(_ message: KademliaMessage, from: Int, to: Int, _ id: Kademlia.RequestID) {
    guard nodes[to].isUp, nodes[from].side == nodes[to].side else {
      queue.add(.failure(at: from, id), at: now + links.dialTimeout)
      return
    }
    messages += 1
    let response: KademliaMessage?
    switch nodes[to].behavior {
    case .honest:
      let sender = nodes[from].machine.own
      response = nodes[to].machine.respond(to: message, from: sender, at: now)
      nodes[to].machine.add(sender, at: now)
      perform(to)
    case .sybil: response = lie(message)
    }
    let delay = links.delay(from: nodes[to].place, to: nodes[from].place, using: &random)
    queue.add(.response(to: from, id, response), at: now + delay)
  }

  private func lie(_ message: KademliaMessage) -> KademliaMessage? {
    guard message.kind != .addProvider else { return nil }
    let target = KademliaKey(hashing: message.key)
    let near = sybils.sorted { $0.key.distance(to: target) < $1.key.distance(to: target) }.prefix(20)
    var response = KademliaMessage(message.kind, key: message.key, closer: Array(near))
    if message.kind == .getProviders { response.providers = Array(near) }
    return response
  }

  private mutating func push(_ index: Int) {
    for _ in 0..<3 {
      guard let victim = randomLive() else { return }
      let own = nodes[index].machine.own
      nodes[victim].machine.add(own, at: now)
      perform(victim)
    }
  }

  /// Does what a node's machine asks for.
  mutating func perform(_ index: Int) {
    for action in nodes[index].machine.takeActions() {
      switch action {
      case .request(let id, let contact, let message):
        guard let to = indices[contact.key] else {
          queue.add(.failure(at: index, id), at: now + links.dialTimeout)
          continue
        }
        // One round trip more to connect.
        let there = links.delay(from: nodes[index].place, to: nodes[to].place, using: &random)
        queue.add(.request(from: index, to: to, id, message), at: now + there * 3)
      case .providers(let operation, let contacts): found(contacts, by: WatchID(node: index, operation: operation))
      case .completed(let operation, let outcome): end(WatchID(node: index, operation: operation), outcome)
      }
    }
  }
}
