import Foundation
import ModelInterface
import Testing

@testable import Metering

/// What a meter with a journal still knows after it has died at any moment.
@Suite(.timeLimit(.minutes(1))) struct JournalTests {
  /// A meter whose events reach the store only when it is told so.
  private static func meter(
    _ folder: TemporaryFolder, _ store: SQLiteUsageStore, policy: MeteringPolicy = .sample(), clock: TestClock
  ) async throws -> Meter {
    var options = MeterOptions()
    options.journal = folder.path + "/journal"
    options.flushInterval = .seconds(3_600)
    return try await Meter.open(store: store, policy: policy, options: options, now: clock.read)
  }

  private static func granted(_ meter: Meter, _ request: MeteredRequest = .sample()) async throws -> Grant {
    try #require(await meter.decide(request).grant)
  }

  @Test func afterTheFirstRequestOfAnAccountNothingWaits() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let meter = try await Self.meter(folder, try folder.store(), clock: clock)
    #expect(meter.decideNow(.sample()) == nil, "the counters have not been read yet")
    let first = try await Self.granted(meter)
    #expect(first.settleNow(.finished("strong", prompt: 10, completion: 10)) != nil)
    #expect(meter.decideNow(.sample())?.grant != nil)
    #expect(meter.decideNow(.sample(account: Account(key: "k2"))) == nil)
    await meter.close()
  }

  @Test func identifiersOfOneMomentAreAllDifferentAndInOrder() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let meter = try await Self.meter(folder, try folder.store(), clock: clock)
    var ids: [UsageID] = []
    for step in 0..<500 {
      // A clock that is set back now and then.
      if step % 100 == 99 { clock.advance(by: .seconds(-30)) }
      if step % 7 == 0 { clock.advance(by: .microseconds(900)) }
      let grant = try await Self.granted(meter, .sample("free"))
      ids.append(grant.reservation.id)
      await grant.settle(.finished("free", prompt: 1, completion: 1))
    }
    #expect(Set(ids).count == ids.count)
    #expect(ids == ids.sorted())
    await meter.close()
  }

  @Test func countersOfPastDaysAreForgottenAndReadAgain() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let meter = try await Self.meter(folder, store, clock: clock)
    let accounts = (0..<1_500).map { Account(key: "k\($0)", user: "u\($0 % 700)") }
    // One that is open all the time.
    let open = try await Self.granted(meter, .sample(account: accounts[0]))
    for day in 0..<6 {
      for account in accounts[(day * 200)...] {
        await (try await Self.granted(meter, .sample("weak", account: account, prompt: 10, output: 0)))
          .settle(.finished("weak", prompt: 10, completion: 0))
      }
      await meter.flush()
      clock.advance(by: .seconds(86_400))
    }
    await open.settle(.finished("strong", prompt: 100, completion: 0))
    await meter.flush()
    let events = try await store.all()
    let count = [1_500, 1_300, 1_100, 900, 700, 500].reduce(1, +)
    #expect(events.count == count)
    var names = Set<CounterID>()
    var sums: [CounterID: Money] = [:]
    for event in events {
      let account = AccountPlan(event.account, at: event.time, StandingPolicy(.sample()))
      for name in account.counters {
        names.insert(name)
        sums[name, default: .zero] += event.cost
      }
    }
    let counters = try await store.counters(Array(names))
    for name in names { #expect(counters[name] == Counter(spent: sums[name] ?? .zero), "\(name)") }
    await meter.close()
  }

  @Test func whatRanWhenTheProcessDiedIsRecoveredAtWhatWasReserved() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let first = try await Self.meter(folder, store, clock: clock)
    let done = try await Self.granted(first)
    let running = try await Self.granted(first)
    await done.settle(.finished("strong", prompt: 1_000, completion: 100))
    #expect(try await store.all().isEmpty, "nothing has reached the store yet")

    let second = try await Self.meter(folder, store, clock: clock)
    let events = try await store.all()
    #expect(events.count == 2)
    #expect(events.first { $0.id == done.reservation.id }?.outcome == .finished)
    let lost = try #require(events.first { $0.id == running.reservation.id })
    #expect(lost.outcome == .lost && lost.cost == running.reservation.cost)
    // 1,000 × 10 + 100 × 30, and 1,000 × 10 + 1,000 × 30 micro-units.
    #expect(try await Self.spent(store, clock) == Counter(spent: Money(micro: 13_000 + 40_000)))
    // A third start finds nothing more.
    await second.close()
    let third = try await Self.meter(folder, store, clock: clock)
    #expect(try await store.all().count == 2)
    await third.close()
    withExtendedLifetime((first, running)) {}
  }

  @Test func whatTheStoreKnowsAlreadyIsNotCountedTwice() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let first = try await Self.meter(folder, store, clock: clock)
    for _ in 0..<3 { await (try await Self.granted(first)).settle(.finished("strong", prompt: 100, completion: 0)) }
    await first.flush()
    await (try await Self.granted(first)).settle(.finished("strong", prompt: 100, completion: 0))
    let second = try await Self.meter(folder, store, clock: clock)
    #expect(try await store.all().count == 4)
    #expect(try await Self.spent(store, clock) == Counter(spent: Money(micro: 4_000)))
    await second.close()
    withExtendedLifetime(first) {}
  }

  @Test func aBudgetThatWasSpentBeforeADeathIsSpentAfterIt() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let policy = MeteringPolicy.sample(budgets: [Budget(.key, per: .day, limit: Money(micro: 50_000))])
    let first = try await Self.meter(folder, store, policy: policy, clock: clock)
    let running = try await Self.granted(first)
    let second = try await Self.meter(folder, store, policy: policy, clock: clock)
    #expect(await second.decide(.sample()).refusal != nil, "0.04 of 0.05 are gone")
    #expect(await second.decide(.sample(output: 1)).grant == nil)
    await second.close()
    withExtendedLifetime((first, running)) {}
  }

  @Test func anEntryThatWasCutOffIsLeftOut() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let first = try await Self.meter(folder, store, clock: clock)
    let kept = try await Self.granted(first)
    let cut = try await Self.granted(first)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/journal")
    let path = folder.path + "/journal/" + (try #require(files.first))
    let all = try #require(FileManager.default.contents(atPath: path))
    // Room that is taken and not used follows.
    let used = JournalFrame.contents(Array(all)).reduce(0) { $0 + JournalFrame.headSize + $1.count }
    let bytes = all.prefix(used)
    try #require(bytes.count > 40)
    for length in [bytes.count - 1, bytes.count - 40] {
      try bytes.prefix(length).write(to: URL(fileURLWithPath: path))
      let entries = try UsageJournal(folder: folder.path + "/journal").replay()
      #expect(entries.count == 1)
    }
    let second = try await Self.meter(folder, store, clock: clock)
    #expect(try await store.all().map(\.id) == [kept.reservation.id])
    await second.close()
    withExtendedLifetime((first, cut)) {}
  }

  @Test func aLongJournalIsBegunAnewAndKeepsWhatRuns() async throws {
    let (folder, clock) = (TemporaryFolder(), TestClock())
    let store = try folder.store()
    let meter = try await Self.meter(folder, store, clock: clock)
    let running = try await Self.granted(meter)
    let account = Account(key: String(repeating: "k", count: 60_000))
    for _ in 0..<80 {
      await (try await Self.granted(meter, .sample(account: account))).settle(
        .finished("weak", prompt: 1, completion: 1))
    }
    await meter.flush()
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/journal")
    #expect(files.count == 1)
    let entries = try UsageJournal(folder: folder.path + "/journal").replay()
    #expect(entries.count == 1, "only what runs is left")
    await running.settle(.finished("strong", prompt: 1, completion: 1))
    await meter.close()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/journal").isEmpty)
    #expect(try await store.all().count == 81)
  }

  private static func spent(_ store: SQLiteUsageStore, _ clock: TestClock) async throws -> Counter? {
    let name = CounterID(scope: "key:k1", window: clock.now.dayText)
    return try await store.counters([name])[name]
  }
}
