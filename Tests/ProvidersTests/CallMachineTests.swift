import ModelInterface
import Testing

@testable import Providers

/// Requests through the state machine under a clock that the test moves.
@Suite struct CallMachineTests {
  private typealias Instant = ContinuousClock.Instant

  private static func fleet(
    urls: Int = 1, keys: Int = 0, hedges: Bool = false, fallbacks: [String] = [], seed: UInt64 = 1
  ) -> Fleet {
    var first = UpstreamEndpoint.Model(name: "first")
    first.fallbacks = fallbacks
    var upstream = UpstreamEndpoint(
      name: "up", baseURLs: (0..<urls).map { "http://h\($0)/v1" }, apiKeys: (0..<keys).map { "k\($0)" },
      models: [first])
    upstream.hedges = hedges
    let other = UpstreamEndpoint(name: "other", baseURLs: ["http://o/v1"], models: [.init(name: "second")])
    return Fleet([upstream, other], policy: ResiliencePolicy(), seed: seed)
  }

  private static func machine(_ fleet: Fleet, at now: Instant, hedges: Bool = false) -> CallMachine {
    CallMachine(model: 0, deadline: now + .seconds(600), isStreamed: true, mayHedge: hedges, fleet: fleet)
  }

  @Test func aBrokenEndpointIsTriedAgainAfterAPauseAndAtMostSoOften() throws {
    var fleet = Self.fleet()
    var now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    var actions = machine.begin(at: now, fleet: &fleet)
    var starts = 0
    while actions.failure == nil {
      if let attempt = actions.start {
        starts += 1
        actions = machine.failed(attempt.id, GenerationError(.unavailable, "down"), at: now, fleet: &fleet)
      } else {
        let wake = try #require(actions.wake)
        #expect(wake > now)
        now = wake
        actions = machine.woke(wake, at: now, fleet: &fleet)
      }
    }
    #expect(starts == fleet.policy.attemptsPerModel)
    #expect(actions.failure?.kind == .unavailable)
    #expect(fleet.totals.retries == starts - 1)
  }

