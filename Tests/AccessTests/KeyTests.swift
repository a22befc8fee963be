import Foundation
import GRDB
import Storage
import Synchronization
import Testing

@testable import Access

@Suite("API keys")
struct KeyTests {
  /// A store in a folder of its own, and a time of day that tests set.
  private final class Fixture: Sendable {
    let path = FileManager.default.temporaryDirectory.path + "/prsm-keys-\(UUID().uuidString)"
    let time = Mutex(1_000)
    let elapsed = Mutex(Duration.zero)
    let start = ContinuousClock.now

    deinit {
      try? FileManager.default.removeItem(atPath: path)
    }

    func ring() throws -> KeyRing {
      let store = try Store(path: path + "/prsm.sqlite", migrations: KeyRing.migrations)
      return KeyRing(
        store: store, now: { [self] in time.withLock { $0 } },
        clock: { [self] in start + elapsed.withLock { $0 } })
    }
  }

  @Test("a key is recognised by its checksum, and a slip in it is not")
  func checksum() {
    let key = APIKey.generate()
    #expect(APIKey(key.text) != nil)
    #expect(key.text.count == 54)
    var wrong = Array(key.text)
    wrong[20] = wrong[20] == "a" ? "b" : "a"
    #expect(APIKey(String(wrong)) == nil)
    #expect(APIKey(String(key.text.dropLast())) == nil)
    #expect(APIKey("") == nil)
  }

  @Test("no two keys are alike")
  func distinct() {
    #expect(Set((0..<1_000).map { _ in APIKey.generate().text }).count == 1_000)
  }

  @Test("a key that was made is let in, with its scopes, and nothing else is")
  func authentication() async throws {
    let fixture = Fixture()
    let ring = try fixture.ring()
    let (key, record) = try await ring.create(name: "laptop", scopes: [.inference, .metrics])
    let holder = try ring.authenticate(key.text)
    #expect(holder == KeyHolder(tenant: record.id, name: "laptop", scopes: [.inference, .metrics]))
    #expect(throws: AccessError.unknown) { try ring.authenticate(APIKey.generate().text) }
    #expect(throws: AccessError.malformed) { try ring.authenticate("sk-something") }
    #expect(throws: AccessError.malformed) { try ring.authenticate(String(repeating: "x", count: 10_000)) }
    #expect(throws: AccessError.malformed) { try ring.authenticate(record.prefix) }
  }

  @Test("the store never holds the key")
  func storedAsHash() async throws {
    let fixture = Fixture()
    let ring = try fixture.ring()
    let (key, _) = try await ring.create(name: "x", scopes: [.inference])
    for name in try FileManager.default.contentsOfDirectory(atPath: fixture.path) {
      let data = try #require(FileManager.default.contents(atPath: fixture.path + "/" + name))
      #expect(data.firstRange(of: Data(key.text.utf8)) == nil)
    }
  }

  @Test("an expired key is refused from its second on")
  func expiry() async throws {
    let fixture = Fixture()
    let ring = try fixture.ring()
    let (key, _) = try await ring.create(name: "x", scopes: [.inference], lifetime: 10)
    fixture.time.withLock { $0 = 1_009 }
    _ = try ring.authenticate(key.text)
    fixture.time.withLock { $0 = 1_010 }
    #expect(throws: AccessError.expired(1_010)) { try ring.authenticate(key.text) }
    #expect(try await ring.list().first?.state(at: 1_010) == "expired")
  }

  @Test("a revoked key is refused at once, and for good")
  func revocation() async throws {
    let fixture = Fixture()
    let ring = try fixture.ring()
    let (key, record) = try await ring.create(name: "x", scopes: [.inference])
    _ = try ring.authenticate(key.text)
    #expect(try await ring.revoke(record.prefix).revoked == 1_000)
    #expect(throws: AccessError.revoked) { try ring.authenticate(key.text) }
    fixture.time.withLock { $0 = 2_000 }
    #expect(try await ring.revoke("x").revoked == 1_000)
    #expect(throws: AccessError.revoked) { try fixture.ring().authenticate(key.text) }
  }

  @Test("what another process does is noticed within the promised time")
  func otherProcess() async throws {
    let fixture = Fixture()
    let node = try fixture.ring()
    #expect(try await node.hasKeys() == false)
    let command = try fixture.ring()
    let (key, _) = try await command.create(name: "x", scopes: [.inference])
    fixture.elapsed.withLock { $0 += KeyRing.staleness }
    _ = try node.authenticate(key.text)
    _ = try await command.revoke("x")
    fixture.elapsed.withLock { $0 += KeyRing.staleness }
    #expect(throws: AccessError.revoked) { try node.authenticate(key.text) }
  }

  @Test("a name that fits several keys revokes none")
  func ambiguity() async throws {
    let ring = try Fixture().ring()
    _ = try await ring.create(name: "x", scopes: [.inference])
    _ = try await ring.create(name: "x", scopes: [.inference])
    await #expect(throws: AccessError.noSuchKey("x", matches: 2)) { try await ring.revoke("x") }
    await #expect(throws: AccessError.noSuchKey("prsm-", matches: 0)) { try await ring.revoke("prsm-") }
    await #expect(throws: AccessError.noSuchKey("", matches: 0)) { try await ring.revoke("") }
  }

  @Test("a bad name is refused", arguments: ["", "a\nb", String(repeating: "x", count: 101)])
  func badNames(name: String) async throws {
    let ring = try Fixture().ring()
    await #expect(throws: AccessError.badName) { try await ring.create(name: name, scopes: [.inference]) }
  }

  @Test("a key from the configuration is let in without being stored")
  func configured() async throws {
    let ring = try Fixture().ring()
    ring.accept(configured: "a key of another form")
    #expect(try ring.authenticate("a key of another form").name == "configuration")
    #expect(try await ring.list().isEmpty)
    #expect(try await ring.hasKeys())
  }

  @Test("equality in constant time is equality")
  func equality() {
    #expect(constantTimeEqual([1, 2], [1, 2]))
    #expect(!constantTimeEqual([1, 2], [1, 3]))
    #expect(!constantTimeEqual([1], [1, 2]))
    #expect(constantTimeEqual([], []))
  }
}
