import Metering
import ModelInterface
import Testing

@Suite struct BudgetTests {
  private func meter(
    _ policy: MeteringPolicy, clock: TestClock, resolve: @escaping @Sendable (String) -> [String] = { [$0] }
  ) async throws -> Meter {
    try await Meter.open(store: MemoryUsageStore(), policy: policy, now: clock.read, resolve: resolve)
  }

  /// 1,000 + 1,000 tokens of `strong` cost 0.04.
  private let four = Money(micro: 40_000)

  @Test func whatIsReservedCountsUntilItIsSettled() async throws {
    let clock = TestClock()
    let meter = try await meter(.sample(budgets: [Budget(.key, per: .day, limit: four + four)]), clock: clock)
    let first = try #require(await meter.decide(.sample()).grant)
    let second = try #require(await meter.decide(.sample()).grant)
    let refusal = try #require(await meter.decide(.sample()).refusal)
    #expect(
      refusal.findings.first?.limit
        == .money(.day, limit: four + four, spent: .zero, reserved: four + four, requested: four))
    await first.settle(.finished("strong", prompt: 0, completion: 0))
    #expect(await meter.decide(.sample()).grant != nil)
    await second.settle(.finished("strong", prompt: 1_000, completion: 1_000))
  }

  @Test func aRefusalSaysWhichBudgetHowItStandsAndWhenItResets() async throws {
    let clock = TestClock()
    let meter = try await meter(.sample(budgets: [Budget(.key, named: "k1", per: .month, limit: four)]), clock: clock)
    let grant = try #require(await meter.decide(.sample()).grant)
    await grant.settle(.finished("strong", prompt: 100, completion: 1_000))
    let refusal = try #require(await meter.decide(.sample()).refusal)
    #expect(refusal.retryAfter == .seconds(6 * 86_400 + 43_200))
    #expect(
      refusal.description
        == "the budget of key `k1` is 0.04 a month, of which 0.031 is spent and 0.00 set aside for what runs, and this "
        + "request may cost 0.04; it can be granted from 2026-12-01T00:00:00Z")
  }

  @Test(arguments: BudgetLevel.allCases)
  func everyLevelMustAllow(_ level: BudgetLevel) async throws {
    let account = Account(key: "k", user: "u", project: "p", organization: "o")
    let budgets = BudgetLevel.allCases.map {
      Budget($0, per: .day, limit: $0 == level ? Money(micro: 1) : Money(micro: 1_000_000_000))
    }
    let meter = try await meter(.sample(budgets: budgets), clock: TestClock())
    let refusal = try #require(await meter.decide(.sample(account: account)).refusal)
    #expect(refusal.findings.map(\.scope.level) == [level])
    #expect(refusal.retryAfter == nil, "no day is long enough for it")
  }

  @Test func aKeyMayBeNamedByWhatItsMakerCalledIt() async throws {
    let meter = try await meter(
      .sample(
        budgets: [Budget(.key, named: "laptop", per: .day, limit: four), Budget(.key, per: .day, limit: four + four)],
        rates: [RateLimit(.key, .requests, perMinute: 60)]), clock: TestClock())
    let laptop = Account(key: "prsm-1", keyName: "laptop")
    #expect(await meter.decide(.sample(account: laptop)).grant != nil)
    let refusal = try #require(await meter.decide(.sample(account: laptop)).refusal)
    #expect(refusal.description.contains("the budget of key `prsm-1` is 0.04 a day"))
    #expect(try await meter.standing(of: laptop).map(\.budget.limit) == [four])
    #expect(await meter.decide(.sample(account: Account(key: "prsm-2", keyName: "phone"))).grant != nil)
  }

  @Test func aNamedBudgetReplacesTheOneForEach() async throws {
    let meter = try await meter(
      .sample(budgets: [
        Budget(.key, per: .day, limit: .zero), Budget(.key, named: "rich", per: .day, limit: four),
      ]), clock: TestClock())
    #expect(await meter.decide(.sample(account: Account(key: "poor"))).refusal != nil)
    #expect(await meter.decide(.sample(account: Account(key: "rich"))).grant != nil)
  }

  @Test func daysAndMonthsBeginAnewAtMidnightUTC() async throws {
    let clock = TestClock(seconds: 1_796_083_199)  // 2026-11-30T23:59:59Z + some hours
    let meter = try await meter(
      .sample(budgets: [Budget(.key, per: .day, limit: four), Budget(.key, per: .month, limit: four)]), clock: clock)
    let grant = try #require(await meter.decide(.sample()).grant)
    #expect(await meter.decide(.sample()).refusal != nil)
    let wait = clock.now.nextMonth.since(clock.now)
    clock.advance(by: wait)
    let next = try #require(await meter.decide(.sample()).grant)
    // The cost belongs to the month in which the work was admitted.
    await grant.settle(.finished("strong", prompt: 1_000, completion: 1_000))
    let standing = try await meter.standing(of: Account(key: "k1"))
    #expect(standing.allSatisfy { $0.spent == .zero })
    withExtendedLifetime(next) {}
  }

  @Test func aRequestsOwnLimitIsNeverOvercomeByWaiting() async throws {
    let meter = try await meter(
      .sample(budgets: [Budget(.node, per: .request, limit: Money(micro: 39_999))]), clock: TestClock())
    #expect(await meter.decide(.sample()).refusal?.retryAfter == nil)
    #expect(await meter.decide(.sample(output: 999)).grant != nil)
  }

  @Test func aCheaperModelTakesOverWhereEveryBudgetInTheWayAllowsIt() async throws {
    let budgets = [Budget(.key, per: .day, limit: Money(micro: 1_000), whenExceeded: [.downgrade, .refuse])]
    let cheaper = ["strong": ["medium", "weak"]]
    let meter = try await meter(.sample(budgets: budgets, cheaper: cheaper), clock: TestClock())
    var request = MeteredRequest.sample()
    let grant = try #require(await meter.decide(request).grant)
    #expect(grant.model == "medium" && grant.replaced.count == 1)
    request.models = ["strong", "weak"]
    let restricted = try #require(await meter.decide(request).grant)
    #expect(restricted.model == "weak", "a key that may not use a model is not given it")
    await restricted.settle(.finished("weak", prompt: 1_000, completion: 1_000))

    let strict = budgets + [Budget(.node, per: .day, limit: Money(micro: 1_000))]
    let second = try await self.meter(.sample(budgets: strict, cheaper: cheaper), clock: TestClock())
    #expect(await second.decide(.sample()).refusal?.findings.count == 2)
  }

  @Test func workOfLowPriorityIsDeferredAndUsualWorkRefused() async throws {
    let budgets = [Budget(.key, per: .day, limit: four, whenExceeded: [.deferLowPriority])]
    let meter = try await meter(.sample(budgets: budgets), clock: TestClock())
    let grant = try #require(await meter.decide(.sample()).grant)
    let deferred = await meter.decide(.sample(priority: -1))
    #expect(deferred.isDeferred && deferred.refusal?.retryAfter == .seconds(43_200))
    #expect(await !meter.decide(.sample()).isDeferred)
    #expect(grant.model == "strong")
  }

  @Test(arguments: [true, false]) func whatIsNamedFirstIsTriedFirst(defersFirst: Bool) async throws {
    let actions: [Budget.Action] = defersFirst ? [.deferLowPriority, .downgrade] : [.downgrade, .deferLowPriority]
    let budgets = [Budget(.key, per: .day, limit: four, whenExceeded: actions + [.refuse])]
    let meter = try await meter(.sample(budgets: budgets, cheaper: ["strong": ["local"]]), clock: TestClock())
    let grant = try #require(await meter.decide(.sample()).grant)
    let patient = await meter.decide(.sample(priority: -1))
    #expect(patient.isDeferred == defersFirst && (patient.grant?.model == "local") == !defersFirst)
    #expect(await meter.decide(.sample()).grant?.model == "local", "work of usual priority does not wait")
    #expect(grant.model == "strong")
  }

  @Test func whatCostsNothingRunsOnASpentBudget() async throws {
    let meter = try await meter(.sample(budgets: [Budget(.node, per: .month, limit: .zero)]), clock: TestClock())
    #expect(await meter.decide(.sample("local")).grant != nil)
    #expect(await meter.decide(.sample("weak")).grant == nil)
  }

  @Test func aNameThatRoutingResolvesIsReservedAtItsDearest() async throws {
    let meter = try await meter(.sample(), clock: TestClock()) { $0 == "auto" ? ["weak", "strong", "local"] : [$0] }
    let grant = try #require(await meter.decide(.sample("auto")).grant)
    #expect(grant.reservation.cost == four)
  }

  @Test func aPolicyIsReplacedWhileWorkRuns() async throws {
    let meter = try await meter(.sample(), clock: TestClock())
    let grant = try #require(await meter.decide(.sample()).grant)
    meter.update(MeteringPolicy(prices: PriceList(), budgets: [Budget(.key, per: .day, limit: Money(micro: 1))]))
    #expect(await meter.decide(.sample()).grant != nil, "the model has no price any more")
    await grant.settle(.finished("strong", prompt: 1_000, completion: 1_000))
    let standing = try await meter.standing(of: Account(key: "k1"))
    #expect(standing.first?.spent == four, "what was granted keeps its price")
  }
}
