import Foundation
import GRDB
package import Storage

/// Keys in the node's SQLite store.
package struct SQLiteKeyStore: LocalKeyStore {
  private let store: Store

  /// Keys in a store that was opened with ``KeyRing/migrations`` among its own.
  package init(_ store: Store) {
    self.store = store
  }

  package func add(_ key: StoredKey, limit: Int) async throws(AccessError) -> Bool {
    let record = key.record
    return try await stored {
      try await store.write { database in
        let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM accessKey") ?? 0
        guard count < limit else { return false }
        try database.execute(
          sql: """
            INSERT INTO accessKey (prefix, digest, name, scopes, created, expires, user, project, organization)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
          arguments: [
            record.prefix, Data(key.digest), record.name, record.scopes.text, record.created, record.expires,
            record.payer.user, record.payer.project, record.payer.organization,
          ])
        return true
      }
    }
  }

  package func all() async throws(AccessError) -> [StoredKey] {
    try await stored { try await store.read(Self.all) }
  }

  package func allNow() throws(AccessError) -> [StoredKey] {
    do { return try store.readBlocking(Self.all) } catch { throw .store("\(error)") }
  }

  package func revoke(_ prefix: String, at time: Int) async throws(AccessError) {
    try await stored {
      try await store.write { database in
        try database.execute(
          sql: "UPDATE accessKey SET revoked = ? WHERE prefix = ? AND revoked IS NULL", arguments: [time, prefix])
      }
    }
  }

  package func changeStamp() async throws(AccessError) -> Int { try changeStampNow() }

  package func changeStampNow() throws(AccessError) -> Int {
    do { return try store.changeStamp() } catch { throw .store("\(error)") }
  }

  private static func all(_ database: Database) throws -> [StoredKey] {
    try Row.fetchAll(database, sql: "SELECT * FROM accessKey ORDER BY created DESC, rowid DESC").map { row in
      let digest: Data = row["digest"]
      let scopes: String = row["scopes"]
      return StoredKey(
        digest: [UInt8](digest),
        record: KeyRecord(
          prefix: row["prefix"], name: row["name"], scopes: Set<Scope>(text: scopes), created: row["created"],
          expires: row["expires"], revoked: row["revoked"],
          payer: Payer(user: row["user"], project: row["project"], organization: row["organization"])))
    }
  }

  private func stored<Value>(_ body: () async throws -> Value) async throws(AccessError) -> Value {
    do { return try await body() } catch { throw .store("\(error)") }
  }
}
