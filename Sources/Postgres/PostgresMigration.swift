/// A step that brings the tables of one room up to date. Runs once in the life of a database.
package struct PostgresMigration: Sendable {
  /// Unique among all rooms, and never changed: `metering-1-usage`.
  package let name: String
  /// Statements without parameters.
  package let statements: [String]

  /// A step.
  package init(_ name: String, _ statements: [String]) {
    self.name = name
    self.statements = statements
  }
}

extension PostgresPool {
  /// Distinguishes prsm's lock from those of other programs in the same database.
  private static let lock: Int64 = 0x7072_736D_6D69_6772

  /// Brings the tables up to date, all steps or none. Of several replicas that start at once, one does it and the others
  /// wait, by an advisory lock that goes with the transaction.
  ///
  /// - Throws: ``PostgresError``; of kind `newerSchema` where steps were taken that are not among these.
  package func migrate(_ migrations: [PostgresMigration]) async throws(PostgresError) {
    try await transact { (transaction) throws(PostgresError) in
      try transaction.execute("SELECT pg_advisory_xact_lock($1::bigint)", [.integer(Self.lock)])
      try transaction.execute(
        """
        CREATE TABLE IF NOT EXISTS prsm_migration (
          name text COLLATE "C" PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())
        """)
      let done = Set(try transaction.execute("SELECT name FROM prsm_migration").rows.compactMap { $0.text(0) })
      guard done.isSubset(of: Set(migrations.map(\.name))) else {
        throw PostgresError(
          .newerSchema,
          "the database was changed by a newer version of prsm; use that version, or another database")
      }
      for migration in migrations where !done.contains(migration.name) {
        for statement in migration.statements { try transaction.execute(statement) }
        try transaction.execute("INSERT INTO prsm_migration (name) VALUES ($1)", [.text(migration.name)])
      }
    }
  }
}