  @Test func aRefusedKeyRestsAndTheNextIsTakenAtOnce() throws {
    var fleet = Self.fleet(keys: 2)
    let now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    let first = try #require(machine.begin(at: now, fleet: &fleet).start)
    let second = try #require(
      machine.failed(first.id, GenerationError(.upstreamUnauthorized, "no"), at: now, fleet: &fleet).start)
    #expect(fleet.lanes[first.lane].key != fleet.lanes[second.lane].key)
    var later = Self.machine(fleet, at: now)
    let third = try #require(later.begin(at: now, fleet: &fleet).start)
    #expect(fleet.lanes[third.lane].key == fleet.lanes[second.lane].key)
  }

  @Test func aRetryAfterIsHonoured() throws {
    var fleet = Self.fleet()
    let now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    let first = try #require(machine.begin(at: now, fleet: &fleet).start)
    let error = GenerationError(.overloaded(retryAfter: .seconds(7)), "full")
    let actions = machine.failed(first.id, error, at: now, fleet: &fleet)
    #expect(actions.start == nil)
    #expect(actions.wake == now + .seconds(7))
    #expect(machine.woke(now + .seconds(7), at: now + .seconds(7), fleet: &fleet).start != nil)
  }

  @Test func aRateLimitedModelFallsBackAtOnce() throws {
    var fleet = Self.fleet(fallbacks: ["second"])
    let now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    let first = try #require(machine.begin(at: now, fleet: &fleet).start)
    let error = GenerationError(.overloaded(retryAfter: .seconds(7)), "full")
    let next = try #require(machine.failed(first.id, error, at: now, fleet: &fleet).start)
    #expect(fleet.models[next.model].name == "second")
    #expect(fleet.totals.fallbacks == 1)
  }

  @Test func aWrongRequestIsNotTriedAgain() throws {
    var fleet = Self.fleet(urls: 3, fallbacks: ["second"])
    let now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    let first = try #require(machine.begin(at: now, fleet: &fleet).start)
    let error = GenerationError(.invalidRequest(parameter: nil), "bad")
    #expect(machine.failed(first.id, error, at: now, fleet: &fleet).failure == error)
  }

  @Test func nothingIsTriedAfterAnEventWasDelivered() throws {
    var fleet = Self.fleet(urls: 2, fallbacks: ["second"])
    let now = ContinuousClock.now
    var machine = Self.machine(fleet, at: now)
    let first = try #require(machine.begin(at: now, fleet: &fleet).start)
    #expect(machine.delivered(first.id, at: now, fleet: &fleet) == .wins(cancel: nil))
    let actions = machine.failed(first.id, GenerationError(.unavailable, "died"), at: now, fleet: &fleet)
    #expect(actions.start == nil && actions.wake == nil && actions.failure == nil)
    #expect(fleet.endpoints[fleet.lanes[first.lane].endpoint].counts.failures == 1)
  }

  @Test func fiveFailuresOpenABreakerAndOneProbeClosesIt() {
    var breaker = CircuitBreaker(failuresToOpen: 5, openTime: .seconds(60))
    let now = ContinuousClock.now
    for _ in 0..<5 {
      #expect(breaker.admits(at: now))
      breaker.note(.failed, isProbe: breaker.pass(), at: now)
    }
    #expect(!breaker.admits(at: now + .seconds(59)))
    #expect(breaker.admits(at: now + .seconds(60)))
    let isProbe = breaker.pass()
    #expect(isProbe)
    #expect(!breaker.admits(at: now + .seconds(61)))
    breaker.note(.failed, isProbe: isProbe, at: now + .seconds(61))
    #expect(!breaker.admits(at: now + .seconds(120)))
    breaker.note(.alive, isProbe: breaker.pass(), at: now + .seconds(122))
    #expect(breaker.state == .closed(failures: 0))
  }

  /// A model that fails leaves those beside it alone; several that fail are the endpoint's fault.
  @Test func aBadModelIsLeftAloneAndNotItsNeighbours() throws {
    let upstream = UpstreamEndpoint(
      name: "up", baseURLs: ["http://h/v1"], apiKeys: [], models: ["good", "bad", "other"].map { .init(name: $0) })
    var fleet = Fleet([upstream], policy: ResiliencePolicy(), seed: 1)
    let now = ContinuousClock.now
    func attempt(_ model: Int, _ fails: Bool, at time: Instant) -> Bool {
      guard case .lane(let lane) = fleet.choose(model: model, avoiding: [], at: time) else { return false }
      let probes = fleet.begin(lane: lane, model: model)
      let error = fails ? GenerationError(.unavailable, "boom") : nil
      fleet.end(lane: lane, model: model, probes: probes, error: error, at: time)
      return true
    }
    for _ in 0..<5 { #expect(attempt(1, true, at: now)) }
    #expect(!attempt(1, true, at: now), "five in a row")
    #expect(attempt(0, false, at: now) && attempt(2, false, at: now))
    #expect(fleet.snapshot(at: now).healthyModels == ["good", "other"])
    let endpoint = try #require(fleet.snapshot(at: now).endpoints.first)
    #expect(endpoint.isHealthy && endpoint.breaker == "closed" && endpoint.brokenModels == 1)
    #expect(endpoint.counts.openings == 1)
    let later = now + .seconds(61)
    #expect(attempt(1, false, at: later) && attempt(1, false, at: later), "it has recovered")
    // The whole endpoint goes down.
    var asked = 0
    for step in 0..<60 where attempt(step % 3, true, at: later) { asked += 1 }
    #expect(asked <= 7, "\(asked) attempts before nothing is asked there any more")
    #expect(fleet.snapshot(at: later).healthyModels.isEmpty)
    #expect(fleet.snapshot(at: later).endpoints.first?.breaker == "open")
    #expect(attempt(0, false, at: later + .seconds(61)) && attempt(1, false, at: later + .seconds(61)))
  }

  /// Random upstreams, random failures, thousands of requests one after another.
  @Test(arguments: 1...8) func boundsHoldUnderAnySequenceOfFailures(seed: Int) throws {
    var generator = SplitMix(seed: UInt64(seed))
    var fleet = Self.fleet(
      urls: 1 + seed % 3, keys: seed % 3, hedges: true, fallbacks: seed.isMultiple(of: 2) ? ["second"] : [],
      seed: UInt64(seed))
    var now = ContinuousClock.now
    for _ in 0..<2_000 {
      now += .milliseconds(50)
      var machine = Self.machine(fleet, at: now, hedges: true)
      var running: [CallMachine.Attempt] = []
      var wake: Instant?
      var starts = 0
      func take(_ actions: CallMachine.Actions) -> Bool {
        if let attempt = actions.start {
          starts += 1
          running.append(attempt)
        }
        wake = actions.wake ?? wake
        return actions.failure != nil
      }
      var isOver = take(machine.begin(at: now, fleet: &fleet))
      var steps = 0
      while !isOver {
        steps += 1
        try #require(steps < 200)
        if let time = wake, running.isEmpty || Int.random(in: 0..<20, using: &generator) == 0 {
          wake = nil
          now = max(now, time)
          isOver = take(machine.woke(time, at: now, fleet: &fleet))
          continue
        }
        guard let attempt = running.randomElement(using: &generator) else { break }
        running.removeAll { $0.id == attempt.id }
        now += .milliseconds(Int64.random(in: 1...400, using: &generator))
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6:
          if case .wins(let other) = machine.delivered(attempt.id, at: now, fleet: &fleet) {
            if let other { machine.ended(other, error: GenerationError(.cancelled, ""), at: now, fleet: &fleet) }
            let dies = Bool.random(using: &generator)
            let actions =
              dies
              ? machine.failed(attempt.id, GenerationError(.unavailable, ""), at: now, fleet: &fleet)
              : CallMachine.Actions()
            #expect(actions.start == nil && actions.failure == nil)
            if !dies { machine.ended(attempt.id, error: nil, at: now, fleet: &fleet) }
            isOver = true
          }
        case 6: isOver = take(machine.failed(attempt.id, .init(.timedOut, ""), at: now, fleet: &fleet))
        case 7:
          let error = GenerationError(.overloaded(retryAfter: .milliseconds(300)), "")
          isOver = take(machine.failed(attempt.id, error, at: now, fleet: &fleet))
        case 8:
          isOver = take(machine.failed(attempt.id, .init(.invalidRequest(parameter: nil), ""), at: now, fleet: &fleet))
        default: isOver = take(machine.failed(attempt.id, .init(.unavailable, ""), at: now, fleet: &fleet))
        }
      }
      for id in machine.abandon() { machine.ended(id, error: .init(.cancelled, ""), at: now, fleet: &fleet) }
      #expect(starts <= fleet.policy.attempts)
      #expect(starts == machine.attempts)
      #expect(Double(fleet.totals.hedges) <= fleet.policy.hedgeShare * Double(fleet.totals.requests))
    }
    #expect(fleet.endpoints.allSatisfy { $0.inFlight == 0 })
  }
}
