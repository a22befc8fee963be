import Multiformats
import PeerProtocols
import Testing

/// Places that a test may change within an expectation.
private final class Places {
  private var places = RelayPlaces()

  var held: Set<PeerID> { Set(places.held) }

  func update(_ able: [PeerID], at seconds: Int, isNeeded: Bool = true) -> Set<RelayPlaces.Action> {
    Set(places.update(isNeeded: isNeeded, able: able, at: .seconds(seconds)))
  }

  func granted(_ relay: PeerID, for lifetime: Int, at seconds: Int) -> Bool {
    places.granted(relay, for: .seconds(lifetime), at: .seconds(seconds))
  }

  func refused(_ relay: PeerID, at seconds: Int) -> Bool { places.refused(relay, at: .seconds(seconds)) }
  func failed(_ relay: PeerID, at seconds: Int) -> Bool { places.failed(relay, at: .seconds(seconds)) }
  func lost(_ relay: PeerID) -> Bool { places.lost(relay) }
}

@Suite struct RelayPlacesTests {
  private func peers(_ count: UInt8) throws -> [PeerID] {
    try (0..<count).map { try PeerID(multihash: Multihash(sha256: KeyHash.sha256([$0]))) }
  }

  @Test func `a node that cannot be reached takes two places, renews them, and gives them up once it can`() throws {
    let relays = try peers(3)
    let places = Places()
    #expect(places.update(relays, at: 0, isNeeded: false).isEmpty)
    #expect(places.update(relays, at: 0) == [.reserve(relays[0]), .reserve(relays[1])])
    // Asked is as good as taken until the answer.
    #expect(places.update(relays, at: 1).isEmpty)
    #expect(places.granted(relays[0], for: 100, at: 1))
    #expect(places.granted(relays[1], for: 1_000, at: 1))
    #expect(places.update(relays, at: 75).isEmpty)
    #expect(places.update(relays, at: 77) == [.reserve(relays[0])])
    #expect(places.held == [relays[0], relays[1]])
    #expect(places.granted(relays[0], for: 100, at: 78))
    #expect(places.update(relays, at: 80, isNeeded: false) == [.withdraw(relays[0]), .withdraw(relays[1])])
    #expect(places.held.isEmpty)
  }

  @Test func `who refuses is left alone, and another is asked instead`() throws {
    let relays = try peers(3)
    let places = Places()
    _ = places.update(relays, at: 0)
    #expect(!places.refused(relays[0], at: 1))
    #expect(places.update(relays, at: 2) == [.reserve(relays[2])])
    #expect(!places.failed(relays[1], at: 3))
    #expect(places.update(relays, at: 4).isEmpty)
    // Who only failed is asked sooner again than who refused.
    let again = places.update(relays, at: 34).union(places.update(relays, at: 35))
    #expect(again == [.reserve(relays[1])])
    #expect(!places.granted(relays[0], for: 100, at: 36))
    #expect(places.held.isEmpty)
  }

  @Test func `a place ends with its connection and its time, and a renewal that fails loses it`() throws {
    let relays = try peers(1)
    let places = Places()
    _ = places.update(relays, at: 0)
    #expect(places.granted(relays[0], for: 100, at: 0))
    #expect(places.lost(relays[0]))
    #expect(!places.lost(relays[0]))
    #expect(places.update(relays, at: 1) == [.reserve(relays[0])])
    #expect(places.granted(relays[0], for: 100, at: 1))
    #expect(places.update(relays, at: 90) == [.reserve(relays[0])])
    #expect(places.failed(relays[0], at: 91))
    #expect(places.held.isEmpty)
    // A place that could not be renewed, for its relay was not there, is not told of beyond its end.
    let other = Places()
    _ = other.update(relays, at: 0)
    #expect(other.granted(relays[0], for: 100, at: 0))
    #expect(other.update([], at: 101) == [.withdraw(relays[0])])
  }

  @Test func `few peers are believed when all of them agree`() throws {
    let asked = try peers(3)
    var alone = Reachability()
    alone.note(.unreachable, by: asked[0], of: 1)
    #expect(alone.verdict == .unreachable)
    var several = Reachability()
    for peer in [asked[0], asked[0], asked[1]] { several.note(.unreachable, by: peer, of: 3) }
    #expect(several.verdict == .unknown)
    several.note(.unreachable, by: asked[2], of: 3)
    #expect(several.verdict == .unreachable)
  }
}
