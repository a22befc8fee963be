import Metering
import ModelInterface
import Synchronization
import Testing

/// 10^5 requests of every kind from many clients at once, against what an upstream billed for them.
@Suite struct BudgetAccuracyTests {
  static let keys = 12
  static let workers = 48

  @Test(arguments: [(UInt64(11), 20_000, false), (12, 100_000, true)])
  func theSumOfEventsIsWhatTheUpstreamBilled(seed: UInt64, count: Int, hasJournal: Bool) async throws {
    let folder = TemporaryFolder()
    let clock = TestClock()
    let store = try folder.store()
    let limit = Money(micro: 4_000_000)
    let nodeLimit = Money(micro: 40_000_000)
    let budgets = [
      Budget(.key, per: .day, limit: limit, whenExceeded: [.deferLowPriority, .downgrade, .refuse]),
      Budget(.project, named: "small", per: .month, limit: limit, whenExceeded: [.downgrade, .refuse]),
      Budget(.node, per: .month, limit: nodeLimit, whenExceeded: [.downgrade]),
    ]
    var options = MeterOptions()
    if hasJournal { options.journal = folder.path + "/journal" }
    let meter = try await Meter.open(
      store: store, policy: .sample(budgets: budgets, cheaper: ["strong": ["weak", "local"]]), options: options,
      now: clock.read)
    let upstream = BillingUpstream()
    let counts = Tally()
    await withTaskGroup { group in
      for worker in 0..<Self.workers {
        group.addTask {
          var generator = SeededGenerator(seed: seed &* 1_000 &+ UInt64(worker))
          for step in 0..<(count / Self.workers + 1) {
            if worker == 0, step % 100 == 0 { clock.advance(by: .seconds(1)) }
            let decision = await meter.decide(Self.request(&generator))
            guard let grant = decision.grant else {
              counts.change { $0.refused += 1 }
              continue
            }
            counts.change {
              $0.granted += 1
              $0.downgraded += grant.replaced.isEmpty ? 0 : 1
            }
            await grant.settle(upstream.serve(grant, &generator))
          }
        }
      }
    }
    await meter.close()
    let sums = try #require(
      try await store.totals(UsageQuery(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), by: [])).first)
    let tally = counts.values
    #expect(tally.granted + tally.refused >= count)
    #expect(sums.requests == tally.granted, "every grant became one event")
    #expect(sums.cost == upstream.bill, "the account and the bill agree to the pico-unit")
    #expect(tally.refused > 0 && tally.downgraded > 0, "the budgets were in the way: \(tally)")
    try await expectCounters(of: store, at: clock.now, limits: (limit, nodeLimit))
  }

  /// Counters are the sums of events, nothing stays reserved, and no limit was exceeded.
  private func expectCounters(
    of store: some UsageStore, at time: UTCTime, limits: (key: Money, node: Money)
  ) async throws {
    let all = UsageQuery(from: time.startOfMonth, to: time.nextMonth, by: [.key])
    for total in try await store.totals(all) {
      let scope = "key:" + (total.labels[.key] ?? "")
      for window in [time.dayText, time.monthText] {
        let name = CounterID(scope: scope, window: window)
        let counter = try await store.counters([name])[name] ?? Counter()
        #expect(counter == Counter(spent: total.cost), "\(scope) \(window)")
      }
      #expect(total.cost <= limits.key)
    }
    let node = CounterID(scope: "node:", window: time.monthText)
    let counter = try #require(try await store.counters([node])[node])
    #expect(counter.reserved == .zero && counter.spent <= limits.node)
  }

  @Test func anUpstreamThatUsesMoreThanItMayOverrunsByNoMoreThanWhatWasInFlight() async throws {
    let clock = TestClock()
    let store = MemoryUsageStore()
    let limit = Money(micro: 1_000_000)
    let meter = try await Meter.open(
      store: store, policy: .sample(budgets: [Budget(.node, per: .day, limit: limit)]), now: clock.read)
    // Each reserves 0.04 and is billed 0.05; at most twenty run at a time.
    await withTaskGroup { group in
      for _ in 0..<20 {
        group.addTask {
          for _ in 0..<10 {
            guard let grant = await meter.decide(.sample()).grant else { continue }
            await Task.yield()
            await grant.settle(.finished("strong", prompt: 2_000, completion: 1_000))
          }
        }
      }
    }
    let spent = try #require(
      try await store.totals(UsageQuery(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), by: [])).first?.cost
    )
    #expect(spent >= limit - Money(micro: 40_000) && spent <= limit + Money(micro: 20 * 50_000))
  }

  private static func request(_ generator: inout SeededGenerator) -> MeteredRequest {
    let key = Int.random(in: 0..<keys, using: &generator)
    let account = Account(
      key: "key\(key)", user: "user\(key / 2)", project: key % 4 == 0 ? "small" : "large", organization: "org")
    return .sample(
      ["strong", "weak", "local"].randomElement(using: &generator) ?? "weak", account: account,
      prompt: Int.random(in: 1...2_000, using: &generator), output: Int.random(in: 1...500, using: &generator),
      priority: Int.random(in: -1...1, using: &generator))
  }
}

