import Metering
import ModelInterface
import Testing

/// The laws of ``UsageStore``, for every implementation. Each law gets an empty store of its own.
struct UsageStoreConformance: Sendable {
  let makeStore: @Sendable () async throws -> any UsageStore

  static let account = Account(key: "k", user: nil, project: "p", organization: "o'; --")

  static func reservation(_ number: Int, owner: String = "a", cost: Int128 = 5) -> Reservation {
    let time = UTCTime(seconds: 1_795_521_600 + Int64(number))
    return Reservation(
      id: UsageID(time: time, random: (0, UInt64(number))), owner: owner, time: time, requestID: "r\(number)",
      account: account, model: "m", bound: Usage(promptTokens: 3, completionTokens: 4), cost: Money(pico: cost))
  }

  static func event(_ number: Int, cost: Int128 = 5, outcome: UsageEvent.Outcome = .finished) -> UsageEvent {
    let base = reservation(number)
    return UsageEvent(
      id: base.id, time: base.time, requestID: base.requestID, account: account,
      model: number % 2 == 0 ? "even" : "odd",
      provider: "p",
      usage: Usage(promptTokens: 10, cachedPromptTokens: 2, completionTokens: 5, reasoningTokens: 1),
      cost: Money(pico: cost), outcome: outcome, latency: 1_000, isCacheHit: number % 3 == 0, isExact: true)
  }

  static let counter = CounterID(scope: "key:k", window: "2026-11")

  func verifyAll() async throws {
    try await countersAreSumsOfSerialTransactions()
    try await aReservationIsClosedOnce()
    try await anEventIsWrittenOnceAndReadBackWhole()
    try await orphansAreThoseOfOwnersWithoutALease()
    try await totalsEqualTheSumsOfEvents()
    try await pruningForgetsWhatIsOlder()
    try await sumsBeyond64BitsAreExact()
    try await aClosedStoreThrows()
  }

  func countersAreSumsOfSerialTransactions() async throws {
    let store = try await makeStore()
    try await withThrowingTaskGroup { group in
      for task in 0..<8 {
        group.addTask {
          for step in 0..<25 {
            _ = try await store.transact(counters: [Self.counter], closing: []) { transaction in
              let before = transaction.counter(Self.counter).spent
              transaction.change(Self.counter) {
                $0.spent = before + Money(pico: Int128(task * 100 + step))
                $0.reserved += Money(pico: 1)
              }
              return before
            }
          }
        }
      }
      try await group.waitForAll()
    }
    let sum = (0..<8).flatMap { task in (0..<25).map { task * 100 + $0 } }.reduce(0, +)
    let counters = try await store.counters([Self.counter, CounterID(scope: "key:none", window: "x")])
    #expect(counters[Self.counter] == Counter(spent: Money(pico: Int128(sum)), reserved: Money(pico: 200)))
    #expect(counters.count == 1)
    await store.close()
  }

  func aReservationIsClosedOnce() async throws {
    let store = try await makeStore()
    let (first, second) = (Self.reservation(1), Self.reservation(2))
    try await store.transact(counters: [], closing: []) { $0.reservations = [first, second] }
    func close() async throws -> (Set<UsageID>, Set<UsageID>) {
      try await store.transact(counters: [], closing: [first.id]) { transaction in
        transaction.events = [Self.event(1, outcome: .lost)]
        return (transaction.open, transaction.recovered)
      }
    }
    #expect(try await close() == ([first.id], []))
    #expect(try await close() == ([], [first.id]), "it was counted as lost, and the store says so")
    let left = try await store.orphans(at: UTCTime(microseconds: .max), excluding: "", limit: 10)
    #expect(left == [second])
    await store.close()
  }

  func anEventIsWrittenOnceAndReadBackWhole() async throws {
    let store = try await makeStore()
    let event = Self.event(1)
    var other = Self.event(1)
    other.cost = Money(pico: 1_000)
    let events = [event, other]
    try await store.transact(counters: [], closing: []) { $0.events = events }
    try await store.transact(counters: [], closing: []) { $0.events = events }
    #expect(try await store.all() == [event])
    await store.close()
  }

