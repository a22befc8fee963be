import Foundation
import Postgres
import Storage
import Synchronization
import TestDatabase
import Testing

@testable import Access

/// The laws of ``KeyStore``, for every implementation.
struct KeyStoreConformance: Sendable {
  /// Two stores over one and the same place.
  let stores: (any KeyStore, any KeyStore)

  private func key(_ number: Int, payer: Payer = Payer(), expires: Int? = nil) -> StoredKey {
    let key = APIKey.generate()
    return StoredKey(
      digest: key.digest,
      record: KeyRecord(
        prefix: key.prefix, name: "key \(number) '; --", scopes: [.inference, .admin], created: number,
        expires: expires, payer: payer))
  }

  func verifyAll() async throws {
    let (first, second) = stores
    let stamp = try await second.changeStamp()
    let one = key(1, payer: Payer(user: "ü", project: "p", organization: "o"), expires: 99)
    let two = key(2)
    #expect(try await first.add(one, limit: 10))
    #expect(try await first.add(two, limit: 10))
    #expect(try await second.all() == [two, one], "what one adds the other sees, the newest first and whole")
    let changed = try await second.changeStamp()
    #expect(changed != stamp)
    #expect(try await second.changeStamp() == changed, "nothing has changed")
    #expect(try await second.add(key(3), limit: 2) == false)
    try await second.revoke(one.record.prefix, at: 50)
    try await first.revoke(one.record.prefix, at: 60)
    try await first.revoke("prsm-nobody", at: 60)
    #expect(try await first.all().map(\.record.revoked) == [nil, 50], "the first revocation stays")
    #expect(try await second.changeStamp() != changed)
    await #expect(throws: AccessError.self, "no two keys are the same") { try await first.add(two, limit: 10) }
    #expect(try await first.all().count == 2)
  }
}

@Suite struct KeyStoreTests {
  @Test func sqliteKeepsTheLaws() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/prsm-keys-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let stores = try (0..<2).map { _ in
      SQLiteKeyStore(try Store(path: path + "/prsm.sqlite", migrations: KeyRing.migrations))
    }
    try await KeyStoreConformance(stores: (stores[0], stores[1])).verifyAll()
  }

  @Test(.enabled(if: TestDatabase.server != nil, "there is no PostgreSQL: run scripts/with-postgres swift test"))
  func postgresKeepsTheLaws() async throws {
    try await TestDatabase.with { address in
      let pools = [PostgresPool(address: address), PostgresPool(address: address)]
      for pool in pools { try await pool.migrate(PostgresKeyStore.migrations) }
      try await KeyStoreConformance(stores: (PostgresKeyStore(pools[0]), PostgresKeyStore(pools[1]))).verifyAll()
      for pool in pools { await pool.close() }
    }
  }

  @Test(
    .enabled(if: TestDatabase.server != nil, "there is no PostgreSQL: run scripts/with-postgres swift test"),
    .timeLimit(.minutes(1)))
  func aKeyMadeAtOneReplicaIsGoodAtTheOtherAndStaysSoWithoutTheDatabase() async throws {
    try await TestDatabase.with { address in
      let pools = [PostgresPool(address: address), PostgresPool(address: address)]
      try await pools[0].migrate(PostgresKeyStore.migrations)
      let elapsed = Mutex(Duration.zero)
      let start = ContinuousClock.now
      let rings = pools.map { pool in
        KeyRing(PostgresKeyStore(pool), now: { 1_000 }, clock: { start + elapsed.withLock { $0 } })
      }
      #expect(throws: AccessError.self) { try rings[1].authenticate(APIKey.generate().text) }
      for ring in rings { #expect(try await ring.hasKeys() == false) }
      let (key, record) = try await rings[0].create(name: "x", scopes: [.inference])
      /// Asks until the store, which is asked beside the requests, has answered, or the test's time is over.
      func outcome(
        until isDone: (Result<KeyHolder, AccessError>) -> Bool
      ) async throws -> Result<KeyHolder, AccessError> {
        while true {
          try Task.checkCancellation()
          elapsed.withLock { $0 += .seconds(2) }
          let result: Result<KeyHolder, AccessError>
          do throws(AccessError) { result = .success(try rings[1].authenticate(key.text)) } catch {
            result = .failure(error)
          }
          if isDone(result) { return result }
          await Task.yield()
        }
      }
      #expect(try await outcome { (try? $0.get()) != nil }.get().tenant == record.id)
      await pools[1].close()
      for _ in 0..<3 {
        elapsed.withLock { $0 += .seconds(2) }
        #expect(try rings[1].authenticate(key.text).tenant == record.id, "a database that is away locks nobody out")
      }
      _ = try await rings[0].revoke("x")
      #expect(throws: AccessError.revoked) { try rings[0].authenticate(key.text) }
      await pools[0].close()
    }
  }
}
