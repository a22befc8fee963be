import Multiformats
import PeerProtocols
import Testing

private func peer(_ number: Int) throws -> PeerID {
  try PeerID(multihash: Multihash(sha256: KeyHash.sha256([UInt8(number)])))
}

private func message(_ from: PeerID, _ number: Int, topic: String = "t") -> GossipMessage {
  GossipMessage(
    from: from.bytes, data: [1, 2], sequence: [0, 0, 0, 0, 0, 0, 0, UInt8(number)], topic: topic, signature: [1])
}

private func carrying(_ messages: [GossipMessage]) -> GossipRPC {
  var rpc = GossipRPC()
  rpc.messages = messages
  return rpc
}

private func following(_ topic: String) -> GossipRPC {
  var rpc = GossipRPC()
  rpc.subscriptions = [.init(topic)]
  return rpc
}

/// What a router sends to whom, since the last look.
private func sent(_ router: inout Gossipsub) -> [(peer: PeerID, rpc: GossipRPC)] {
  router.takeActions().compactMap { action in
    if case .send(let peer, let rpc) = action { return (peer, rpc) }
    return nil
  }
}

@Suite struct GossipsubTests {
  /// A router of topic `t` with that many peers of it.
  private func router(_ count: Int, outbound: Bool = true, options: GossipOptions = GossipOptions()) throws -> Gossipsub
  {
    var router = Gossipsub(own: try peer(200), options: options, seed: 3)
    router.subscribe("t", at: .zero)
    for number in 0..<count {
      router.connected(try peer(number), version: .gossip11, isOutbound: outbound, address: nil)
      var rpc = GossipRPC()
      rpc.subscriptions = [.init("t")]
      router.received(rpc, from: try peer(number), at: .zero)
    }
    router.heartbeat(at: .seconds(1))
    _ = router.takeActions()
    return router
  }

  @Test func everythingSurvivesTheWire() throws {
    var rpc = GossipRPC()
    rpc.subscriptions = [.init("a"), .init("b", isSubscribed: false)]
    rpc.messages = [message(try peer(1), 1)]
    rpc.have = [.init(topic: "a", ids: [.init(bytes: [1]), .init(bytes: [2])])]
    rpc.want = [.init(bytes: [3])]
    rpc.graft = ["a"]
    rpc.prune = [.init(topic: "b", peers: [.init(peer: [1, 2], signedRecord: [3])], backoff: 60)]
    #expect(try GossipRPC(decoding: rpc.bytes) == rpc)
    var random = SplitMix64(seed: 8)
    for _ in 0..<2_000 {
      var bytes = rpc.bytes
      for _ in 0..<2 {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? GossipRPC(decoding: bytes)
    }
  }

  @Test func aMeshIsFilledAndThinnedOut() throws {
    var router = try router(30)
    #expect(router.mesh["t"]?.count == 6)
    for number in 0..<30 {
      var rpc = GossipRPC()
      rpc.graft = ["t"]
      router.received(rpc, from: try peer(number), at: .seconds(2))
    }
    #expect((router.mesh["t"]?.count ?? 0) > 12)
    router.heartbeat(at: .seconds(3))
    #expect(router.mesh["t"]?.count == 6)
    let pruned = sent(&router).filter { !$0.rpc.prune.isEmpty }
    #expect(!pruned.isEmpty && pruned.allSatisfy { $0.rpc.prune[0].backoff == 60 })
  }

  @Test func aFullMeshTakesOnlyThoseItChoseItself() throws {
    var router = try router(20, outbound: false)
    for number in 0..<20 {
      var rpc = GossipRPC()
      rpc.graft = ["t"]
      router.received(rpc, from: try peer(number), at: .seconds(2))
    }
    #expect(router.mesh["t"]?.count == 12)
    #expect(sent(&router).count { !$0.rpc.prune.isEmpty } == 8)
  }

  @Test func whoComesBackTooEarlyIsSentAwayAndPunished() throws {
    var router = try router(3)
    let early = try peer(0)
    var prune = GossipRPC()
    prune.prune = [.init(topic: "t", backoff: 60)]
    router.received(prune, from: early, at: .seconds(2))
    #expect(router.mesh["t"]?.contains(early) == false)
    for second in 3..<6 {
      var graft = GossipRPC()
      graft.graft = ["t"]
      router.received(graft, from: early, at: .seconds(second))
      #expect(sent(&router).contains { $0.peer == early && !$0.rpc.prune.isEmpty })
    }
    #expect(router.score(of: early) < -80)
    // Nothing more is read of it.
    router.received(carrying([message(early, 1)]), from: early, at: .seconds(9))
    #expect(router.takeActions().isEmpty)
  }

  @Test func aMessageGoesOnOnceItIsAccepted() throws {
    var router = try router(10)
    let source = try peer(0)
    var rpc = GossipRPC()
    rpc.messages = [message(source, 1)]
    router.received(rpc, from: source, at: .seconds(2))
    var actions = router.takeActions()
    guard case .validate(let pending, let from) = try #require(actions.first) else {
      Issue.record("expected to be asked for a verdict")
      return
    }
    #expect(actions.count == 1 && from == source)
    router.validated(pending.id, .accept, at: .seconds(2))
    actions = router.takeActions()
    #expect(actions.contains { if case .deliver = $0 { true } else { false } })
    let targets = actions.compactMap { action -> PeerID? in
      if case .send(let peer, let rpc) = action, !rpc.messages.isEmpty { return peer }
      return nil
    }
    #expect(Set(targets) == (router.mesh["t"] ?? []).subtracting([source]))
    // A second time it is not asked about.
    router.received(rpc, from: try peer(1), at: .seconds(3))
    #expect(router.takeActions().isEmpty)
    #expect(router.score(of: source) > 0)
  }

