internal import Multiformats

/// Gossip among many nodes in one process: the same state machine as in a real node, over a virtual clock and network. The
/// same seed gives the same run.
package struct GossipSimulation {
  /// What a node does to others.
  package enum Behavior: Sendable {
    case honest
    /// Joins every mesh that it can, and passes nothing on.
    case silent
    /// Sends messages that nobody accepts.
    case spammer
    /// Gossips about messages that there are not.
    case braggart
  }

  struct Node {
    var machine: Gossipsub
    let behavior: Behavior
    let place: SimulatedPlace
    var links: Set<Int> = []
    var delivered: [GossipMessage.ID: Duration] = [:]
    var isUp = true
  }

  enum Event {
    case rpc(from: Int, to: Int, GossipRPC)
    case verdict(at: Int, GossipMessage.ID, Gossipsub.Verdict)
    case beat(Int)
  }

  package var links = SimulatedLinks()
  package private(set) var now: Duration = .zero
  /// RPCs delivered so far.
  package private(set) var messages = 0
  private let options: GossipOptions
  private let topic = "simulated"
  private var random: SplitMix64
  private var nodes: [Node] = []
  private var indices: [PeerID: Int] = [:]
  private var queue = EventQueue<Event>()
  private var sequence: UInt64 = 0

  package init(seed: UInt64, options: GossipOptions = GossipOptions()) {
    random = SplitMix64(seed: seed)
    self.options = options
  }

  package var nodeCount: Int { nodes.count }

  /// Adds a node that follows the topic.
  @discardableResult
  package mutating func join(_ behavior: Behavior = .honest) -> Int {
    let digest = random.digest()
    guard let peer = try? PeerID(multihash: Multihash(sha256: digest)) else {
      preconditionFailure("a hash is a peer id")
    }
    let index = nodes.count
    let place = SimulatedPlace(x: random.unit(), y: random.unit())
    nodes.append(
      Node(machine: Gossipsub(own: peer, options: options, seed: random.next()), behavior: behavior, place: place))
    indices[peer] = index
    nodes[index].machine.subscribe(topic, at: now)
    perform(index)
    queue.add(.beat(index), at: now + .seconds(random.unit()))
    return index
  }

  /// Connects two nodes; `from` dialled.
  package mutating func connect(_ from: Int, _ to: Int, address: String? = nil) {
    guard from != to, nodes[from].links.insert(to).inserted else { return }
    nodes[to].links.insert(from)
    nodes[from].machine.connected(nodes[to].machine.own, version: .gossip11, isOutbound: true, address: nil)
    nodes[to].machine.connected(nodes[from].machine.own, version: .gossip11, isOutbound: false, address: address)
    perform(from)
    perform(to)
  }

  /// Gives every node that many connections to nodes drawn at random.
  package mutating func connectAtRandom(_ degree: Int) {
    for index in nodes.indices {
      for _ in 0..<degree { connect(index, Int.random(in: nodes.indices, using: &random)) }
    }
  }

  /// A node is gone.
  package mutating func stop(_ index: Int) {
    nodes[index].isUp = false
    for other in nodes[index].links {
      nodes[other].machine.disconnected(nodes[index].machine.own, at: now)
      nodes[other].links.remove(index)
      perform(other)
    }
    nodes[index].links = []
  }

  /// Publishes a message.
  package mutating func publish(at index: Int, size: Int = 64) -> GossipMessage.ID {
    let message = newMessage(from: index, size: size, signature: [1])
    nodes[index].delivered[message.id] = now
    nodes[index].machine.publish(message, at: now)
    perform(index)
    return message.id
  }

  private mutating func newMessage(from index: Int, size: Int, signature: [UInt8]) -> GossipMessage {
    sequence += 1
    let number = (0..<8).map { UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * $0)) }
    return GossipMessage(
      from: nodes[index].machine.own.bytes, data: [UInt8](repeating: 7, count: size), sequence: number, topic: topic,
      signature: signature)
  }

  /// The share of honest nodes that a message reached.
  package func reach(_ id: GossipMessage.ID) -> Double {
    let honest = nodes.filter { $0.isUp && $0.behavior == .honest }
    return Double(honest.count { $0.delivered[id] != nil }) / Double(max(1, honest.count))
  }

  /// How honest nodes think of a node, on average.
  package func standing(of index: Int) -> Double {
    let judges = nodes[index].links.filter { nodes[$0].behavior == .honest }
    let peer = nodes[index].machine.own
    return judges.reduce(0) { $0 + nodes[$1].machine.score(of: peer) } / Double(max(1, judges.count))
  }

  /// The members of a node's mesh that are of that kind, and all of them.
  package func meshShare(of index: Int, _ behavior: Behavior) -> (part: Int, all: Int) {
    let members = nodes[index].machine.mesh[topic] ?? []
    return (members.count { indices[$0].map { nodes[$0].behavior == behavior } ?? false }, members.count)
  }

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
    case .beat(let index):
      guard nodes[index].isUp else { return }
      nodes[index].machine.heartbeat(at: now)
      misbehave(index)
      perform(index)
      queue.add(.beat(index), at: now + .seconds(1))
    case .verdict(let index, let id, let verdict):
      nodes[index].machine.validated(id, verdict, at: now)
      perform(index)
    case .rpc(let from, let to, let rpc):
      guard nodes[to].isUp, nodes[to].links.contains(from) else { return }
      messages += 1
      var seen = rpc
      // A silent one takes messages and forgets them.
      if nodes[to].behavior == .silent { seen.messages = [] }
      nodes[to].machine.received(seen, from: nodes[from].machine.own, at: now)
      perform(to)
    }
  }

  private mutating func misbehave(_ index: Int) {
    for other in nodes[index].links.sorted() {
      var rpc = GossipRPC()
      switch nodes[index].behavior {
      case .honest: return
      case .silent: rpc.graft = [topic]
      case .spammer: for _ in 0..<4 { rpc.messages.append(newMessage(from: index, size: 32, signature: [0])) }
      case .braggart:
        let ids = (0..<50).map { _ in
          GossipMessage.ID(bytes: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        rpc.have = [.init(topic: topic, ids: ids)]
      }
      post(rpc, from: index, to: other)
    }
  }

  private mutating func post(_ rpc: GossipRPC, from: Int, to: Int) {
    let delay = links.delay(from: nodes[from].place, to: nodes[to].place, using: &random)
    queue.add(.rpc(from: from, to: to, rpc), at: now + delay)
  }

  private mutating func perform(_ index: Int) {
    for action in nodes[index].machine.takeActions() {
      switch action {
      case .send(let peer, var rpc):
        guard let to = indices[peer] else { continue }
        if nodes[index].behavior == .silent { rpc.messages = [] }
        post(rpc, from: index, to: to)
      case .validate(let message, _):
        let verdict: Gossipsub.Verdict = message.signature == [1] ? .accept : .reject
        queue.add(.verdict(at: index, message.id, verdict), at: now + .milliseconds(1))
      case .deliver(let message): nodes[index].delivered[message.id] = now
      case .connect: continue
      }
    }
  }
}
