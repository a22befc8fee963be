package import ModelInterface
package import Postgres

/// Answers that several nodes keep together, behind the cache that each has in memory. Exact matches only. A database that is
/// away costs answers, and never a request.
package struct PostgresAnswers: Sendable {
  /// The table that answers are kept in. It is not logged: after a crash of the server it is empty.
  package static let migrations = [
    PostgresMigration(
      "metering-2-answers",
      [
        """
        CREATE UNLOGGED TABLE prsm_answer (
          key bytea PRIMARY KEY, tenant text NOT NULL, model text NOT NULL, events text NOT NULL, size bigint NOT NULL,
          until bigint NOT NULL)
        """,
        "CREATE INDEX prsm_answer_until ON prsm_answer (until)",
      ]),
    PostgresMigration(
      "metering-3-answer-purges",
      [
        "CREATE TABLE prsm_answer_purge (count bigint NOT NULL)",
        "INSERT INTO prsm_answer_purge VALUES (0)",
      ]),
  ]

  private let pool: PostgresPool

  /// Answers in a database that was migrated with ``migrations`` among its own steps.
  package init(_ pool: PostgresPool) {
    self.pool = pool
  }

  /// The events of the answer to an equal request, and how much longer they are good; nil where there is none that still is,
  /// and where the database is away.
  package func find(_ key: CacheKey, at time: UTCTime) async -> (events: [GenerationEvent], lifetime: Duration)? {
    guard pool.failure == nil else { return nil }
    do throws(PostgresError) {
      let rows = try await pool.transact { (database) throws(PostgresError) in
        try database.execute(
          "SELECT events, until FROM prsm_answer WHERE key = $1::bytea AND until > $2::bigint",
          [.bytes(key.digest), .integer(time.microseconds)])
      }
      guard let row = rows.rows.first, let until = row.integer(1), let events = row.text(0).flatMap(AnswerCoding.events)
      else { return nil }
      return (events, UTCTime(microseconds: until).since(time))
    } catch {
      return nil
    }
  }

  /// Keeps a whole answer until that time.
  package func keep(
    _ events: [GenerationEvent], _ key: CacheKey, tenant: String, model: String, until: UTCTime, maximumSize: Int
  ) async {
    guard pool.failure == nil, case .started = events.first, case .finished(let completion) = events.last,
      completion.reason != .contentFilter
    else { return }
    let text = AnswerCoding.text(events)
    guard text.utf8.count <= maximumSize else { return }
    _ = try? await pool.transact { (database) throws(PostgresError) in
      try database.execute(
        """
        INSERT INTO prsm_answer VALUES ($1::bytea, $2, $3, $4, $5::bigint, $6::bigint)
        ON CONFLICT (key) DO UPDATE SET events = excluded.events, size = excluded.size, until = excluded.until
        """,
        [
          .bytes(key.digest), .text(tenant), .text(model), .text(text), .integer(Int64(text.utf8.count)),
          .integer(until.microseconds),
        ])
    }
  }

  /// Forgets what is no longer good and, beyond so many bytes, what will be good for the shortest time.
  ///
  /// - Throws: ``PostgresError``.
  package func trim(at time: UTCTime, maximumBytes: Int) async throws(PostgresError) {
    try await pool.transact { (database) throws(PostgresError) in
      try database.execute("DELETE FROM prsm_answer WHERE until <= $1::bigint", [.integer(time.microseconds)])
      try database.execute(
        """
        DELETE FROM prsm_answer WHERE key IN (
          SELECT key FROM (SELECT key, sum(size) OVER (ORDER BY until DESC, key) AS total FROM prsm_answer) AS sums
          WHERE total > $1::bigint)
        """, [.integer(Int64(maximumBytes))])
    }
  }

  /// How many purges there have been; nil where the database is away. Nodes that see it change forget what they have in
  /// memory.
  ///
  /// - Throws: ``PostgresError``.
  package func purges() async throws(PostgresError) -> Int64? {
    guard pool.failure == nil else { return nil }
    return try await pool.transact { (database) throws(PostgresError) in
      try database.execute("SELECT count FROM prsm_answer_purge").rows.first?.integer(0)
    }
  }

  /// Forgets answers: those of a tenant, of a model, of both, or all.
  ///
  /// - Returns: how many.
  /// - Throws: ``PostgresError``.
  package func purge(tenant: String? = nil, model: String? = nil) async throws(PostgresError) -> Int {
    try await pool.transact { (database) throws(PostgresError) in
      try database.execute("UPDATE prsm_answer_purge SET count = count + 1")
      return try database.execute(
        "DELETE FROM prsm_answer WHERE ($1::text IS NULL OR tenant = $1) AND ($2::text IS NULL OR model = $2)",
        [.optional(tenant), .optional(model)]
      ).changed
    }
  }
}
