import Multiformats
import PeerProtocols
import Testing

@Suite struct BitswapTests {
  static func cid(_ number: Int) -> CID {
    CID(codec: .raw, multihash: Multihash(sha256: withUnsafeBytes(of: number.bigEndian) { Array($0) }))
  }

  @Test func oneOfSeveralHoldersIsAskedForTheBlockAndTheOthersAreTold() throws {
    let peers = try ([1, 2, 3] as [UInt8]).map { try ConnectionTests.peer($0) }
    var wants = BitswapWants()
    let now = ContinuousClock.now
    for peer in peers { _ = wants.connected(peer, now: now) }
    let session = wants.beginSession()
    let cid = Self.cid(1)
    let asked = try wants.want(cid, session: session, now: now)
    #expect(asked.send.count == 3)
    #expect(asked.send.values.allSatisfy { $0.count == 1 && $0[0].wantsHave && $0[0].sendsDontHave })
    let chosen = wants.presence(.init(cid: cid, isThere: true), from: peers[1], now: now)
    #expect(chosen.send == [peers[1]: [.init(cid: cid, sendsDontHave: true)]])
    let third = wants.presence(.init(cid: cid, isThere: true), from: peers[2], now: now)
    #expect(third.send.isEmpty)
    let received = wants.received(cid.multihash, from: peers[1], now: now)
    let ended = try #require(received)
    #expect(Set(ended.send.keys) == [peers[0], peers[2]])
    #expect(ended.send.values.allSatisfy { $0.allSatisfy(\.isCancel) })
    #expect(wants.wantCount == 0)
    let again = wants.received(cid.multihash, from: peers[2], now: now)
    #expect(again == nil)
    #expect(wants.duplicates == 1)
    // The next block of the session is asked of who had the first.
    let next = try wants.want(Self.cid(2), session: session, now: now)
    #expect(next.send == [peers[1]: [.init(cid: Self.cid(2), sendsDontHave: true)]])
  }

  @Test func aPeerThatHasNotOrGoesOrSleepsLosesTheWantToAnother() throws {
    let peers = try ([1, 2, 3] as [UInt8]).map { try ConnectionTests.peer($0) }
    var wants = BitswapWants()
    let now = ContinuousClock.now
    for peer in peers { _ = wants.connected(peer, now: now) }
    let session = wants.beginSession()
    let cid = Self.cid(1)
    _ = try wants.want(cid, session: session, now: now)
    _ = wants.presence(.init(cid: cid, isThere: true), from: peers[0], now: now)
    _ = wants.presence(.init(cid: cid, isThere: true), from: peers[1], now: now)
    _ = wants.presence(.init(cid: cid, isThere: true), from: peers[2], now: now)
    let refused = wants.presence(.init(cid: cid, isThere: false), from: peers[0], now: now)
    #expect(refused.send.count == 1)
    let moved = wants.tick(now: now + .seconds(30))
    let heirs = moved.send.filter { $0.value.contains { !$0.isCancel } }
    #expect(heirs.count == 1)
    let heir = try #require(heirs.first?.key)
    let last = wants.disconnected(heir, now: now + .seconds(31))
    #expect(!last.isEmpty)
  }

  @Test func whatNobodyHasIsLookedForElsewhere() throws {
    var wants = BitswapWants()
    let now = ContinuousClock.now
    let session = wants.beginSession()
    let first = try wants.want(Self.cid(1), session: session, now: now)
    #expect(first.find == [Self.cid(1)])
    let joined = wants.connected(try ConnectionTests.peer(1), now: now)
    #expect(joined.send.count == 1)
    let ended = wants.endSession(session)
    #expect(ended.send.count == 1 && ended.send.values.allSatisfy { $0.allSatisfy(\.isCancel) })
    #expect(wants.wantCount == 0)
  }

  @Test func wantsAreServedByPriorityAndCancelledOnesAreNot() throws {
    let peer = try ConnectionTests.peer(1)
    var ledgers = BitswapLedgers()
    var message = BitswapMessage()
    message.entries = (0..<10).map { .init(cid: Self.cid($0), priority: Int32($0)) }
    _ = ledgers.receive(message, from: peer) { _ in 5_000 }
    var cancel = BitswapMessage()
    cancel.entries = [.init(cid: Self.cid(8), isCancel: true)]
    _ = ledgers.receive(cancel, from: peer) { _ in 5_000 }
    var served: [CID] = []
    while let cid = ledgers.next(for: peer) { served.append(cid) }
    #expect(served == [9, 7, 6, 5, 4, 3, 2, 1, 0].map { Self.cid($0) })
    #expect(!ledgers.hasWork(for: peer))
  }

  @Test func absentBlocksAreRefusedWhereAskedAndServedWhenTheyCome() throws {
    let peer = try ConnectionTests.peer(1)
    var ledgers = BitswapLedgers()
    var message = BitswapMessage()
    message.entries = [
      .init(cid: Self.cid(1), sendsDontHave: true), .init(cid: Self.cid(2), wantsHave: true),
      .init(cid: Self.cid(3), wantsHave: true),
    ]
    let answers = ledgers.receive(message, from: peer) { $0 == Self.cid(3) ? 100_000 : nil }
    #expect(answers == [.init(cid: Self.cid(1), isThere: false), .init(cid: Self.cid(3), isThere: true)])
    let before = ledgers.next(for: peer)
    let serve = ledgers.arrived(Self.cid(1), size: 100_000).serve
    let after = ledgers.next(for: peer)
    let tell = ledgers.arrived(Self.cid(2), size: 100_000).tell
    #expect(before == nil && after == Self.cid(1))
    #expect(serve == [peer] && tell == [peer])
  }

  @Test func aGreedyPeerIsBoundedAndDoesNotComeFirst() throws {
    let greedy = try ConnectionTests.peer(1)
    let modest = try ConnectionTests.peer(2)
    var ledgers = BitswapLedgers()
    for start in stride(from: 0, to: 60_000, by: 10_000) {
      var message = BitswapMessage()
      message.entries = (start..<(start + 10_000)).map { .init(cid: Self.cid($0)) }
      _ = ledgers.receive(message, from: greedy) { _ in 2_000 }
    }
    #expect(ledgers.wantCount(of: greedy) <= BitswapLedgers.maximumWants)
    ledgers.connected(modest)
    ledgers.sent(1 << 20, to: greedy)
    #expect(ledgers.first(of: [greedy, modest]) == modest)
  }
}
