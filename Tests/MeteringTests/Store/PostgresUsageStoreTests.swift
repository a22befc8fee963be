import Metering
import ModelInterface
import Postgres
import Synchronization
import TestDatabase
import Testing

/// The account in a real PostgreSQL that several replicas share.
@Suite(.enabled(if: TestDatabase.server != nil, "there is no PostgreSQL: run scripts/with-postgres swift test"))
struct PostgresUsageStoreTests {
  private static func store(_ address: String) async throws -> PostgresUsageStore {
    let pool = PostgresPool(address: address)
    try await pool.migrate(UsageSchema.postgres)
    return PostgresUsageStore(pool)
  }

  private static func empty(_ address: String) async throws {
    let pool = PostgresPool(address: address)
    try await pool.migrate(UsageSchema.postgres)
    try await pool.transact { (database) throws(PostgresError) in
      try database.execute("TRUNCATE prsm_usage_event, prsm_usage_reservation, prsm_usage_counter, prsm_usage_owner")
    }
    await pool.close()
  }

  @Test func replicasKeepTheLawsOfWhatIsShared() async throws {
    try await TestDatabase.with { address in
      try await SharedStoreConformance {
        try await Self.empty(address)
        return { try await Self.store(address) }
      }.verifyAll()
    }
  }

  @Test func postgresKeepsTheLaws() async throws {
    try await TestDatabase.with { address in
      try await UsageStoreConformance {
        try await Self.empty(address)
        return try await Self.store(address)
      }.verifyAll()
    }
  }

  @Test func aConnectionThatIsCutUnderLoadCostsNoMoneyAndCountsNothingTwice() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let store = try await Self.store(address)
      let meter = try await Meter.open(
        store: store, policy: .sample(), options: SharedStoreConformance.options(), now: clock.read)
      let upstream = BillingUpstream()
      let counts = Tally()
      let isDone = Flag()
      try await withThrowingTaskGroup { group in
        group.addTask {
          let killer = PostgresPool(address: address)
          while !isDone.isSet, !Task.isCancelled {
            _ = try? await killer.transact { (database) throws(PostgresError) in
              try database.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'prsm' AND pid <> pg_backend_pid() AND query LIKE '%prsm_usage%' LIMIT 1
                """)
              try database.execute("SELECT pg_sleep(0.02)")
            }
          }
          await killer.close()
        }
        group.addTask {
          await withTaskGroup { workers in
            for worker in 0..<16 {
              workers.addTask {
                var generator = SeededGenerator(seed: UInt64(worker))
                for _ in 0..<60 {
                  guard let grant = await meter.decide(.sample()).grant else { continue }
                  counts.change { $0.granted += 1 }
                  await grant.settle(upstream.serve(grant, &generator))
                }
              }
            }
          }
          await meter.close()
          isDone.set()
        }
        try await group.waitForAll()
      }
      let sums = try #require(try await store.totals(SharedStoreConformance.everything).first)
      #expect(counts.values.granted > 0)
      #expect(sums.requests == counts.values.granted && sums.cost == upstream.bill)
      let node = CounterID(scope: "node:", window: clock.now.monthText)
      #expect(try await store.counters([node])[node] == Counter(spent: sums.cost))
      await store.close()
    }
  }
}

/// Something that one task says and another asks.
private final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .acquiring) }

  func set() { value.store(true, ordering: .releasing) }
}
