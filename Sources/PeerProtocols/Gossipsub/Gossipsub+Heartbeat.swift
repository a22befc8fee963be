internal import Multiformats

extension Gossipsub {
  /// Keeps meshes in shape and gossips; to be called once a second.
  package mutating func heartbeat(at now: Duration) {
    beats += 1
    for peer in peers.keys {
      peers[peer]?.haveTimes = 0
      peers[peer]?.haveIDs = 0
    }
    collectBrokenPromises(at: now)
    score.decay(at: now)
    for topic in topics.sorted() { tend(topic, at: now) }
    tendFanout(at: now)
    for topic in Set(topics).union(fanout.keys).sorted() { gossip(topic) }
    cache.shift()
    seen.expire(at: now)
    forget(at: now)
  }

  private mutating func collectBrokenPromises(at now: Duration) {
    for (id, promised) in promises {
      var open = promised
      for (peer, deadline) in promised where now >= deadline {
        score.penalize(peer)
        open[peer] = nil
      }
      promises[id] = open.isEmpty ? nil : open
    }
  }

  private mutating func tend(_ topic: String, at now: Duration) {
    for peer in inOrder(mesh[topic] ?? []) where score(of: peer) < 0 {
      prune(peer, topic, backoff: options.pruneBackoff, exchanges: false, at: now)
    }
    let count = mesh[topic]?.count ?? 0
    if count < options.lowDegree {
      let more = candidates(topic, at: now).shuffled(using: &random).prefix(options.degree - count)
      for peer in more { graft(peer, topic, at: now) }
    } else if count > options.highDegree {
      thinOut(topic, at: now)
    }
    let members = mesh[topic] ?? []
    let outward = members.count { peers[$0]?.isOutbound == true }
    if members.count >= options.lowDegree, outward < options.outboundDegree {
      let more = candidates(topic, at: now).filter { peers[$0]?.isOutbound == true }.shuffled(using: &random)
      for peer in more.prefix(options.outboundDegree - outward) { graft(peer, topic, at: now) }
    }
    if beats % options.opportunisticBeats == 0 { lookForBetter(topic, at: now) }
  }

  private mutating func thinOut(_ topic: String, at now: Duration) {
    let ranked = inOrder(mesh[topic] ?? []).shuffled(using: &random)
      .map { (peer: $0, score: score(of: $0)) }.sorted { $0.score > $1.score }.map(\.peer)
    var kept = Array(ranked.prefix(options.scoredDegree))
    let rest = ranked.dropFirst(options.scoredDegree).shuffled(using: &random)
    kept += rest.prefix(options.degree - kept.count)
    var others = Array(rest.dropFirst(options.degree - options.scoredDegree))
    // Enough of those this node chose itself, so that strangers cannot fill the mesh.
    var missing = options.outboundDegree - kept.count { peers[$0]?.isOutbound == true }
    while missing > 0, let index = others.firstIndex(where: { peers[$0]?.isOutbound == true }),
      let last = kept.lastIndex(where: { peers[$0]?.isOutbound != true })
    {
      let replaced = kept[last]
      kept[last] = others[index]
      others[index] = replaced
      missing -= 1
    }
    for peer in others { prune(peer, topic, backoff: options.pruneBackoff, exchanges: true, at: now) }
  }

  /// A mesh whose middle peer has done little is given better ones (gossipsub 1.1, "Opportunistic Grafting").
  private mutating func lookForBetter(_ topic: String, at now: Duration) {
    let scores = (mesh[topic] ?? []).map { score(of: $0) }.sorted()
    guard scores.count > 1 else { return }
    let median = scores[scores.count / 2]
    guard median < options.score.opportunisticThreshold else { return }
    let better = candidates(topic, at: now).filter { score(of: $0) > median }.shuffled(using: &random)
    for peer in better.prefix(options.opportunisticPeers) { graft(peer, topic, at: now) }
  }

  private mutating func tendFanout(at now: Duration) {
    for (topic, entry) in fanout {
      guard now - entry.last < options.fanoutLifetime else {
        fanout[topic] = nil
        continue
      }
      var members = entry.peers.filter {
        peers[$0]?.topics.contains(topic) == true && score(of: $0) >= options.score.publishThreshold
      }
      if members.count < options.degree {
        let more = peers(of: topic).filter {
          isGossip($0) && !members.contains($0) && score(of: $0) >= options.score.publishThreshold
        }
        members.formUnion(more.shuffled(using: &random).prefix(options.degree - members.count))
      }
      fanout[topic]?.peers = members
    }
  }

  private mutating func gossip(_ topic: String) {
    let ids = cache.recent(topic)
    guard !ids.isEmpty else { return }
    let members = (mesh[topic] ?? fanout[topic]?.peers) ?? []
    let others = peers(of: topic).filter {
      isGossip($0) && !members.contains($0) && !directPeers.contains($0)
        && score(of: $0) >= options.score.gossipThreshold
    }
    let count = max(options.lazyDegree, Int(Double(others.count) * options.gossipShare))
    for peer in others.shuffled(using: &random).prefix(count) {
      let told = ids.count > options.haveIDs ? Array(ids.shuffled(using: &random).prefix(options.haveIDs)) : ids
      tell(peer) { $0.have.append(.init(topic: topic, ids: told)) }
    }
  }

  private mutating func forget(at now: Duration) {
    for (id, delivery) in deliveries where now - delivery.since >= options.seenLifetime {
      if case .pending = delivery.status { pendingCount -= 1 }
      deliveries[id] = nil
    }
    guard beats % 15 == 0 else { return }
    for (topic, entries) in backoff {
      // A beat of grace, as the other side counts for itself.
      let left = entries.filter { now < $0.value.until + .seconds(2) }
      backoff[topic] = left.isEmpty ? nil : left
    }
  }
}
