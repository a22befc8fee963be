package import Postgres

/// Keys in a PostgreSQL database that several nodes share.
package struct PostgresKeyStore: KeyStore {
  /// The tables that keys are kept in.
  package static let migrations = [
    PostgresMigration(
      "access-1-keys",
      [
        """
        CREATE TABLE prsm_access_key (
          prefix text COLLATE "C" PRIMARY KEY, digest bytea NOT NULL UNIQUE, name text NOT NULL, scopes text NOT NULL,
          created bigint NOT NULL, expires bigint, revoked bigint, "user" text, project text, organization text,
          number bigserial)
        """,
        "CREATE TABLE prsm_access_change (one boolean PRIMARY KEY DEFAULT true CHECK (one), stamp bigint NOT NULL)",
        "INSERT INTO prsm_access_change (stamp) VALUES (1)",
      ])
  ]

  private let pool: PostgresPool

  /// Keys in a database that was migrated with ``migrations`` among its own steps.
  package init(_ pool: PostgresPool) {
    self.pool = pool
  }

  package func add(_ key: StoredKey, limit: Int) async throws(AccessError) -> Bool {
    let record = key.record
    return try await stored { (database) throws(PostgresError) in
      // Taken first, so that of two that add at once the second counts the first one's key.
      try Self.markChange(database)
      let count = try database.execute("SELECT count(*) FROM prsm_access_key").rows.first?.integer(0) ?? 0
      guard count < limit else { return false }
      try database.execute(
        """
        INSERT INTO prsm_access_key (prefix, digest, name, scopes, created, expires, "user", project, organization)
        VALUES ($1, $2::bytea, $3, $4, $5::bigint, $6::bigint, $7, $8, $9)
        """,
        [
          .text(record.prefix), .bytes(key.digest), .text(record.name), .text(record.scopes.text),
          .integer(Int64(record.created)), .optional(record.expires), .optional(record.payer.user),
          .optional(record.payer.project), .optional(record.payer.organization),
        ])
      return true
    }
  }

  package func all() async throws(AccessError) -> [StoredKey] {
    try await stored { (database) throws(PostgresError) in
      try database.execute("SELECT * FROM prsm_access_key ORDER BY created DESC, number DESC").rows.compactMap { row in
        guard let prefix = row.text("prefix"), let digest = row.bytes("digest") else { return nil }
        return StoredKey(
          digest: digest,
          record: KeyRecord(
            prefix: prefix, name: row.text("name") ?? "", scopes: Set<Scope>(text: row.text("scopes") ?? ""),
            created: Int(row.integer("created") ?? 0), expires: row.integer("expires").map { Int($0) },
            revoked: row.integer("revoked").map { Int($0) },
            payer: Payer(
              user: row.text("user"), project: row.text("project"), organization: row.text("organization"))))
      }
    }
  }

  package func revoke(_ prefix: String, at time: Int) async throws(AccessError) {
    try await stored { (database) throws(PostgresError) in
      try Self.markChange(database)
      try database.execute(
        "UPDATE prsm_access_key SET revoked = $1::bigint WHERE prefix = $2 AND revoked IS NULL",
        [.integer(Int64(time)), .text(prefix)])
    }
  }

  package func changeStamp() async throws(AccessError) -> Int {
    try await stored { (database) throws(PostgresError) in
      Int(try database.execute("SELECT stamp FROM prsm_access_change").rows.first?.integer(0) ?? 0)
    }
  }

  private static func markChange(_ database: PostgresTransaction) throws(PostgresError) {
    try database.execute("UPDATE prsm_access_change SET stamp = stamp + 1")
  }

  private func stored<Value: Sendable>(
    _ body: @escaping @Sendable (PostgresTransaction) throws(PostgresError) -> Value
  ) async throws(AccessError) -> Value {
    do throws(PostgresError) {
      return try await pool.transact(body)
    } catch {
      throw .store("PostgreSQL: \(error.description)")
    }
  }
}
