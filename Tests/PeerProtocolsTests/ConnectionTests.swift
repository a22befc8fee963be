import Multiformats
import PeerProtocols
import Testing

@Suite struct ConnectionTests {
  static func peer(_ number: UInt8) throws -> PeerID {
    try PeerID(
      publicKey: PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: number, count: 32)), sha256: { _ in [] })
  }

  @Test func nearAddressesAreTriedFirstAndFarOnesOneAfterTheOther() throws {
    let texts = [
      "/ip4/203.0.113.5/tcp/1", "/ip6/2001:db8::1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.1/tcp/1",
      "/dns4/example.org/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1",
    ]
    let plan = DialPlan(try texts.map { try Multiaddr($0) })
    #expect(
      plan.attempts.map(\.address.description) == [
        "/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip4/192.168.1.1/tcp/1", "/ip6/2001:db8::1/tcp/1",
        "/ip4/203.0.113.5/tcp/1", "/dns4/example.org/tcp/1",
      ])
    #expect(plan.attempts[0].delay == .zero && plan.attempts[1].delay == .zero)
    #expect(plan.attempts[3].delay < plan.attempts[4].delay)
  }

  @Test func theBackOffGrowsAndEnds() throws {
    let address = try Multiaddr("/ip4/203.0.113.5/tcp/1")
    var backOff = DialBackOff()
    let now = ContinuousClock.now
    #expect(backOff.pause(address, now: now) == nil)
    var last = now
    for _ in 0..<5 {
      backOff.failed(address, now: now)
      let until = try #require(backOff.pause(address, now: now))
      #expect(until > last)
      last = until
    }
    #expect(backOff.pause(address, now: last) == nil)
    backOff.succeeded(address)
    #expect(backOff.pause(address, now: now) == nil)
  }

  @Test func trimmingSparesTheProtectedTheValuedAndTheNew() throws {
    let now = ContinuousClock.now
    var candidates: [ConnectionTrimming.Candidate] = []
    for number in 0..<20 as Range<UInt8> {
      candidates.append(
        .init(
          peer: try Self.peer(number), connections: 1, value: number < 5 ? 100 : 0, isProtected: number == 10,
          opened: number == 11 ? now : now - .seconds(60 + Int(number)), isInbound: number % 2 == 0, streams: 0))
    }
    let trimming = ConnectionTrimming(low: 8, high: 12, grace: .seconds(20))
    let victims = trimming.victims(among: candidates, now: now)
    #expect(victims.count == 12)
    for spared in [0, 1, 2, 3, 4, 10, 11] as [UInt8] { #expect(!victims.contains(try Self.peer(spared))) }
    #expect(trimming.victims(among: Array(candidates.prefix(12)), now: now).isEmpty)
  }

  @Test func limitsHoldAndPlacesComeBack() throws {
    var limits = ConnectionLimits()
    limits.total = 3
    limits.perPeer = 2
    limits.perAddress = 2
    var count = ConnectionCount(limits: limits)
    let first = try Self.peer(1)
    let (second, third) = (try Self.peer(2), try Self.peer(3))
    var codes: [PeerError.Code?] = []
    for (peer, isInbound) in [(first, true), (first, true), (first, true), (second, false), (third, false)] {
      codes.append(count.admit(peer, inbound: isInbound)?.code)
    }
    #expect(codes == [nil, nil, .exhausted, nil, .exhausted])
    count.release(first, inbound: true)
    let late = count.admit(third, inbound: false)
    #expect(late == nil)
    let far = try Multiaddr("/ip4/203.0.113.5/tcp/1000")
    let same = try Multiaddr("/ip4/203.0.113.5/tcp/1001")
    let places = [count.admit(from: far), count.admit(from: same), count.admit(from: far)]
    count.release(from: same)
    let again = count.admit(from: far)
    #expect(places == [true, true, false] && again)
  }
}