/// What became of the requests.
final class Tally: Sendable {
  struct Counts: Sendable {
    var (granted, refused, downgraded) = (0, 0, 0)
  }

  private let counts = Mutex(Counts())

  var values: Counts { counts.withLock { $0 } }

  func change(_ body: (inout Counts) -> Void) { counts.withLock { body(&$0) } }
}

/// Bills what it serves, by a price list of its own.
final class BillingUpstream: Sendable {
  private let billed = Mutex(Int128(0))

  var bill: Money { billed.withLock { Money(pico: $0) } }

  func serve(_ grant: Grant, _ generator: inout SeededGenerator) -> MeteredUse {
    let bound = grant.reservation.bound
    let prompt = Int.random(in: 0...bound.promptTokens, using: &generator)
    let cached = Int.random(in: 0...prompt, using: &generator)
    let written = Int.random(in: 0...bound.completionTokens, using: &generator)
    let usage = Usage(promptTokens: prompt, cachedPromptTokens: cached, completionTokens: written)
    switch Int.random(in: 0..<20, using: &generator) {
    case 0..<3:
      return MeteredUse(
        outcome: .finished, model: grant.model, provider: CachingProvider.name, usage: usage, isExact: true)
    case 3..<5:
      return MeteredUse(outcome: .failed, model: nil, provider: nil, usage: Usage(), isExact: false)
    case 5:
      charge(grant.model, usage)
      return MeteredUse(outcome: .failed, model: grant.model, provider: "mock", usage: usage, isExact: true)
    case 6..<9:
      charge(grant.model, usage)
      return MeteredUse(outcome: .cancelled, model: grant.model, provider: "mock", usage: usage, isExact: true)
    case 9:
      // Broken off before anything was reported: the upstream bills the prompt as it was estimated.
      let seen = Usage(promptTokens: bound.promptTokens, completionTokens: written)
      charge(grant.model, seen)
      return MeteredUse(
        outcome: .cancelled, model: grant.model, provider: "mock", usage: Usage(completionTokens: written),
        isExact: false)
    default:
      charge(grant.model, usage)
      return MeteredUse(outcome: .finished, model: grant.model, provider: "mock", usage: usage, isExact: true)
    }
  }

  private func charge(_ model: String, _ usage: Usage) {
    let (fresh, cached, output): (Int128, Int128, Int128) =
      model == "strong"
      ? (10_000_000, 1_000_000, 30_000_000) : model == "weak" ? (100_000, 100_000, 300_000) : (0, 0, 0)
    let amount =
      Int128(usage.promptTokens - usage.cachedPromptTokens) * fresh + Int128(usage.cachedPromptTokens) * cached
      + Int128(usage.completionTokens) * output
    billed.withLock { $0 += amount }
  }
}
