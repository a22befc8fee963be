import Foundation
import Metering
import ModelInterface
import Storage
import Synchronization
import Testing

@Suite struct MeterTests {
  @Test func aGrantIsSettledOnce() async throws {
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    let grant = try #require(await meter.decide(.sample()).grant)
    await withTaskGroup { group in
      for _ in 0..<20 { group.addTask { await grant.settle(.finished("strong", prompt: 10, completion: 20)) } }
    }
    let events = try await store.all()
    #expect(events.count == 1 && events.first?.cost == Money(micro: 700))
    #expect(events.first?.id == grant.reservation.id && events.first?.provider == "mock")
  }

  @Test func aGrantThatIsWithdrawnLeavesNothing() async throws {
    let store = MemoryUsageStore()
    let account = Account(key: "k1")
    let policy = MeteringPolicy.sample(
      budgets: [Budget(.key, per: .day, limit: Money(micro: 45_000))],
      rates: [RateLimit(.key, .requests, perMinute: 2), RateLimit(.key, .tokens, perMinute: 2_500)])
    let meter = try await Meter.open(store: store, policy: policy, now: TestClock().read)
    // Each takes nearly all of the budget and of the tokens, and half of the requests.
    for _ in 0..<5 { try #require(await meter.decide(.sample(account: account)).grant).withdraw() }
    let grant = try #require(await meter.decide(.sample(account: account)).grant)
    await grant.settle(.finished("strong", prompt: 10, completion: 20))
    grant.withdraw()
    #expect(try await store.all().map(\.cost) == [Money(micro: 700)], "what is settled stays")
    #expect(try await meter.standing(of: account).map(\.reserved) == [.zero])
    #expect(await meter.decide(.sample(account: account, output: 100)).grant != nil, "of two requests one was made")
  }

  @Test func aGrantThatIsLetGoOfCountsAsLost() async throws {
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    do { _ = await meter.decide(.sample()) }
    await meter.close()
    let events = try await store.all()
    #expect(events.map(\.outcome) == [.lost] && events.map(\.cost) == [Money(micro: 40_000)])
  }

  @Test func partsOfOnePieceOfWorkAreEventsOfTheirOwn() async throws {
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    let grant = try #require(await meter.decide(.sample("cascade")).grant)
    let usage = Usage(promptTokens: 100, completionTokens: 10)
    await grant.settle(
      MeteredUse(
        outcome: .finished,
        parts: ["weak", "strong"].map { .init(model: $0, provider: "mock", usage: usage, isExact: true) }))
    #expect(try await store.all().map(\.cost.pico) == [13_000_000, 1_300_000_000])
    #expect(try await meter.standing(of: Account(key: "k1")).isEmpty)
  }

  @Test func anAnswerFromTheCacheCostsNothing() async throws {
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    let grant = try #require(await meter.decide(.sample()).grant)
    await grant.settle(
      MeteredUse(
        outcome: .finished, model: "strong", provider: CachingProvider.name,
        usage: Usage(promptTokens: 100, cachedPromptTokens: 100, completionTokens: 10), isExact: true))
    let event = try #require(try await store.all().first)
    #expect(event.isCacheHit && event.cost == .zero && event.usage.promptTokens == 100)
  }

  @Test func anAnswerThatWasBrokenOffCostsItsPromptToo() async throws {
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    let grant = try #require(await meter.decide(.sample()).grant)
    await grant.settle(
      MeteredUse(
        outcome: .cancelled, model: "strong", provider: "mock", usage: Usage(completionTokens: 10), isExact: false))
    let never = try #require(await meter.decide(.sample()).grant)
    await never.settle(MeteredUse(outcome: .failed, model: nil, provider: nil, usage: Usage(), isExact: false))
    #expect(try await store.all().map(\.cost.pico).sorted() == [0, 1_000 * 10_000_000 + 10 * 30_000_000])
  }

  @Test func whatADeadProcessReservedIsRecoveredAtTheNextStart() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    let policy = MeteringPolicy.sample(budgets: [Budget(.key, per: .day, limit: Money(micro: 100_000))])
    let dead = try await Meter.open(store: store, policy: policy, now: clock.read)
    let left = try #require(await dead.decide(.sample()).grant)
    let done = try #require(await dead.decide(.sample()).grant)
    await done.settle(.finished("strong", prompt: 0, completion: 1))
    let next = try await Meter.open(store: store, policy: policy, now: clock.read)
    let standing = try #require(try await next.standing(of: Account(key: "k1")).first)
    #expect(standing.spent == Money(micro: 40_030) && standing.reserved == .zero)
    #expect(try await store.all().map(\.outcome).sorted { $0.rawValue < $1.rawValue } == [.finished, .lost])

    // The process was not dead after all, only slow: what it really used replaces what was counted.
    await left.settle(.finished("strong", prompt: 100, completion: 100))
    let corrected = try #require(try await next.standing(of: Account(key: "k1")).first)
    #expect(corrected.spent == Money(micro: 4_030))
    #expect(try await store.all().map(\.cost).reduce(.zero, +) == Money(micro: 4_030))
  }

