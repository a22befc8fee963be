import GRDB
package import Storage

/// Usage in the node's SQLite store.
package final class SQLiteUsageStore: SoleUsageStore {
  private let store: Store

  /// Usage in a store that was opened with ``UsageSchema/migrations`` among its own.
  ///
  /// The guarantees are those of the store: what was written survives `kill -9`; with ``StoreOptions/isDurable`` it survives
  /// a power cut too, and costs a sync of the disk for each group of requests.
  package init(_ store: Store) {
    self.store = store
  }

  package func transact<Result: Sendable>(
    counters: Set<CounterID>, closing: [UsageID],
    _ body: @escaping @Sendable (inout UsageTransaction) -> Result
  ) async throws(UsageStoreError) -> Result {
    try await describing {
      try await self.store.write { database in
        var (open, recovered) = (Set<UsageID>(), Set<UsageID>())
        for id in closing {
          if try Self.delete(id, database) {
            open.insert(id)
          } else if try Self.isRecovered(id, database) {
            recovered.insert(id)
          }
        }
        var transaction = UsageTransaction(
          counters: try Self.counters(counters, database), open: open, recovered: recovered)
        let result = body(&transaction)
        for reservation in transaction.reservations { try Self.insert(reservation, database) }
        try Self.insert(transaction.events, database)
        for name in transaction.changed { try Self.save(transaction.counter(name), name, database) }
        return result
      }
    }
  }

  package func renewLease(of owner: String, until: UTCTime) async throws(UsageStoreError) {
    try await describing {
      try await self.store.write { database in
        try database.execute(
          sql: "INSERT INTO usageOwner VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET until = excluded.until",
          arguments: [owner, until.microseconds])
      }
    }
  }

  package func orphans(
    at time: UTCTime, excluding owner: String, limit: Int
  ) async throws(UsageStoreError) -> [Reservation] {
    try await describing {
      try await self.store.read { database in
        try Row.fetchAll(
          database,
          sql: """
            SELECT * FROM usageReservation WHERE owner <> ? AND owner NOT IN (SELECT owner FROM usageOwner WHERE until >= ?)
            ORDER BY id LIMIT ?
            """, arguments: [owner, time.microseconds, limit]
        ).map(Self.reservation)
      }
    }
  }

  package func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    try await describing {
      try await self.store.read { database in try Self.counters(Set(names), database) }
    }
  }

  package func totals(_ query: UsageQuery) async throws(UsageStoreError) -> [UsageTotal] {
    try await describing {
      try await self.store.read { database in try Self.totals(query, database) }
    }
  }

  package func events(from: UTCTime, to: UTCTime, limit: Int) async throws(UsageStoreError) -> [UsageEvent] {
    try await describing {
      try await self.store.read { database in
        try Row.fetchAll(
          database, sql: "SELECT * FROM usageEvent WHERE time >= ? AND time < ? ORDER BY id LIMIT ?",
          arguments: [from.microseconds, to.microseconds, limit]
        ).map(Self.event)
      }
    }
  }

  package func prune(before time: UTCTime) async throws(UsageStoreError) -> Int {
    try await describing {
      try await self.store.write { database in
        try database.execute(sql: "DELETE FROM usageEvent WHERE time < ?", arguments: [time.microseconds])
        let count = database.changesCount
        // Days compare as text; of months only those that have ended are shorter prefixes of earlier days.
        try database.execute(
          sql: "DELETE FROM usageCounter WHERE window >= '0' AND window < ? AND window <> ?",
          arguments: [time.dayText, time.monthText])
        return count
      }
    }
  }

  package func known(
    _ ids: [UsageID]
  ) async throws(UsageStoreError) -> (recorded: Set<UsageID>, reserved: Set<UsageID>) {
    try await describing {
      try await self.store.read { database in
        func find(_ table: String) throws -> Set<UsageID> {
          let statement = try database.cachedStatement(sql: "SELECT 1 FROM \(table) WHERE id = ?")
          return Set(try ids.filter { try Row.fetchOne(statement, arguments: [$0.text]) != nil })
        }
        return (try find("usageEvent"), try find("usageReservation"))
      }
    }
  }

  package func close() async {
    // Only a statement that still runs can be in the way, and then closing waits for it.
    try? store.close()
  }

  private func describing<Result: Sendable>(
    _ body: @Sendable () async throws -> Result
  ) async throws(UsageStoreError) -> Result {
    do { return try await body() } catch { throw UsageStoreError("\(error)") }
  }
}
