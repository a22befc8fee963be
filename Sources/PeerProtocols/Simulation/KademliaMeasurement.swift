internal import Multiformats

/// What a number of lookups came to.
package struct KademliaMeasurement: Sendable {
  struct Result: Sendable {
    let succeeded: Bool
    let hops: Int
    let time: Duration
    let requests: Int
    var began: Duration = .zero
  }

  /// Lookups that were judged.
  package let attempts: Int
  /// Of these, how many found what they looked for.
  package let successes: Int
  /// Peers between the one who looked and what was found: median, 99 of 100, most.
  package let hops: (median: Int, high: Int, most: Int)
  /// From the question to the answer: median, 99 of 100.
  package let time: (median: Duration, high: Duration)
  /// Requests of one lookup, on average.
  package let requests: Double

  init(_ results: [Result]) {
    let good = results.filter(\.succeeded)
    attempts = results.count
    successes = good.count
    let hops = good.map(\.hops).sorted()
    let times = good.map(\.time).sorted()
    func quantile<Value>(_ values: [Value], _ share: Double, _ none: Value) -> Value {
      values.isEmpty ? none : values[min(values.count - 1, Int(Double(values.count) * share))]
    }
    self.hops = (quantile(hops, 0.5, 0), quantile(hops, 0.99, 0), hops.last ?? 0)
    time = (quantile(times, 0.5, .zero), quantile(times, 0.99, .zero))
    requests = results.isEmpty ? 0 : Double(results.reduce(0) { $0 + $1.requests }) / Double(results.count)
  }

  /// The share that succeeded, 0 to 1; 0 where none was judged.
  package var rate: Double { attempts == 0 ? 0 : Double(successes) / Double(attempts) }
}

extension KademliaSimulation {
  /// Random nodes look for random other nodes, one every `spacing`. A lookup whose goal left meanwhile does not count.
  package mutating func measurePeerLookups(_ count: Int, spacing: Duration = .milliseconds(50)) -> KademliaMeasurement {
    results = []
    for _ in 0..<count {
      if let from = randomLive(), let to = randomLive(), from != to {
        let peer = nodes[to].machine.own.peer
        watch(nodes[from].machine.findPeer(peer, at: now), at: from, .peer(to))
      }
      run(for: spacing)
    }
    return settle()
  }

  /// Random nodes look for the providers of these keys. A lookup whose every provider left does not count.
  package mutating func measureProviderLookups(
    _ count: Int, of provided: [(key: [UInt8], provider: Int)], spacing: Duration = .milliseconds(50)
  ) -> KademliaMeasurement {
    results = []
    for _ in 0..<count {
      let live = provided.filter { nodes[$0.provider].isUp }
      if let pick = live.randomElement(using: &random), let from = randomLive(), from != pick.provider {
        let peer = nodes[pick.provider].machine.own.peer
        watch(nodes[from].machine.findProviders(key: pick.key, at: now), at: from, .provider(peer))
      }
      run(for: spacing)
    }
    return settle()
  }

  /// Random nodes announce random keys and keep announcing them.
  ///
  /// - Parameter keys: nil draws `count` of them.
  package mutating func announce(_ count: Int, keys: [[UInt8]]? = nil) -> [(key: [UInt8], provider: Int)] {
    var provided: [(key: [UInt8], provider: Int)] = []
    for index in 0..<count {
      guard let provider = randomLive() else { continue }
      let key = keys?[index] ?? randomKey()
      nodes[provider].machine.announce(key)
      provided.append((key, provider))
      run(for: .milliseconds(100))
    }
    run(for: .seconds(10))
    return provided
  }

  /// Splits the network for `duration`, and then looks across the former border, many times a second.
  ///
  /// - Returns: from when on, after the end of the split, at least 99 of 100 lookups across succeeded; nil where that did
  ///   not come to pass within `patience`.
  package mutating func measureHealing(
    split duration: Duration, patience: Duration = .seconds(20), perSecond: Int = 20
  ) -> Duration? {
    split()
    let sides = nodes.map(\.side)
    run(for: duration)
    heal()
    results = []
    let end = now
    while now - end < patience {
      if let from = randomLive(), let to = randomLive(), from < sides.count, to < sides.count, sides[from] != sides[to]
      {
        watch(nodes[from].machine.findPeer(nodes[to].machine.own.peer, at: now), at: from, .peer(to))
      }
      run(for: .seconds(1) / (2 * perSecond))
    }
    _ = settle()
    var healed: Duration?
    for second in 0..<Int(patience.components.seconds) {
      let from = end + .seconds(second)
      let part = results.filter { $0.began >= from && $0.began < from + .seconds(1) }
      if !part.isEmpty, Double(part.count { $0.succeeded }) >= 0.99 * Double(part.count) {
        healed = healed ?? .seconds(second)
      } else {
        healed = nil
      }
    }
    return healed
  }

  /// A random multihash.
  package mutating func randomKey() -> [UInt8] {
    Multihash(sha256: random.digest()).bytes
  }

  private mutating func watch(_ operation: Kademlia.OperationID?, at node: Int, _ goal: Watched.Goal) {
    guard let operation else {
      results.append(.init(succeeded: false, hops: 0, time: .zero, requests: 0))
      return
    }
    watched[WatchID(node: node, operation: operation)] = Watched(goal: goal, since: now)
    perform(node)
  }

  mutating func found(_ contacts: [KademliaContact], by id: WatchID) {
    guard let watch = watched[id], case .provider(let peer) = watch.goal, contacts.contains(where: { $0.peer == peer })
    else { return }
    watched[id] = nil
    let operation = nodes[id.node].machine.operations[id.operation]
    nodes[id.node].machine.cancel(id.operation)
    results.append(
      .init(
        succeeded: true, hops: operation?.lookup.hops ?? 0, time: now - watch.since,
        requests: operation?.lookup.requests ?? 0, began: watch.since))
  }

  mutating func end(_ id: WatchID, _ outcome: KademliaOutcome) {
    guard let watch = watched.removeValue(forKey: id) else { return }
    let succeeded: Bool
    switch watch.goal {
    case .peer(let index):
      guard outcome.peer != nil || nodes[index].isUp else { return }
      succeeded = outcome.peer != nil
    case .provider(let peer):
      guard let index = indices[KademliaKey(peer)], nodes[index].isUp else { return }
      succeeded = false
    case .announced: succeeded = outcome.stored > 0
    }
    results.append(
      .init(
        succeeded: succeeded, hops: outcome.hops, time: now - watch.since, requests: outcome.requests,
        began: watch.since))
  }

  /// Waits for what is under way.
  private mutating func settle() -> KademliaMeasurement {
    var rounds = 0
    while !watched.isEmpty, rounds < 70 {
      // A node that left takes its questions with it.
      watched = watched.filter { nodes[$0.key.node].isUp }
      run(for: .seconds(1))
      rounds += 1
    }
    for watch in watched.values {
      results.append(.init(succeeded: false, hops: 0, time: .zero, requests: 0, began: watch.since))
    }
    watched = [:]
    return KademliaMeasurement(results)
  }
}