  @Test func invalidMessagesCostStanding() throws {
    var router = try router(4)
    let spammer = try peer(0)
    for number in 0..<3 {
      var rpc = GossipRPC()
      rpc.messages = [message(spammer, number)]
      router.received(rpc, from: spammer, at: .seconds(2))
      router.validated(message(spammer, number).id, .reject, at: .seconds(2))
    }
    var unsigned = message(spammer, 9)
    unsigned.signature = []
    router.received(carrying([unsigned]), from: spammer, at: .seconds(2))
    #expect(router.score(of: spammer) < -100)
    router.heartbeat(at: .seconds(3))
    #expect(router.mesh["t"]?.contains(spammer) == false)
  }

  @Test func aForgedMessageDoesNotKeepTheTrueOneOut() throws {
    var router = try router(4)
    let (forger, publisher) = (try peer(0), try peer(1))
    let (first, second) = (message(publisher, 1), message(publisher, 2))
    router.received(carrying([first]), from: forger, at: .seconds(2))
    router.validated(first.id, .forged, at: .seconds(2))
    var unsigned = second
    unsigned.signature = []
    router.received(carrying([unsigned]), from: forger, at: .seconds(2))
    #expect(router.score(of: forger) < -10)
    _ = router.takeActions()
    router.received(carrying([first, second]), from: publisher, at: .seconds(3))
    let judged = router.takeActions().compactMap { action -> GossipMessage.ID? in
      if case .validate(let message, _) = action { return message.id }
      return nil
    }
    #expect(judged == [first.id, second.id])
    #expect(router.score(of: publisher) >= 0)
  }

  @Test func gossipIsAnsweredWithinBounds() throws {
    var options = GossipOptions()
    options.haveTimes = 2
    options.haveIDs = 10
    var router = try router(3, options: options)
    let talker = try peer(1)
    func have(_ start: Int) -> GossipRPC {
      var rpc = GossipRPC()
      rpc.have = [.init(topic: "t", ids: (start..<(start + 8)).map { .init(bytes: [UInt8($0)]) })]
      return rpc
    }
    for round in 0..<4 { router.received(have(round * 8), from: talker, at: .seconds(2)) }
    let wanted = sent(&router).flatMap(\.rpc.want)
    #expect(wanted.count == 10)
  }

  @Test func aMessageIsSentAgainToOnePeerThreeTimesAtMost() throws {
    var router = try router(2)
    let own = message(try peer(200), 1)
    router.publish(own, at: .seconds(2))
    _ = router.takeActions()
    var rpc = GossipRPC()
    rpc.want = [own.id]
    var times = 0
    for _ in 0..<10 {
      router.received(rpc, from: try peer(1), at: .seconds(2))
      times += sent(&router).count { !$0.rpc.messages.isEmpty }
    }
    #expect(times == 3)
  }

