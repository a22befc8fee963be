import Multiformats
import PeerProtocols
import Testing

@Suite struct HolePunchTests {
  private static func address(_ text: String) throws -> Multiaddr { try Multiaddr(text) }

  @Test func `messages travel as the specification has them`() throws {
    #expect(HolePunchMessage(.sync).bytes == [0x08, 0xac, 0x02])
    let place = try Self.address("/ip4/1.2.3.4/tcp/4001")
    let connect = HolePunchMessage(.connect, addresses: [place])
    #expect(connect.bytes == [0x08, 0x64, 0x12, 8, 4, 1, 2, 3, 4, 6, 0x0f, 0xa1])
    #expect(try HolePunchMessage(decoding: connect.bytes) == connect)
    #expect(throws: PeerError.self) { try HolePunchMessage(decoding: []) }
    #expect(throws: PeerError.self) { try HolePunchMessage(decoding: [0x08, 0x01]) }
  }

  @Test func `only what can be dialled directly over TCP is dialled, each address once`() throws {
    let peer = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"
    let addresses = try [
      "/ip4/1.2.3.4/tcp/4001", "/ip4/1.2.3.4/tcp/4001/p2p/\(peer)", "/ip4/1.2.3.4/udp/4001/quic-v1",
      "/ip4/5.6.7.8/tcp/1/p2p/\(peer)/p2p-circuit", "/dns4/example.org/tcp/4001", "/ip6/2001:db8::1/tcp/4001",
      "/ip4/0.0.0.0/tcp/4001",
    ].map(Self.address)
    let expected = try ["/ip4/1.2.3.4/tcp/4001", "/ip6/2001:db8::1/tcp/4001"].map(Self.address)
    #expect(HolePunchMessage.direct(addresses) == expected)
  }

  @Test func `both sides agree on when to dial, half a round trip apart from the one that speaks`() throws {
    let (here, there) = (try Self.address("/ip4/1.1.1.1/tcp/1"), try Self.address("/ip4/2.2.2.2/tcp/2"))
    var initiator = HolePunchInitiator(own: [here])
    var responder = HolePunchResponder(own: [there])
    for round in 1...3 {
      let began = Duration.seconds(round * 10)
      let begun = initiator.begin(at: began)
      let connect = try #require(begun)
      guard case .answer(let answer) = try responder.receive(connect) else {
        Issue.record("an answer is expected")
        return
      }
      let plan = try initiator.receive(answer, at: began + .milliseconds(80))
      #expect(plan.wait == .milliseconds(40))
      #expect(plan.addresses == [there])
      let action = try responder.receive(plan.sync)
      #expect(action == .dial([here]))
    }
    let fourth = initiator.begin(at: .seconds(99))
    #expect(fourth == nil)
    #expect(throws: PeerError.self) { try responder.receive(HolePunchMessage(.connect, addresses: [here])) }
  }

  @Test func `what comes out of turn ends it`() throws {
    let place = try Self.address("/ip4/1.1.1.1/tcp/1")
    var responder = HolePunchResponder(own: [place])
    #expect(throws: PeerError.self) { try responder.receive(HolePunchMessage(.sync)) }
    _ = try responder.receive(HolePunchMessage(.connect, addresses: [place]))
    #expect(throws: PeerError.self) { try responder.receive(HolePunchMessage(.connect, addresses: [place])) }
    var initiator = HolePunchInitiator(own: [place])
    #expect(throws: PeerError.self) { try initiator.receive(HolePunchMessage(.connect), at: .zero) }
    _ = initiator.begin(at: .zero)
    #expect(throws: PeerError.self) { try initiator.receive(HolePunchMessage(.sync), at: .zero) }
    // A round trip that never was measures nothing.
    var late = HolePunchInitiator(own: [place])
    _ = late.begin(at: .zero)
    let plan = try late.receive(HolePunchMessage(.connect), at: .seconds(3_600))
    #expect(plan.wait == .seconds(5))
  }

  @Test func `an address counts as long as somebody saw it lately, and the most seen comes first`() throws {
    func peer(_ number: UInt8) throws -> PeerID { try PeerID(multihash: Multihash(sha256: KeyHash.sha256([number]))) }
    let (first, second) = (try Self.address("/ip4/9.9.9.9/tcp/1"), try Self.address("/ip4/9.9.9.9/tcp/2"))
    var seen = ObservedAddresses()
    func addresses(_ now: Duration) -> [Multiaddr] { seen.addresses(at: now) }
    seen.note(second, by: try peer(1), at: .zero)
    seen.note(first, by: try peer(2), at: .seconds(1))
    seen.note(first, by: try peer(3), at: .seconds(1))
    #expect(addresses(.seconds(2)) == [first, second])
    // The peer sees it elsewhere now.
    seen.note(first, by: try peer(1), at: .seconds(3))
    #expect(addresses(.seconds(4)) == [first])
    seen.note(try Self.address("/ip4/0.0.0.0/tcp/1"), by: try peer(1), at: .seconds(5))
    #expect(addresses(.seconds(1_802)) == [first])
    #expect(addresses(.seconds(4_000)).isEmpty)
    for number in 0..<100 {
      seen.note(try Self.address("/ip4/8.8.8.\(number)/tcp/1"), by: try peer(UInt8(number)), at: .seconds(5_000))
    }
    #expect(addresses(.seconds(5_001)).count == ObservedAddresses.maximum)
  }
}
