import Multiformats
import PeerProtocols
import Testing

/// The full size, 1,000 nodes, is `prsm bench peers --simulate`.
@Suite(.serialized) struct KademliaSimulationTests {
  private func network(_ count: Int, seed: UInt64) -> KademliaSimulation {
    var simulation = KademliaSimulation(seed: seed)
    simulation.grow(to: count)
    simulation.run(for: .seconds(20))
    return simulation
  }

  @Test func lookupsSucceedWhileNodesComeAndGo() {
    var simulation = network(80, seed: 11)
    let provided = simulation.announce(5)
    simulation.churnPerMinute = 0.1
    simulation.run(for: .seconds(60))
    let peers = simulation.measurePeerLookups(60)
    #expect(peers.rate >= 0.98)
    // log2 of 80.
    #expect(peers.hops.most <= 6)
    #expect(simulation.measureProviderLookups(40, of: provided).rate >= 0.98)
  }

  @Test func aThirdOfTheNodesMayVanishAtOnce() {
    var simulation = network(80, seed: 12)
    let provided = simulation.announce(5)
    simulation.lose(share: 0.33)
    #expect(simulation.measurePeerLookups(50).rate >= 0.98)
    #expect(simulation.measureProviderLookups(30, of: provided).rate >= 0.98)
  }

  @Test func aSplitNetworkFindsTogetherWithinTenSeconds() throws {
    var simulation = network(60, seed: 13)
    let healed = simulation.measureHealing(split: .seconds(60), patience: .seconds(14))
    #expect(try #require(healed) <= .seconds(10))
  }

  @Test func liarsCannotHideAProvider() {
    var simulation = network(64, seed: 14)
    for _ in 0..<16 { simulation.join(.sybil) }
    simulation.run(for: .seconds(20))
    let provided = simulation.announce(6)
    #expect(simulation.measureProviderLookups(50, of: provided).rate >= 0.98)
  }

  @Test func theSameSeedGivesTheSameRun() {
    func messages() -> Int {
      var simulation = network(30, seed: 15)
      _ = simulation.measurePeerLookups(5)
      return simulation.messages
    }
    let first = messages()
    #expect(first > 0 && first == messages())
  }
}
