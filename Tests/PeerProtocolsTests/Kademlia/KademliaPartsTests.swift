import Multiformats
import PeerProtocols
import Testing

/// A contact of a number, at an address of the network group.
private func contact(_ number: Int, group: Int? = nil) throws -> KademliaContact {
  let peer = try PeerID(multihash: Multihash(sha256: KeyHash.sha256([UInt8(number % 256), UInt8(number / 256)])))
  let network = group ?? number
  let address = try Multiaddr("/ip4/\(20 + network / 256).\(network % 256).0.\(number % 256)/tcp/4001")
  return KademliaContact(peer: peer, addresses: [address])
}

@Suite struct KademliaPartsTests {
  @Test func theHashIsSHA256() {
    let empty = Multihash(sha256: KeyHash.sha256([])).digest
    #expect(empty.prefix(4) == [0xe3, 0xb0, 0xc4, 0x42])
    // FIPS 180-4, two blocks.
    let text = Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8)
    #expect(KeyHash.sha256(text).prefix(4) == [0x24, 0x8d, 0x6a, 0x61])
    #expect(KeyHash.sha256([UInt8](repeating: 0x61, count: 1_000)).suffix(4) == [0xb9, 0x73, 0x7e, 0xa3])
  }

  @Test func aNeighborSharesExactlyTheBitsAskedFor() {
    var random = SplitMix64(seed: 1)
    let key = KademliaKey(hashing: [1, 2, 3])
    for bits in [0, 1, 7, 63, 64, 65, 128, 200, 255] {
      #expect(key.neighbor(sharing: bits, using: &random).commonPrefix(with: key) == bits)
    }
  }

  @Test func theClosestAreThoseOfACompleteSort() throws {
    var table = RoutingTable(own: KademliaKey(hashing: [9]))
    for number in 0..<600 { _ = table.insert(try contact(number), at: .zero) }
    for trial in 0..<50 {
      let target = KademliaKey(hashing: [UInt8(trial), 77])
      let sorted = table.contacts.sorted { $0.key.distance(to: target) < $1.key.distance(to: target) }
      #expect(table.closest(to: target, count: 20) == Array(sorted.prefix(20)))
    }
  }

  @Test func aFullBucketWaitsForSomebodyToFail() throws {
    var table = RoutingTable(own: KademliaKey(hashing: [9]))
    var waiting: KademliaContact?
    var number = 0
    while waiting == nil {
      let next = try contact(number)
      if case .waiting = table.insert(next, at: .seconds(number)) { waiting = next }
      number += 1
    }
    let stranger = try #require(waiting)
    #expect(!table.contains(stranger.key))
    let bucket = table.own.commonPrefix(with: stranger.key)
    let member = try #require(table.contacts.first { table.own.commonPrefix(with: $0.key) == bucket })
    let left = table.failed(member.key, tolerance: 1, at: .seconds(number))
    #expect(left)
    #expect(table.contains(stranger.key))
    #expect(!table.contains(member.key))
  }

  @Test func oneNetworkCannotFillTheTable() throws {
    var table = RoutingTable(own: KademliaKey(hashing: [9]))
    for number in 0..<500 { _ = table.insert(try contact(number, group: 3), at: .zero) }
    #expect(table.count == table.limits.perGroup)
    #expect(NetworkGroup(try Multiaddr("/ip4/192.168.1.4/tcp/1")) == nil)
    #expect(
      NetworkGroup(try Multiaddr("/ip6/2a00:1450::1/tcp/1")) == NetworkGroup(try Multiaddr("/ip6/2a00:1450:8::2/tcp/1"))
    )
  }

  @Test func noPeerIsAskedOnTwoPaths() throws {
    let seeds = try (0..<20).map { try contact($0) }
    let all = try (20..<200).map { try contact($0) }
    var lookup = KademliaLookup(target: KademliaKey(hashing: [1]), own: KademliaKey(hashing: [9]), seeds: seeds)
    var asked: Set<KademliaKey> = []
    var random = SplitMix64(seed: 4)
    var time = Duration.zero
    while !lookup.isFinished {
      let next = lookup.next(at: time)
      for contact in next {
        #expect(asked.insert(contact.key).inserted)
        if random.unit() < 0.2 {
          lookup.failed(contact.key)
        } else {
          lookup.answered(contact.key, closer: Array(all.shuffled(using: &random).prefix(20)))
        }
      }
      time += .milliseconds(100)
      try #require(time < .seconds(100))
    }
    #expect(lookup.nearest.count == 20)
    #expect(lookup.requests <= lookup.limits.requests)
  }

  @Test func aLookupEndsEvenWhereEveryAnswerNamesNewPeers() throws {
    var lookup = KademliaLookup(
      target: KademliaKey(hashing: [1]), own: KademliaKey(hashing: [9]), seeds: [try contact(0)])
    var number = 1
    var time = Duration.zero
    while !lookup.isFinished, number < 100_000 {
      for asked in lookup.next(at: time) {
        let closer = try (number..<(number + 20)).map { try contact($0) }
        number += 20
        lookup.answered(asked.key, closer: closer)
      }
      time += .milliseconds(10)
    }
    #expect(lookup.isFinished)
    #expect(lookup.requests <= lookup.limits.requests)
  }

  @Test func messagesSurviveTheWire() throws {
    var message = KademliaMessage(.getProviders, key: [0x12, 0x20, 5], closer: [try contact(1), try contact(2)])
    message.providers = [try contact(3)]
    message.record = KademliaRecord(key: [1], value: [2, 3], timeReceived: "2026-01-01T00:00:00Z")
    #expect(try KademliaMessage(decoding: message.bytes) == message)
    #expect(throws: PeerError.self) { try KademliaMessage(decoding: [0x08, 0x09]) }
    #expect(throws: PeerError.self) { try KademliaMessage(decoding: [UInt8](repeating: 0, count: 200_000)) }
    var random = SplitMix64(seed: 8)
    for _ in 0..<2_000 {
      // Whatever a stranger sends is refused or read, and never more.
      var bytes = message.bytes
      for _ in 0..<3 {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      _ = try? KademliaMessage(decoding: bytes)
    }
  }

  @Test func providersExpireAndOnePeerCannotAnnounceEverything() throws {
    var limits = ProviderStore.Limits()
    limits.perPeer = 10
    limits.perAnswer = 4
    var store = ProviderStore(limits: limits)
    let greedy = try contact(1)
    for number in 0..<10 { #expect(store.add(greedy, key: [UInt8(number)], at: .zero) == .stored) }
    #expect(store.add(greedy, key: [99], at: .zero) == .refused("keys of one peer"))
    for number in 2..<40 { #expect(store.add(try contact(number, group: 1), key: [7], at: .seconds(1)) == .stored) }
    let other = try contact(50, group: 9)
    #expect(store.add(other, key: [7], at: .zero) == .stored)
    // Each network group has its turn, so the one of another network is told although others are newer.
    #expect(store.providers(of: [7], at: .seconds(2)).map(\.peer).contains(other.peer))
    #expect(store.providers(of: [7], at: .seconds(2)).count == 4)
    let late = store.providers(of: [7], at: .seconds(31 * 60))
    #expect(late.count == 4 && late.allSatisfy { $0.addresses.isEmpty })
    #expect(store.providers(of: [7], at: .seconds(49 * 3_600)).isEmpty)
  }

  @Test func onlyKeysOfTheirOwnersStandUnderPK() throws {
    let key = PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: 4, count: 32))
    let peer = try PeerID(publicKey: key, sha256: KeyHash.sha256)
    var store = RecordStore()
    let good = KademliaRecord(key: Array("/pk/".utf8) + peer.bytes, value: key.bytes)
    let isGoodKept = store.put(good, at: .zero)
    #expect(isGoodKept)
    var bad = good
    bad.value[10] ^= 1
    let isBadKept = store.put(bad, at: .zero)
    let isOtherKept = store.put(KademliaRecord(key: Array("/other/x".utf8), value: [1]), at: .zero)
    #expect(!isBadKept && !isOtherKept)
    #expect(store.get(good.key, at: .zero)?.value == key.bytes)
  }

  @Test func anAnnouncementInAnothersNameIsNotStored() throws {
    var node = Kademlia(own: try contact(0), mode: .server, seed: 1)
    let (honest, liar) = (try contact(1), try contact(2))
    let message = KademliaMessage(.addProvider, key: [1, 2], providers: [honest])
    #expect(node.respond(to: message, from: liar, at: .zero) == nil)
    #expect(node.providerKeyCount == 0)
    #expect(node.respond(to: message, from: honest, at: .zero) == nil)
    #expect(node.providerKeyCount == 1)
    let question = KademliaMessage(.getProviders, key: [1, 2])
    #expect(node.respond(to: question, from: liar, at: .zero)?.providers.map(\.peer) == [honest.peer])
    node.mode = .client
    #expect(node.respond(to: question, from: liar, at: .zero) == nil)
  }
}
