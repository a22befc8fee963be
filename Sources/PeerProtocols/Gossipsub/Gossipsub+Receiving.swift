package import Multiformats

extension Gossipsub {
  /// What a peer sent.
  package mutating func received(_ rpc: GossipRPC, from peer: PeerID, at now: Duration) {
    guard peers[peer] != nil, score(of: peer) >= options.score.graylistThreshold else { return }
    for subscription in rpc.subscriptions { note(subscription, of: peer) }
    for message in rpc.messages { receive(message, from: peer, at: now) }
    guard isGossip(peer) else { return }
    receiveHave(rpc.have, from: peer, at: now)
    receiveWant(rpc.want, from: peer)
    for topic in rpc.graft.prefix(options.topicsPerPeer) { receiveGraft(topic, from: peer, at: now) }
    for entry in rpc.prune.prefix(options.topicsPerPeer) { receivePrune(entry, from: peer, at: now) }
  }

  private mutating func note(_ subscription: GossipRPC.Subscription, of peer: PeerID) {
    let topic = subscription.topic
    if subscription.isSubscribed {
      guard peers[peer]?.topics.count ?? 0 < options.topicsPerPeer else { return }
      peers[peer]?.topics.insert(topic)
    } else {
      peers[peer]?.topics.remove(topic)
      if mesh[topic]?.remove(peer) != nil { score.pruned(peer, topic) }
      fanout[topic]?.peers.remove(peer)
    }
  }

  private mutating func receive(_ message: GossipMessage, from peer: PeerID, at now: Duration) {
    let id = message.id
    promises[id] = nil
    guard topics.contains(message.topic) else { return }
    if seen.contains(id) {
      duplicate(id, message.topic, from: peer, at: now)
      return
    }
    // Unsigned, unnumbered or in this node's name: nobody who follows the strict rule sends that.
    guard !message.signature.isEmpty, !message.sequence.isEmpty, message.publisher != nil, message.from != own.bytes
    else {
      // Not marked as seen: the publisher that it names may yet send a message of that number.
      score.deliveredInvalid(peer, message.topic)
      return
    }
    // Not marked as seen where there is no room, so that it may come again.
    guard pendingCount < options.pendingValidations, seen.insert(id, at: now) else { return }
    pendingCount += 1
    deliveries[id] = Delivery(message: message, first: peer, since: now)
    actions.append(.validate(message, from: peer))
  }

  private mutating func duplicate(_ id: GossipMessage.ID, _ topic: String, from peer: PeerID, at now: Duration) {
    guard var delivery = deliveries[id], peer != delivery.first, !delivery.others.contains(peer) else { return }
    switch delivery.status {
    case .pending: break
    case .valid(let time):
      if now - time <= score.topicOptions(topic).meshWindow { score.deliveredAgain(peer, topic) }
    case .invalid: score.deliveredInvalid(peer, topic)
    case .ignored: break
    }
    delivery.others.insert(peer)
    deliveries[id] = delivery
  }

  /// A message was judged.
  package mutating func validated(_ id: GossipMessage.ID, _ verdict: Verdict, at now: Duration) {
    guard var delivery = deliveries[id], case .pending = delivery.status, let message = delivery.message else { return }
    pendingCount -= 1
    let topic = message.topic
    switch verdict {
    case .accept:
      delivery.status = .valid(at: now)
      score.deliveredFirst(delivery.first, topic)
      for peer in inOrder(delivery.others) { score.deliveredAgain(peer, topic) }
      cache.put(message)
      actions.append(.deliver(message))
      for peer in forwardTargets(message, except: delivery.others.union([delivery.first])) { send(message, to: peer) }
    case .reject:
      delivery.status = .invalid
      for peer in inOrder(delivery.others.union([delivery.first])) { score.deliveredInvalid(peer, topic) }
    case .forged:
      // The others may have brought the true one meanwhile.
      score.deliveredInvalid(delivery.first, topic)
      deliveries[id] = nil
      seen.remove(id)
      return
    case .ignore: delivery.status = .ignored
    }
    deliveries[id] = Delivery(
      status: delivery.status, message: nil, first: delivery.first, others: delivery.others, since: delivery.since)
  }

  private mutating func receiveHave(_ entries: [GossipRPC.Have], from peer: PeerID, at now: Duration) {
    guard !entries.isEmpty, score(of: peer) >= options.score.gossipThreshold, var known = peers[peer] else { return }
    known.haveTimes += 1
    defer { peers[peer] = known }
    guard known.haveTimes <= options.haveTimes else { return }
    var wanted: [GossipMessage.ID] = []
    var unique: Set<GossipMessage.ID> = []
    for entry in entries where topics.contains(entry.topic) {
      for id in entry.ids where !seen.contains(id) && unique.insert(id).inserted { wanted.append(id) }
    }
    let room = options.haveIDs - known.haveIDs
    guard !wanted.isEmpty, room > 0 else { return }
    wanted = Array(wanted.shuffled(using: &random).prefix(room))
    known.haveIDs += wanted.count
    // One drawn at random stands for all that it promised.
    if let drawn = wanted.first, promises.count < options.seenMessages {
      promises[drawn, default: [:]][peer] = now + options.wantFollowUp
    }
    tell(peer) { $0.want += wanted }
  }

  private mutating func receiveWant(_ ids: [GossipMessage.ID], from peer: PeerID) {
    guard score(of: peer) >= options.score.gossipThreshold else { return }
    var sent = 0
    for id in ids.prefix(options.haveIDs) {
      guard let message = cache.message(id, for: peer) else { continue }
      send(message, to: peer)
      sent += message.data.count
      // What is left over is asked for again.
      if sent > GossipRPC.maximumSize { return }
    }
  }

  private mutating func receiveGraft(_ topic: String, from peer: PeerID, at now: Duration) {
    // Grafts for topics of no interest are not answered, so that they cannot be used to make this node talk.
    guard let members = mesh[topic], !members.contains(peer) else { return }
    if directPeers.contains(peer) {
      prune(peer, topic, backoff: options.pruneBackoff, exchanges: false, at: now)
      return
    }
    if let pause = backoff[topic]?[peer], now < pause.until {
      score.penalize(peer, by: now - pause.since < options.graftFlood ? 2 : 1)
      prune(peer, topic, backoff: options.pruneBackoff, exchanges: false, at: now)
      return
    }
    let standing = score(of: peer)
    if standing < 0 {
      prune(peer, topic, backoff: options.pruneBackoff, exchanges: false, at: now)
    } else if members.count >= options.highDegree, peers[peer]?.isOutbound != true {
      prune(peer, topic, backoff: options.pruneBackoff, exchanges: true, at: now)
    } else {
      peers[peer]?.topics.insert(topic)
      mesh[topic]?.insert(peer)
      score.grafted(peer, topic, at: now)
    }
  }

  private mutating func receivePrune(_ entry: GossipRPC.Prune, from peer: PeerID, at now: Duration) {
    guard mesh[entry.topic] != nil else { return }
    if mesh[entry.topic]?.remove(peer) != nil { score.pruned(peer, entry.topic) }
    let asked = entry.backoff.map { Duration.seconds(Int64(min($0, 3_600))) } ?? options.pruneBackoff
    backOff(peer, entry.topic, asked, at: now)
    guard !entry.peers.isEmpty, score(of: peer) >= options.score.exchangeThreshold else { return }
    let fresh = entry.peers.filter { exchange in
      (try? PeerID(bytes: exchange.peer)).map { $0 != own && peers[$0] == nil } ?? false
    }
    if !fresh.isEmpty { actions.append(.connect(Array(fresh.prefix(options.exchangedPeers)))) }
  }
}
