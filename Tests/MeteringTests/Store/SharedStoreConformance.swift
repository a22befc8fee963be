import Metering
import ModelInterface
import Testing

/// The laws of budgets, rates and recovery, for every store that several replicas share.
struct SharedStoreConformance: Sendable {
  /// Opens one more store over the same place.
  typealias Opener = @Sendable () async throws -> any UsageStore

  /// Makes an empty place, and gives what opens stores over it.
  let makePlace: @Sendable () async throws -> Opener

  func verifyAll() async throws {
    try await twoReplicasNeverSpendMoreThanThereIs()
    try await ratesHoldForAllReplicasTogether()
    try await whatADeadReplicaLeftBehindIsRecoveredWhenItsLeaseIsOver()
    try await twoThatRecoverAtOnceCountWhatWasLostOnce()
  }

  static let everything = UsageQuery(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), by: [])

  static func options(lease: Duration = .seconds(60)) -> MeterOptions {
    var options = MeterOptions()
    options.isShared = true
    options.lease = lease
    return options
  }

  func twoReplicasNeverSpendMoreThanThereIs() async throws {
    let makeStore = try await makePlace()
    let clock = TestClock()
    let limit = Money(micro: 2_000_000)
    let policy = MeteringPolicy.sample(budgets: [
      Budget(.node, per: .month, limit: limit), Budget(.key, per: .day, limit: Money(micro: 500_000)),
    ])
    let upstream = BillingUpstream()
    let counts = Tally()
    let stores = [try await makeStore(), try await makeStore()]
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

  func ratesHoldForAllReplicasTogether() async throws {
    let makeStore = try await makePlace()
    let clock = TestClock()
    let policy = MeteringPolicy.sample(rates: [RateLimit(.node, .requests, perMinute: 30)])
    var granted = 0
    for _ in 0..<2 {
      let store = try await makeStore()
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

  func whatADeadReplicaLeftBehindIsRecoveredWhenItsLeaseIsOver() async throws {
    let makeStore = try await makePlace()
    let clock = TestClock()
    let limit = Money(micro: 200_000)
    let policy = MeteringPolicy.sample(budgets: [Budget(.node, per: .day, limit: limit)])
    let dying = try await makeStore()
    let surviving = try await makeStore()
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

  func twoThatRecoverAtOnceCountWhatWasLostOnce() async throws {
    let makeStore = try await makePlace()
    let clock = TestClock()
    let policy = MeteringPolicy.sample()
    let dying = try await makeStore()
    let dead = try await Meter.open(store: dying, policy: policy, options: Self.options(), now: clock.read)
    var lost: [Grant] = []
    for _ in 0..<20 { lost.append(try #require(await dead.decide(.sample()).grant)) }
    await dying.close()
    let stores = [try await makeStore(), try await makeStore()]
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