  @Test func floodsubPeersGetEverythingAndJoinNoMesh() throws {
    var router = try router(3)
    let old = try peer(50)
    router.connected(old, version: .flood, isOutbound: false, address: nil)
    router.received(following("t"), from: old, at: .seconds(1))
    router.heartbeat(at: .seconds(2))
    _ = router.takeActions()
    #expect(router.mesh["t"]?.contains(old) == false)
    let foreign = message(try peer(1), 1)
    router.received(carrying([foreign]), from: try peer(1), at: .seconds(2))
    router.validated(foreign.id, .accept, at: .seconds(2))
    #expect(sent(&router).contains { $0.peer == old && !$0.rpc.messages.isEmpty })
  }

  @Test func peersNamedInAPruneAreBelievedOnlyOfThoseInGoodStanding() throws {
    var router = try router(8)
    func prune(_ from: Int) throws -> [Gossipsub.Action] {
      var rpc = GossipRPC()
      rpc.prune = [.init(topic: "t", peers: [.init(peer: try peer(120).bytes)], backoff: 60)]
      router.received(rpc, from: try peer(from), at: .seconds(3))
      return router.takeActions().filter { if case .connect = $0 { true } else { false } }
    }
    #expect(try prune(1).isEmpty)
    router.setApplicationScore(20, of: try peer(2))
    #expect(try prune(2).count == 1)
  }
}

@Suite struct GossipSimulationTests {
  @Test func everybodyHearsEverything() {
    var simulation = GossipSimulation(seed: 5)
    for _ in 0..<60 { simulation.join() }
    simulation.connectAtRandom(8)
    simulation.run(for: .seconds(5))
    let ids = (0..<10).map { simulation.publish(at: $0) }
    simulation.run(for: .seconds(4))
    #expect(ids.allSatisfy { simulation.reach($0) == 1 })
  }

  @Test func spamIsShutOut() {
    var simulation = GossipSimulation(seed: 6)
    for _ in 0..<40 { simulation.join() }
    let spammers = (0..<10).map { _ in simulation.join(.spammer) }
    simulation.connectAtRandom(8)
    simulation.run(for: .seconds(8))
    #expect(spammers.allSatisfy { simulation.standing(of: $0) < -80 })
    let id = simulation.publish(at: 3)
    simulation.run(for: .seconds(4))
    #expect(simulation.reach(id) == 1)
  }

  @Test func whoGossipsAboutNothingLosesStanding() {
    var simulation = GossipSimulation(seed: 7)
    for _ in 0..<30 { simulation.join() }
    let braggart = simulation.join(.braggart)
    simulation.connectAtRandom(8)
    simulation.run(for: .seconds(15))
    #expect(simulation.standing(of: braggart) < -10)
  }

  /// Silent peers surround one node, all of them connected inward, and make up most of its neighbours.
  @Test func aSurroundedNodeStillHearsAndIsHeard() {
    var simulation = GossipSimulation(seed: 8)
    for _ in 0..<30 { simulation.join() }
    simulation.connectAtRandom(6)
    simulation.run(for: .seconds(3))
    for _ in 0..<40 { simulation.connect(simulation.join(.silent), 0) }
    simulation.run(for: .seconds(10))
    let mesh = simulation.meshShare(of: 0, .silent)
    #expect(mesh.part < mesh.all)
    let out = simulation.publish(at: 0)
    let incoming = simulation.publish(at: 9)
    simulation.run(for: .seconds(6))
    #expect(simulation.reach(out) == 1)
    #expect(simulation.reach(incoming) == 1)
  }

  /// Most nodes are silent from the first second on (gossipsub 1.1, "cold boot").
  @Test func aColdBootAmongSilentPeersRecovers() {
    var options = GossipOptions()
    options.opportunisticBeats = 10
    options.score.usual.meshWeight = -1
    options.score.usual.meshThreshold = 1
    options.score.usual.failureWeight = -1
    var simulation = GossipSimulation(seed: 9, options: options)
    for _ in 0..<25 { simulation.join() }
    for _ in 0..<50 { simulation.join(.silent) }
    simulation.connectAtRandom(12)
    for round in 0..<60 {
      _ = simulation.publish(at: round % 25)
      simulation.run(for: .seconds(1))
    }
    let id = simulation.publish(at: 4)
    simulation.run(for: .seconds(5))
    #expect(simulation.reach(id) == 1)
    let silent = (0..<25).reduce(0) { $0 + simulation.meshShare(of: $1, .silent).part }
    let all = (0..<25).reduce(0) { $0 + simulation.meshShare(of: $1, .silent).all }
    #expect(silent * 2 < all)
  }
}