  func orphansAreThoseOfOwnersWithoutALease() async throws {
    let store = try await makeStore()
    let all = [
      Self.reservation(1, owner: "a"), Self.reservation(2, owner: "b"), Self.reservation(3, owner: "c"),
      Self.reservation(4, owner: "me"),
    ]
    try await store.transact(counters: [], closing: []) { $0.reservations = all }
    try await store.renewLease(of: "a", until: UTCTime(seconds: 100))
    try await store.renewLease(of: "b", until: UTCTime(seconds: 100))
    try await store.renewLease(of: "b", until: UTCTime(seconds: 300))
    func owners(_ seconds: Int64, limit: Int = 10) async throws -> [String] {
      try await store.orphans(at: UTCTime(seconds: seconds), excluding: "me", limit: limit).map(\.owner)
    }
    #expect(try await owners(50) == ["c"])
    #expect(try await owners(200) == ["a", "c"])
    #expect(try await owners(400) == ["a", "b", "c"])
    #expect(try await owners(400, limit: 2) == ["a", "b"])
    await store.close()
  }

  func totalsEqualTheSumsOfEvents() async throws {
    let store = try await makeStore()
    let events = (0..<60).map { number in
      var event = Self.event(number * 1_800, cost: Int128(number) * 1_000_003)
      if number % 5 == 0 { event.account.project = nil }
      if number % 7 == 0 { event.outcome = .cancelled }
      return event
    }
    try await store.transact(counters: [], closing: []) { $0.events = events }
    let (from, to) = (UTCTime(seconds: 1_795_521_600 + 3_600), UTCTime(seconds: 1_795_521_600 + 80_000))
    let chosen = events.filter { $0.time >= from && $0.time < to }
    let groupings: [Set<UsageQuery.Dimension>] = [
      [], [.hour], [.day, .model], [.project], [.key, .user, .organization, .provider, .outcome],
    ]
    for dimensions in groupings {
      let found = try await store.totals(UsageQuery(from: from, to: to, by: dimensions))
      #expect(found == UsageTotal.sums(of: chosen, by: dimensions), "\(dimensions)")
    }
    let scope = BudgetScope(level: .project, name: "p")
    let ofProject = try await store.totals(UsageQuery(from: from, to: to, by: [], of: scope))
    #expect(ofProject == UsageTotal.sums(of: chosen.filter { $0.account.project == "p" }, by: []))
    #expect(try await store.totals(UsageQuery(from: to, to: to, by: [])).isEmpty)
    await store.close()
  }

  func pruningForgetsWhatIsOlder() async throws {
    let store = try await makeStore()
    let windows = ["2026-10", "2026-11", "2026-10-31", "2026-11-23", "2026-11-24", "requests"]
    let names = windows.map { CounterID(scope: "key:k", window: $0) }
    try await store.transact(counters: [], closing: []) { transaction in
      transaction.events = [Self.event(0), Self.event(86_400)]
      for name in names { transaction.change(name) { $0.spent = Money(pico: 1) } }
    }
    #expect(try await store.prune(before: UTCTime(seconds: 1_795_521_600 + 43_200)) == 1)
    #expect(try await store.all().map(\.requestID) == ["r86400"])
    let left = try await store.counters(names).keys.map(\.window).sorted()
    #expect(left == ["2026-11", "requests"])
    await store.close()
  }

  func sumsBeyond64BitsAreExact() async throws {
    let store = try await makeStore()
    let huge = Int128(Int64.max)
    try await store.transact(counters: [Self.counter], closing: []) { transaction in
      transaction.events = [Self.event(1, cost: huge), Self.event(2, cost: huge), Self.event(3, cost: -1)]
      transaction.change(Self.counter) { $0.spent = Money(pico: huge * 1_000_000) }
    }
    let totals = try await store.totals(
      UsageQuery(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), by: []))
    #expect(totals.first?.cost == Money(pico: huge * 2 - 1))
    #expect(try await store.counters([Self.counter])[Self.counter]?.spent == Money(pico: huge * 1_000_000))
    await store.close()
  }

  func aClosedStoreThrows() async throws {
    let store = try await makeStore()
    await store.close()
    await #expect(throws: UsageStoreError.self) { try await store.counters([Self.counter]) }
  }
}
