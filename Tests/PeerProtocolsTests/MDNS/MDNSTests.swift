import Multiformats
import PeerProtocols
import Testing

@Suite struct MDNSTests {
  private func peer() throws -> PeerID { try PeerID(multihash: Multihash(sha256: KeyHash.sha256([1]))) }

  @Test func anAnnouncementIsFoundAgain() throws {
    let addresses = [try Multiaddr("/ip4/192.168.1.7/tcp/4001"), try Multiaddr("/ip6/fe80::1/tcp/4001")]
    let announcement = PeerAnnouncement(peer: try peer(), addresses: addresses)
    let message = announcement.response(name: "abcdefghijklmnopqrstuvwxyz012345")
    let read = try DNSMessage(decoding: message.bytes)
    #expect(read == message)
    let found = PeerAnnouncement.announced(in: read)
    #expect(found.map(\.peer) == [try peer()])
    #expect(found.first?.addresses == addresses.map { $0.appending(peer: announcement.peer) })
    #expect(PeerAnnouncement.isQuery(try DNSMessage(decoding: PeerAnnouncement.query.bytes)))
    #expect(!PeerAnnouncement.isQuery(read))
  }

  @Test func aNodeThatNamesItselfByIDIsFoundByItsService() throws {
    var message = PeerAnnouncement(peer: try peer(), addresses: [try Multiaddr("/ip4/10.0.0.3/tcp/9000")])
      .response(name: "x")
    message.additional[0].data = .text([Array("id=\(try peer())".utf8)])
    let found = PeerAnnouncement.announced(in: try DNSMessage(decoding: message.bytes))
    #expect(found.first?.addresses == [try Multiaddr("/ip4/10.0.0.3/tcp/9000")])
  }

  @Test func whatStrangersSendIsReadOrRefused() throws {
    let bytes = PeerAnnouncement(peer: try peer(), addresses: [try Multiaddr("/ip4/10.0.0.3/tcp/9000")])
      .response(name: "x").bytes
    var random = SplitMix64(seed: 3)
    for _ in 0..<3_000 {
      var damaged = bytes
      for _ in 0..<3 {
        damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if let message = try? DNSMessage(decoding: damaged) { _ = PeerAnnouncement.announced(in: message) }
    }
  }
}