  @Test func lostWorkMayBeCountedAsNothing() async throws {
    let store = MemoryUsageStore()
    let policy = MeteringPolicy.sample(lostCosts: .nothing)
    let dead = try await Meter.open(store: store, policy: policy, now: TestClock().read)
    let grant = await dead.decide(.sample())
    _ = try await Meter.open(store: store, policy: policy, now: TestClock().read)
    #expect(try await store.all().map(\.cost) == [.zero])
    #expect(grant.grant != nil)
  }

  @Test func replicasShareBudgetsAndTakeOverFromTheDead() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    var options = MeterOptions()
    options.isShared = true
    let policy = MeteringPolicy.sample(budgets: [Budget(.key, per: .day, limit: Money(micro: 100_000))])
    let first = try await Meter.open(store: store, policy: policy, options: options, now: clock.read)
    let grant = try #require(await first.decide(.sample()).grant)
    let second = try await Meter.open(store: store, policy: policy, options: options, now: clock.read)
    #expect(try await second.standing(of: Account(key: "k1")).first?.reserved == Money(micro: 40_000))
    let other = try #require(await second.decide(.sample()).grant)
    #expect(await second.decide(.sample()).refusal != nil)
    clock.advance(by: .seconds(61))
    #expect(try await second.recover(allOthers: false) == 1)
    #expect(try await second.standing(of: Account(key: "k1")).first?.spent == Money(micro: 40_000))
    withExtendedLifetime((grant, other)) {}
  }

  @Test func nothingIsGrantedWhileNothingCanBeWritten() async throws {
    let store = FailingStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: TestClock().read)
    let grant = try #require(await meter.decide(.sample()).grant)
    store.isFailing.store(true, ordering: .relaxed)
    guard case .unavailable = await meter.decide(.sample()) else { throw TestFailure("it was granted") }
    await grant.settle(.finished("strong", prompt: 1, completion: 1))
    guard case .unavailable(let reason) = await meter.decide(.sample()) else { throw TestFailure("it was granted") }
    #expect(reason.contains("store"))
    store.isFailing.store(false, ordering: .relaxed)
    await meter.close()
    #expect(try await store.all().count == 1, "what was settled meanwhile is written once the store works again")
  }

  @Test(.timeLimit(.minutes(1))) func aStoreThatWorksAgainIsUsedAgainAlthoughNothingWaitedForIt() async throws {
    let store = FailingStore()
    var options = MeterOptions()
    options.probeInterval = .zero
    let meter = try await Meter.open(store: store, policy: .sample(), options: options, now: TestClock().read)
    store.isFailing.store(true, ordering: .relaxed)
    for _ in 0..<3 {
      guard case .unavailable = await meter.decide(.sample()) else { throw TestFailure("it was granted") }
    }
    store.isFailing.store(false, ordering: .relaxed)
    // Whoever comes while the failure is still being put away is refused; from then on everybody is granted.
    while await meter.decide(.sample()).grant == nil {
      try Task.checkCancellation()
      await Task.yield()
    }
    #expect(await meter.decide(.sample()).grant != nil)
  }

  @Test func openGrantsAreBounded() async throws {
    var options = MeterOptions()
    options.maximumOpen = 3
    let meter = try await Meter.open(
      store: MemoryUsageStore(), policy: .sample(), options: options, now: TestClock().read)
    var grants: [Grant] = []
    for _ in 0..<3 { grants.append(try #require(await meter.decide(.sample()).grant)) }
    guard case .unavailable = await meter.decide(.sample()) else { throw TestFailure("a fourth was granted") }
    await grants[0].settle(.finished("strong", prompt: 1, completion: 1))
    #expect(await meter.decide(.sample()).grant != nil)
  }

  @Test func eventsSurviveTheStoreBeingOpenedAnew() async throws {
    let folder = TemporaryFolder()
    let clock = TestClock()
    let store = try folder.store()
    let meter = try await Meter.open(store: store, policy: .sample(), now: clock.read)
    let grant = try #require(await meter.decide(.sample()).grant)
    let left = try #require(await meter.decide(.sample()).grant)
    await grant.settle(.finished("strong", prompt: 1, completion: 1))
    // A second connection sees what the file holds, as a process after `kill -9` does.
    let again = try folder.store()
    _ = try await Meter.open(store: again, policy: .sample(), now: clock.read)
    let outcomes = try await again.all().map(\.outcome.rawValue)
    #expect(outcomes.sorted() == ["finished", "lost"])
    withExtendedLifetime(left) {}
  }
}

struct TestFailure: Error {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// A store whose disk is full at times.
final class FailingStore: UsageStore {
  let isFailing = Atomic(false)
  private let store = MemoryUsageStore()

  func transact<Result: Sendable>(
    counters: Set<CounterID>, closing: [UsageID], _ body: @escaping @Sendable (inout UsageTransaction) -> Result
  ) async throws(UsageStoreError) -> Result {
    if isFailing.load(ordering: .relaxed) { throw UsageStoreError("the disk is full") }
    return try await store.transact(counters: counters, closing: closing, body)
  }

  func renewLease(of owner: String, until: UTCTime) async throws(UsageStoreError) {
    try await store.renewLease(of: owner, until: until)
  }

  func orphans(at time: UTCTime, excluding owner: String, limit: Int) async throws(UsageStoreError) -> [Reservation] {
    try await store.orphans(at: time, excluding: owner, limit: limit)
  }

  func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    try await store.counters(names)
  }

  func totals(_ query: UsageQuery) async throws(UsageStoreError) -> [UsageTotal] { try await store.totals(query) }

  func events(from: UTCTime, to: UTCTime, limit: Int) async throws(UsageStoreError) -> [UsageEvent] {
    try await store.events(from: from, to: to, limit: limit)
  }

  func prune(before time: UTCTime) async throws(UsageStoreError) -> Int { try await store.prune(before: time) }

  func close() async {}

  @Test func aReportThatCannotBeCountsAsWhatWasSetAside() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: clock.read)
    let lied = try #require(await meter.decide(.sample()).grant)
    await lied.settle(.finished("strong", prompt: 10, completion: 1 << 30))
    let long = try #require(await meter.decide(.sample()).grant)
    await long.settle(.finished("strong", prompt: 3_000, completion: 2_000))
    let events = try await store.all()
    #expect(events.map(\.cost).sorted() == [Money(micro: 40_000), Money(micro: 90_000)])
    #expect(events.count { $0.isExact } == 1, "what merely exceeds the estimate is believed")
  }

  @Test func ofAReportThatCannotBeNoMoreThanWhatWasSeenIsBilled() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: clock.read)
    for seen in [0, 3, 1 << 20] {
      let lied = try #require(await meter.decide(.sample()).grant)
      var use = MeteredUse.finished("strong", prompt: 10, completion: 1 << 30)
      use.parts[0].seen = seen
      await lied.settle(use)
      clock.advance(by: .seconds(1))
    }
    let honest = try #require(await meter.decide(.sample()).grant)
    var use = MeteredUse.finished("strong", prompt: 10, completion: 500)
    use.parts[0].seen = 3
    await honest.settle(use)
    let events = try await store.all()
    #expect(
      events.map(\.usage.completionTokens) == [0, 3, 1_000, 500], "tokens of hidden reasoning are not seen to arrive")
    #expect(events.map(\.usage.promptTokens) == [1_000, 1_000, 1_000, 10])
    #expect(events.map(\.isExact) == [false, false, false, true])
  }

  @Test func whatWasCheckedAlreadyIsNotDoubted() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    let meter = try await Meter.open(store: store, policy: .sample(), now: clock.read)
    let long = try #require(await meter.decide(.sample()).grant)
    var use = MeteredUse.finished("strong", prompt: 10, completion: 90_000)
    #expect(long.doubts(use))
    use.parts[0].isChecked = true
    #expect(!long.doubts(use))
    await long.settle(use)
    #expect(try await store.all().map(\.usage.completionTokens) == [90_000])
  }
}
