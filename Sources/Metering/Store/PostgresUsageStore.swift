import ModelInterface
package import Postgres

/// Usage in a PostgreSQL database that several replicas share.
///
/// The database is the authority: a transaction holds the rows of its counters from before it reads them until it has
/// committed, so that no two replicas decide on the same money. A replica puts what comes while one transaction runs into
/// the next (``Meter``), which keeps the number of transactions small however many requests there are.
package final class PostgresUsageStore: UsageStore {
  /// How many events one step of forgetting takes.
  private static let pruneBatch = 10_000

  private let pool: PostgresPool

  /// Usage in a database that was migrated with ``UsageSchema/postgres`` among its own steps.
  package init(_ pool: PostgresPool) {
    self.pool = pool
  }

  package func transact<Result: Sendable>(
    counters: Set<CounterID>, closing: [UsageID],
    _ body: @escaping @Sendable (inout UsageTransaction) -> Result
  ) async throws(UsageStoreError) -> Result {
    let names = counters.sorted()
    return try await describing { (database) throws(PostgresError) in
      let (loaded, open, recovered) = try Self.begin(names, closing, database)
      var transaction = UsageTransaction(counters: loaded, open: open, recovered: recovered)
      let result = body(&transaction)
      try database.execute(
        [
          Self.insertion(of: transaction.reservations), Self.insertion(of: transaction.events),
          Self.saving(transaction),
        ].compactMap { $0 }, areLast: true)
      return result
    }
  }

  package func renewLease(of owner: String, until: UTCTime) async throws(UsageStoreError) {
    try await describing { (database) throws(PostgresError) in
      try database.execute(
        """
        INSERT INTO prsm_usage_owner VALUES ($1, $2::bigint) ON CONFLICT (owner) DO UPDATE SET until = excluded.until
        """, [.text(owner), .integer(until.microseconds)])
      // Of replicas that are long gone nothing is left to be recovered.
      try database.execute(
        """
        DELETE FROM prsm_usage_owner o WHERE o.until < $1::bigint
          AND NOT EXISTS (SELECT 1 FROM prsm_usage_reservation r WHERE r.owner = o.owner)
        """, [.integer(until.microseconds - 7 * 86_400_000_000)])
    }
  }

  package func orphans(
    at time: UTCTime, excluding owner: String, limit: Int
  ) async throws(UsageStoreError) -> [Reservation] {
    try await describing { (database) throws(PostgresError) in
      try database.execute(
        """
        SELECT * FROM prsm_usage_reservation r WHERE r.owner <> $1
          AND NOT EXISTS (SELECT 1 FROM prsm_usage_owner o WHERE o.owner = r.owner AND o.until >= $2::bigint)
        ORDER BY id LIMIT $3::bigint
        """, [.text(owner), .integer(time.microseconds), .integer(Int64(limit))]
      ).rows.map(Self.reservation)
    }
  }

  package func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    try await describing { (database) throws(PostgresError) in
      let rows = try database.execute(
        """
        SELECT scope, span, spent::text, reserved::text FROM prsm_usage_counter
        WHERE (scope, span) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND (spent <> 0 OR reserved <> 0)
        """, Self.parameters(names))
      return Self.counters(rows)
    }
  }

  package func totals(_ query: UsageQuery) async throws(UsageStoreError) -> [UsageTotal] {
    try await describing { (database) throws(PostgresError) in try Self.totals(query, database) }
  }

  package func events(from: UTCTime, to: UTCTime, limit: Int) async throws(UsageStoreError) -> [UsageEvent] {
    try await describing { (database) throws(PostgresError) in
      try database.execute(
        "SELECT * FROM prsm_usage_event WHERE time >= $1::bigint AND time < $2::bigint ORDER BY id LIMIT $3::bigint",
        [.integer(from.microseconds), .integer(to.microseconds), .integer(Int64(limit))]
      ).rows.map(Self.event)
    }
  }

  package func prune(before time: UTCTime) async throws(UsageStoreError) -> Int {
    var count = 0
    while true {
      // In small transactions, each of which is done well within a statement's deadline.
      let pruned = try await describing { (database) throws(PostgresError) in
        try database.execute(
          """
          DELETE FROM prsm_usage_event
          WHERE id IN (SELECT id FROM prsm_usage_event WHERE time < $1::bigint LIMIT \(Self.pruneBatch))
          """, [.integer(time.microseconds)]
        ).changed
      }
      count += pruned
      guard pruned == Self.pruneBatch, !Task.isCancelled else { break }
    }
    try await describing { (database) throws(PostgresError) in
      // Days compare as text; of months only those that have ended are shorter prefixes of earlier days.
      try database.execute(
        "DELETE FROM prsm_usage_counter WHERE span >= '0' AND span < $1 AND span <> $2",
        [.text(time.dayText), .text(time.monthText)])
    }
    return count
  }

  /// The pool belongs to whoever made it, and is closed by them; what is asked of it then throws.
  package func close() async {
    await pool.close()
  }

  @discardableResult
  private func describing<Result: Sendable>(
    _ body: @escaping @Sendable (PostgresTransaction) throws(PostgresError) -> Result
  ) async throws(UsageStoreError) -> Result {
    do throws(PostgresError) {
      return try await pool.transact(body)
    } catch {
      throw UsageStoreError("PostgreSQL: \(error.description)")
    }
  }
}
