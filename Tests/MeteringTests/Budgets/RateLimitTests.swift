import Metering
import ModelInterface
import Testing

@Suite struct RateLimitTests {
  private func meter(_ rates: [RateLimit], _ clock: TestClock) async throws -> Meter {
    try await Meter.open(store: MemoryUsageStore(), policy: .sample(rates: rates), now: clock.read)
  }

  @Test func aBucketHoldsAMinutesWorthAndRefillsEvenly() async throws {
    let clock = TestClock()
    let meter = try await meter([RateLimit(.key, .requests, perMinute: 6)], clock)
    for _ in 0..<6 { #expect(await meter.decide(.sample("local")).grant != nil) }
    let refusal = try #require(await meter.decide(.sample("local")).refusal)
    #expect(refusal.isRate && refusal.retryAfter == .seconds(10))
    #expect(await meter.decide(.sample("local", account: Account(key: "other"))).grant != nil)
    clock.advance(by: .seconds(10))
    #expect(await meter.decide(.sample("local")).grant != nil)
    #expect(await meter.decide(.sample("local")).refusal != nil)
  }

  @Test func aFurtherCallForARequestTakesNoRequestButItsTokens() async throws {
    let rates = [RateLimit(.key, .requests, perMinute: 1), RateLimit(.key, .tokens, perMinute: 5_000)]
    let meter = try await meter(rates, TestClock())
    #expect(await meter.decide(.sample("local")).grant != nil)
    var further = MeteredRequest.sample("local")
    further.requests = 0
    let grant = try #require(await meter.decide(further).grant)
    grant.withdraw()
    #expect(await meter.decide(.sample("local")).refusal != nil, "what took no request gives none back")
    #expect(await meter.decide(further).grant != nil)
    #expect(await meter.decide(further).refusal?.isRate == true)
  }

  @Test func tokensThatWereNotUsedComeBack() async throws {
    let clock = TestClock()
    let meter = try await meter([RateLimit(.key, .tokens, perMinute: 2_000)], clock)
    let grant = try #require(await meter.decide(.sample("local")).grant)
    #expect(await meter.decide(.sample("local", output: 500)).refusal?.retryAfter == .seconds(45))
    await grant.settle(.finished("local", prompt: 200, completion: 300))
    #expect(await meter.decide(.sample("local", output: 500)).grant != nil)
    #expect(await meter.decide(.sample("local", prompt: 1, output: 0)).refusal != nil)
  }

  @Test func aRequestLargerThanTheBucketIsToldThatWaitingIsInVain() async throws {
    let meter = try await meter([RateLimit(.key, .tokens, perMinute: 100)], TestClock())
    #expect(await meter.decide(.sample("local")).refusal?.retryAfter == nil)
  }

  @Test func workOfLowPriorityWaitsForItsTurnAsLongAsItWasTold() async throws {
    let clock = TestClock()
    let meter = try await meter([RateLimit(.key, .requests, perMinute: 1)], clock)
    #expect(await meter.decide(.sample("local")).grant != nil)
    let decision = await meter.decide(.sample("local", priority: -1), waitingFor: .seconds(5))
    #expect(decision.isDeferred, "a minute is longer than the five seconds it may wait")
  }

  @Test func overAnyTimeNoMoreThanTheRateAndOneBucketPass() async throws {
    var generator = SeededGenerator(seed: 7)
    for perMinute in [1, 7, 60, 1_000] {
      let clock = TestClock()
      let meter = try await meter([RateLimit(.key, .requests, perMinute: perMinute)], clock)
      let start = clock.now
      var passed = 0
      for _ in 0..<400 {
        clock.advance(by: .milliseconds(Int.random(in: 0...1_500, using: &generator)))
        if await meter.decide(.sample("local")).grant != nil { passed += 1 }
        let seconds = Double(clock.now.since(start).components.seconds) + 1
        #expect(Double(passed) <= Double(perMinute) * (1 + seconds / 60))
      }
    }
  }
}
