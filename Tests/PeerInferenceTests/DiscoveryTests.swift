import Multiformats
import PeerProtocols
import PeerServices
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct DiscoveryTests {
  /// Runs services while `body` does its work.
  private func running(
    _ services: [@Sendable () async -> Void], _ body: @escaping @Sendable () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for service in services { group.addTask { await service() } }
      try await body()
      group.cancelAll()
    }
  }

  @Test func whatOneAnnouncesAnotherFinds() async throws {
    let network = MemoryNetwork()
    let tables = try (1...8).map { number in
      let host = try network.host(UInt8(number))
      return KademliaService(
        host: host, protocolName: KademliaMessage.localProtocol, mode: .server, seed: UInt64(number))
    }
    let key = Multihash(sha256: KeyHash.sha256([42]))
    let first = try #require(tables.first)
    let last = try #require(tables.last)
    try await running(tables.map { table in { await table.run() } }) {
      try await until {
        network.identifyAll()
        return tables.allSatisfy { $0.peerCount == 7 }
      }
      #expect(try await first.provide(key) == 7)
      var found: [PeerID] = []
      let directory = CombinedDirectory([last])
      for await contact in directory.providers(of: key, limit: 4, deadline: .now + .seconds(10)) {
        found.append(contact.peer)
        break
      }
      #expect(found == [try PeerID(publicKey: Self.key(1), sha256: KeyHash.sha256)])
      let peer = try PeerID(publicKey: Self.key(5), sha256: KeyHash.sha256)
      #expect(try await last.find(peer).peer == peer)
      let nobody = try PeerID(publicKey: Self.key(99), sha256: KeyHash.sha256)
      await #expect(throws: PeerError.self) { try await last.find(nobody) }
    }
  }

  private static func key(_ number: UInt8) -> PeerPublicKey {
    PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: number, count: 32))
  }

  @Test func aRecordIsStoredAndFoundAgain() async throws {
    let network = MemoryNetwork()
    let tables = try (1...4).map { number in
      let host = try network.host(UInt8(number))
      return KademliaService(
        host: host, protocolName: KademliaMessage.publicProtocol, mode: .server, seed: UInt64(number))
    }
    try await running(tables.map { table in { await table.run() } }) {
      try await until {
        network.identifyAll()
        return tables.allSatisfy { $0.peerCount == 3 }
      }
      let key = Self.key(1)
      let peer = try PeerID(publicKey: key, sha256: KeyHash.sha256)
      let record = KademliaRecord(key: Array("/pk/".utf8) + peer.bytes, value: key.bytes)
      #expect(try await tables[0].put(record) == 3)
      #expect(try await tables[2].value(of: record.key)?.value == key.bytes)
    }
  }

  @Test func everybodyWhoFollowsATopicHears() async throws {
    let network = MemoryNetwork()
    let services = try (1...6).map { number in
      GossipService(host: try network.host(UInt8(number)), firstSequence: 1, seed: UInt64(number))
    }
    let heard = Mutex<[Int: [[UInt8]]]>([:])
    for (index, service) in services.enumerated() {
      service.follow("news") { message in
        message.data.count < 100 ? .accept : .reject
      } deliver: { message in
        heard.withLock { $0[index, default: []].append(message.data) }
      }
    }
    try await running(services.map { service in { await service.run() } }) {
      try await until {
        network.identifyAll()
        return services.allSatisfy { $0.peers(of: "news").count == 5 }
      }
      try services[0].publish([1, 2, 3], topic: "news")
      try await until { (1..<6).allSatisfy { index in heard.withLock { $0[index] == [[1, 2, 3]] } } }
      #expect(throws: PeerError.self) {
        try services[0].publish([UInt8](repeating: 0, count: GossipService.maximumData + 1), topic: "news")
      }
    }
  }
}
