import Multiformats
import PeerProtocols
import Testing

@Suite struct RelayTests {
  private func peer(_ number: UInt8) throws -> PeerID {
    try PeerID(multihash: Multihash(sha256: KeyHash.sha256([number])))
  }

  @Test func messagesSurviveTheWire() throws {
    var hop = RelayMessage(.status)
    hop.status = .ok
    hop.reservation = RelayReservation(
      expires: 1_800_000_000, addresses: [try Multiaddr("/ip4/1.2.3.4/tcp/4001")], voucher: [1, 2, 3])
    hop.limit = RelayLimit(duration: 120, data: 131_072)
    #expect(try RelayMessage(decoding: hop.bytes(.hop), .hop) == hop)
    var stop = RelayMessage(.connect)
    stop.peer = try peer(1)
    stop.limit = hop.limit
    #expect(try RelayMessage(decoding: stop.bytes(.stop), .stop) == stop)
    // The numbers of the two sides differ: STATUS is 2 on one and 1 on the other.
    #expect(RelayMessage(.status).bytes(.hop) == [0x08, 2])
    #expect(RelayMessage(.status).bytes(.stop) == [0x08, 1])
    #expect(throws: PeerError.self) { try RelayMessage(decoding: [0x08, 9], .hop) }
    #expect(throws: PeerError.self) { try RelayMessage(decoding: [], .hop) }
  }

  @Test func aRelayGivesNoMoreThanItHas() throws {
    var limits = RelayBook.Limits()
    limits.reservations = 2
    limits.circuits = 1
    var book = RelayBook(limits: limits)
    let (first, second, third) = (try peer(1), try peer(2), try peer(3))
    #expect(book.reserve(first, at: .zero) != nil)
    #expect(book.reserve(second, at: .zero) != nil)
    #expect(book.reserve(third, at: .zero) == nil)
    #expect(book.reserve(first, at: .seconds(5)) == .seconds(3_605))
    #expect(book.begin(from: first, to: third, at: .seconds(6)) == .noReservation)
    #expect(book.begin(from: third, to: first, at: .seconds(6)) == .ok)
    #expect(book.begin(from: third, to: second, at: .seconds(6)) == .limitExceeded)
    book.end(from: third, to: first)
    #expect(book.begin(from: third, to: second, at: .seconds(6)) == .ok)
    #expect(book.reserve(third, at: .seconds(4_000)) != nil)
    #expect(book.begin(from: second, to: first, at: .seconds(4_000)) == .noReservation)
  }

  @Test func reachabilityIsBelievedWhereSeveralAgree() throws {
    var reachability = Reachability()
    for _ in 0..<5 { reachability.note(.reachable, by: try peer(1)) }
    #expect(reachability.verdict == .unknown)
    reachability.note(.reachable, by: try peer(2))
    let changed = reachability.note(.reachable, by: try peer(3))
    #expect(changed)
    #expect(reachability.verdict == .reachable)
    reachability.note(.unreachable, by: try peer(4))
    #expect(reachability.verdict == .reachable)
    let dial = AutoNATMessage.dial(try peer(1), [try Multiaddr("/ip4/1.2.3.4/tcp/4001")])
    #expect(try AutoNATMessage(decoding: dial.bytes) == dial)
    let refused = AutoNATMessage.response(.dialRefused, "no", nil)
    #expect(try AutoNATMessage(decoding: refused.bytes) == refused)
  }
}
