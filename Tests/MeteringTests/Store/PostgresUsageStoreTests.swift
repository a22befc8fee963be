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

  private static func options(lease: Duration = .seconds(60)) -> MeterOptions {
    var options = MeterOptions()
    options.isShared = true
    options.lease = lease
    return options
  }

  @Test func postgresKeepsTheLaws() async throws {
    try await TestDatabase.with { address in
      try await UsageStoreConformance {
        let pool = PostgresPool(address: address)
        try await pool.migrate(UsageSchema.postgres)
        try await pool.transact { (database) throws(PostgresError) in
          try database.execute(
            "TRUNCATE prsm_usage_event, prsm_usage_reservation, prsm_usage_counter, prsm_usage_owner")
        }
        return PostgresUsageStore(pool)
      }.verifyAll()
    }
  }

  @Test func twoReplicasNeverSpendMoreThanThereIs() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let limit = Money(micro: 2_000_000)
      let policy = MeteringPolicy.sample(budgets: [
        Budget(.node, per: .month, limit: limit), Budget(.key, per: .day, limit: Money(micro: 500_000)),
      ])
      let upstream = BillingUpstream()
      let counts = Tally()
      let stores = [try await Self.store(address), try await Self.store(address)]
      try await withThrowingTaskGroup { group in
        for (replica, store) in stores.enumerated() {
          let meter = try await Meter.open(store: store, policy: policy, options: Self.options(), now: clock.read)
          for worker in 0..<24 {
            group.addTask {
              var generator = SeededGenerator(seed: UInt64(replica * 100 + worker))
              for _ in 0..<40 {
                let account = Account(key: "key\(Int.random(in: 0..<6, using: &generator))")
                let request = MeteredRequest.sample(
                  account: account, prompt: Int.random(in: 1...2_000, using: &generator),
                  output: Int.random(in: 1...500, using: &generator))
                guard let grant = await meter.decide(request).grant else {
                  counts.change { $0.refused += 1 }
                  continue
                }
                counts.change { $0.granted += 1 }
                await grant.settle(upstream.serve(grant, &generator))
              }
            }
          }
        }
        try await group.waitForAll()
      }
      let sums = try #require(try await stores[0].totals(Self.everything).first)
      #expect(sums.requests == counts.values.granted && counts.values.refused > 0)
      #expect(sums.cost == upstream.bill && sums.cost <= limit)
      let node = CounterID(scope: "node:", window: clock.now.monthText)
      #expect(try await stores[1].counters([node])[node] == Counter(spent: sums.cost))
      for store in stores { await store.close() }
    }
  }

  @Test func ratesHoldForAllReplicasTogether() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let policy = MeteringPolicy.sample(rates: [RateLimit(.node, .requests, perMinute: 30)])
      var granted = 0
      for _ in 0..<2 {
        let store = try await Self.store(address)
        let meter = try await Meter.open(store: store, policy: policy, options: Self.options(), now: clock.read)
        for _ in 0..<40 {
          guard let grant = await meter.decide(.sample("local")).grant else { continue }
          granted += 1
          await grant.settle(.finished("local", prompt: 1, completion: 1))
        }
        await meter.close()
        await store.close()
      }
      #expect(granted == 30)
    }
  }

  @Test func whatADeadReplicaLeftBehindIsRecoveredWhenItsLeaseIsOver() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let limit = Money(micro: 200_000)
      let policy = MeteringPolicy.sample(budgets: [Budget(.node, per: .day, limit: limit)])
      let dying = try await Self.store(address)
      let surviving = try await Self.store(address)
      let dead = try await Meter.open(store: dying, policy: policy, options: Self.options(), now: clock.read)
      let alive = try await Meter.open(store: surviving, policy: policy, options: Self.options(), now: clock.read)
      // Each takes 0.04: four by the one that dies, and one by the one that stays; there is room for five.
      var lost: [Grant] = []
      for _ in 0..<4 { lost.append(try #require(await dead.decide(.sample()).grant)) }
      let own = try #require(await alive.decide(.sample()).grant)
      #expect(await alive.decide(.sample()).grant == nil, "what is in flight elsewhere counts")
      // It dies: nothing that it does afterwards reaches the database.
      await dying.close()
      #expect(try await alive.recover(allOthers: false) == 0, "its lease still holds")
      await own.settle(.finished("strong", prompt: 1_000, completion: 1_000))
      clock.advance(by: .seconds(61))
      #expect(try await alive.recover(allOthers: false) == 4)
      let events = try await surviving.all()
      #expect(events.count { $0.outcome == .lost } == 4 && events.count == 5)
      let node = CounterID(scope: "node:", window: clock.now.dayText)
      #expect(try await surviving.counters([node])[node] == Counter(spent: limit))
      await surviving.close()
      withExtendedLifetime(lost) {}
    }
  }

  @Test func twoThatRecoverAtOnceCountWhatWasLostOnce() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let policy = MeteringPolicy.sample()
      let dying = try await Self.store(address)
      let dead = try await Meter.open(store: dying, policy: policy, options: Self.options(), now: clock.read)
      var lost: [Grant] = []
      for _ in 0..<20 { lost.append(try #require(await dead.decide(.sample()).grant)) }
      await dying.close()
      let stores = [try await Self.store(address), try await Self.store(address)]
      var meters: [Meter] = []
      for store in stores {
        meters.append(try await Meter.open(store: store, policy: policy, options: Self.options(), now: clock.read))
      }
      clock.advance(by: .seconds(61))
      try await withThrowingTaskGroup { group in
        for meter in meters { group.addTask { _ = try await meter.recover(allOthers: false) } }
        try await group.waitForAll()
      }
      let events = try await stores[0].all()
      #expect(events.count == 20 && events.allSatisfy { $0.outcome == .lost })
      let node = CounterID(scope: "node:", window: clock.now.dayText)
      #expect(try await stores[0].counters([node])[node] == Counter(spent: Money(micro: 20 * 40_000)))
      for store in stores { await store.close() }
      withExtendedLifetime(lost) {}
    }
  }

  @Test func aConnectionThatIsCutUnderLoadCostsNoMoneyAndCountsNothingTwice() async throws {
    try await TestDatabase.with { address in
      let clock = TestClock()
      let store = try await Self.store(address)
      let meter = try await Meter.open(store: store, policy: .sample(), options: Self.options(), now: clock.read)
      let upstream = BillingUpstream()
      let counts = Tally()
      let isDone = Flag()
      try await withThrowingTaskGroup { group in
        group.addTask {
          let killer = PostgresPool(address: address)
          while !isDone.isSet {
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
      let sums = try #require(try await store.totals(Self.everything).first)
      #expect(counts.values.granted > 0)
      #expect(sums.requests == counts.values.granted && sums.cost == upstream.bill)
      let node = CounterID(scope: "node:", window: clock.now.monthText)
      #expect(try await store.counters([node])[node] == Counter(spent: sums.cost))
      await store.close()
    }
  }

  private static let everything = UsageQuery(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), by: [])
}

/// Something that one task says and another asks.
private final class Flag: Sendable {
  private let value = Atomic(false)

  var isSet: Bool { value.load(ordering: .acquiring) }

  func set() { value.store(true, ordering: .releasing) }
}
