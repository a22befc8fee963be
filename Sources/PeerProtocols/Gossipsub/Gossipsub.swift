package import Multiformats

/// A gossip router as a state machine: gossipsub 1.1, which speaks 1.0 and floodsub with those who know no more
/// (https://github.com/libp2p/specs/tree/master/pubsub/gossipsub).
///
/// It takes what happens and hands back what is to be done; signatures are checked outside, where ``Action/validate(_:from:)``
/// says so.
package struct Gossipsub: Sendable {
  /// What a peer speaks.
  package enum Version: String, Sendable, CaseIterable {
    case gossip11 = "/meshsub/1.1.0"
    case gossip10 = "/meshsub/1.0.0"
    case flood = "/floodsub/1.0.0"
  }

  /// What is thought of a message.
  package enum Verdict: Sendable {
    case accept
    /// Whoever sent it loses standing.
    case reject
    /// Its signature does not hold. Whoever sent it loses standing, and the true message of that number may still come.
    case forged
    /// Neither delivered nor held against anybody.
    case ignore
  }

  /// What is to be done, in order.
  package enum Action: Sendable {
    case send(PeerID, GossipRPC)
    /// Judge a message, its signature first; then call ``validated(_:_:at:)``.
    case validate(GossipMessage, from: PeerID)
    /// A message for this node.
    case deliver(GossipMessage)
    /// Connect to peers that another named.
    case connect([GossipRPC.Prune.Exchange])
  }

  struct Peer: Sendable {
    let version: Version
    let isOutbound: Bool
    /// The order of arrival, so that chance alone decides among peers.
    let order: UInt64
    var topics: Set<String> = []
    var haveTimes = 0
    var haveIDs = 0
  }

  /// A message that is being judged, or was.
  struct Delivery: Sendable {
    enum Status: Sendable {
      case pending
      case valid(at: Duration)
      case invalid
      case ignored
    }

    var status = Status.pending
    let message: GossipMessage?
    let first: PeerID
    var others: Set<PeerID> = []
    let since: Duration
  }

  package let own: PeerID
  package let options: GossipOptions
  var score: GossipScore
  var random: SplitMix64
  var peers: [PeerID: Peer] = [:]
  /// Peers of standing agreements: every message goes to them, and no score is held against them.
  package var directPeers: Set<PeerID> = []
  /// Whether a peer may be named to others; it then has a signed record. Nil names nobody.
  package var signedRecords: [PeerID: [UInt8]] = [:]
  package internal(set) var topics: Set<String> = []
  /// For each topic of this node, with whom it exchanges every message.
  package internal(set) var mesh: [String: Set<PeerID>] = [:]
  var fanout: [String: (peers: Set<PeerID>, last: Duration)] = [:]
  var backoff: [String: [PeerID: (since: Duration, until: Duration)]] = [:]
  var cache: GossipCache
  var seen: GossipSeen
  var deliveries: [GossipMessage.ID: Delivery] = [:]
  var pendingCount = 0
  var promises: [GossipMessage.ID: [PeerID: Duration]] = [:]
  var beats = 0
  private var nextOrder: UInt64 = 0
  private var outbox: [PeerID: GossipRPC] = [:]
  private var outboxOrder: [PeerID] = []
  var actions: [Action] = []

  package init(own: PeerID, options: GossipOptions = GossipOptions(), seed: UInt64) {
    self.own = own
    self.options = options
    score = GossipScore(options: options.score)
    cache = GossipCache(options: options)
    seen = GossipSeen(lifetime: options.seenLifetime, limit: options.seenMessages)
    random = SplitMix64(seed: seed)
  }

  /// What is to be done since the last call; what goes to one peer goes together.
  package mutating func takeActions() -> [Action] {
    for peer in outboxOrder { if let rpc = outbox[peer], !rpc.isEmpty { actions.append(.send(peer, rpc)) } }
    outbox = [:]
    outboxOrder = []
    defer { actions = [] }
    return actions
  }

  mutating func tell(_ peer: PeerID, _ change: (inout GossipRPC) -> Void) {
    guard peers[peer] != nil else { return }
    if outbox[peer] == nil {
      outbox[peer] = GossipRPC()
      outboxOrder.append(peer)
    }
    change(&outbox[peer, default: GossipRPC()])
  }

  mutating func send(_ message: GossipMessage, to peer: PeerID) {
    // An RPC stays below what the other side reads.
    let held = outbox[peer]?.messages.reduce(0) { $0 + $1.data.count } ?? 0
    if held > 0, held + message.data.count > GossipRPC.maximumSize / 2, let full = outbox[peer] {
      actions.append(.send(peer, full))
      outbox[peer] = GossipRPC()
    }
    tell(peer) { $0.messages.append(message) }
  }

  // MARK: Peers

  /// A peer is there, and speaks `version`.
  ///
  /// - Parameter address: what its connections come from, to tell crowds; nil where many honest peers share one.
  package mutating func connected(_ peer: PeerID, version: Version, isOutbound: Bool, address: String?) {
    guard peers[peer] == nil, peers.count < options.peers else { return }
    peers[peer] = Peer(version: version, isOutbound: isOutbound, order: nextOrder)
    nextOrder += 1
    score.connected(peer, address: address)
    let topics = topics.sorted()
    if !topics.isEmpty { tell(peer) { rpc in rpc.subscriptions = topics.map { .init($0) } } }
  }

  package mutating func disconnected(_ peer: PeerID, at now: Duration) {
    guard peers.removeValue(forKey: peer) != nil else { return }
    outbox[peer] = nil
    for topic in mesh.keys where mesh[topic]?.remove(peer) != nil { score.pruned(peer, topic) }
    for topic in fanout.keys { fanout[topic]?.peers.remove(peer) }
    signedRecords[peer] = nil
    score.disconnected(peer, at: now)
  }

  /// The standing of a peer; 0 for one that is not known.
  package func score(of peer: PeerID) -> Double { directPeers.contains(peer) ? .infinity : score.score(of: peer) }

  /// What the application thinks of a peer, added to its score.
  package mutating func setApplicationScore(_ value: Double, of peer: PeerID) { score.setApplication(value, of: peer) }

  /// Peers of a topic as far as known.
  package func peers(of topic: String) -> [PeerID] {
    peers.filter { $0.value.topics.contains(topic) }.sorted { $0.value.order < $1.value.order }.map(\.key)
  }

  func inOrder(_ set: Set<PeerID>) -> [PeerID] {
    set.sorted { peers[$0]?.order ?? .max < peers[$1]?.order ?? .max }
  }

  func isGossip(_ peer: PeerID) -> Bool { peers[peer].map { $0.version != .flood } ?? false }

  /// Peers of a topic that could join its mesh.
  func candidates(_ topic: String, at now: Duration) -> [PeerID] {
    let members = mesh[topic] ?? []
    return peers(of: topic).filter { peer in
      isGossip(peer) && !members.contains(peer) && !directPeers.contains(peer) && score(of: peer) >= 0
        && backoff[topic]?[peer].map { now >= $0.until } ?? true
    }
  }

  // MARK: Topics

  package mutating func subscribe(_ topic: String, at now: Duration) {
    guard topics.insert(topic).inserted else { return }
    for peer in inOrder(Set(peers.keys)) { tell(peer) { $0.subscriptions.append(.init(topic)) } }
    mesh[topic] = []
    let former = fanout.removeValue(forKey: topic)?.peers ?? []
    let ready = candidates(topic, at: now)
    var chosen = ready.filter { former.contains($0) }
    chosen += ready.filter { !former.contains($0) }.shuffled(using: &random)
    for peer in chosen.prefix(options.degree) { graft(peer, topic, at: now) }
  }

  package mutating func unsubscribe(_ topic: String, at now: Duration) {
    guard topics.remove(topic) != nil else { return }
    for peer in inOrder(Set(peers.keys)) { tell(peer) { $0.subscriptions.append(.init(topic, isSubscribed: false)) } }
    for peer in inOrder(mesh[topic] ?? []) {
      prune(peer, topic, backoff: options.unsubscribeBackoff, exchanges: false, at: now)
    }
    mesh[topic] = nil
  }

  mutating func graft(_ peer: PeerID, _ topic: String, at now: Duration) {
    guard mesh[topic]?.insert(peer).inserted == true else { return }
    score.grafted(peer, topic, at: now)
    tell(peer) { $0.graft.append(topic) }
  }

  mutating func prune(
    _ peer: PeerID, _ topic: String, backoff duration: Duration, exchanges: Bool, at now: Duration
  ) {
    if mesh[topic]?.remove(peer) != nil { score.pruned(peer, topic) }
    backOff(peer, topic, duration, at: now)
    var entry = GossipRPC.Prune(topic: topic)
    if peers[peer]?.version == .gossip11 {
      entry.backoff = UInt64(max(1, duration.components.seconds))
      if exchanges { entry.peers = namedPeers(topic, except: peer) }
    }
    tell(peer) { $0.prune.append(entry) }
  }

  mutating func backOff(_ peer: PeerID, _ topic: String, _ duration: Duration, at now: Duration) {
    let until = max(now + duration, backoff[topic]?[peer]?.until ?? .zero)
    backoff[topic, default: [:]][peer] = (now, until)
  }

  private mutating func namedPeers(_ topic: String, except peer: PeerID) -> [GossipRPC.Prune.Exchange] {
    let good = peers(of: topic).filter { $0 != peer && score(of: $0) >= 0 && signedRecords[$0] != nil }
    return good.shuffled(using: &random).prefix(options.exchangedPeers).map {
      .init(peer: $0.bytes, signedRecord: signedRecords[$0] ?? [])
    }
  }

  // MARK: Publishing

  /// Sends out a message of this node's own, signed already.
  ///
  /// - Returns: to how many peers it goes at once.
  @discardableResult
  package mutating func publish(_ message: GossipMessage, at now: Duration) -> Int {
    guard seen.insert(message.id, at: now) else { return 0 }
    cache.put(message)
    let topic = message.topic
    let all = peers(of: topic).filter { score(of: $0) >= options.score.publishThreshold }
    var targets: Set<PeerID>
    if options.floodsOwn {
      targets = Set(all)
    } else {
      targets = Set(all.filter { !isGossip($0) || directPeers.contains($0) })
      if let members = mesh[topic] {
        targets.formUnion(members)
      } else {
        var known = (fanout[topic]?.peers ?? Set()).intersection(all)
        if known.count < options.degree {
          let more = all.filter { isGossip($0) && !known.contains($0) }.shuffled(using: &random)
          known.formUnion(more.prefix(options.degree - known.count))
        }
        fanout[topic] = (known, now)
        targets.formUnion(known)
      }
    }
    for peer in inOrder(targets) { send(message, to: peer) }
    return targets.count
  }

  func forwardTargets(_ message: GossipMessage, except: Set<PeerID>) -> [PeerID] {
    var targets = mesh[message.topic] ?? []
    for peer in peers(of: message.topic) {
      if directPeers.contains(peer) { targets.insert(peer) }
      if !isGossip(peer), score(of: peer) >= options.score.publishThreshold { targets.insert(peer) }
    }
    targets.subtract(except)
    if let publisher = message.publisher { targets.remove(publisher) }
    return inOrder(targets)
  }
}
