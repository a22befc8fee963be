package import ModelInterface

/// One request's way over attempts, keys, endpoints and models: takes what happened, says what to do. The only place that
/// decides on a retry, a hedge or a fallback.
///
/// Nothing is tried any more once an event has been delivered: bytes that have left cannot be taken back.
package struct CallMachine: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// One exchange with one endpoint.
  package struct Attempt: Sendable, Hashable {
    /// Its number within the request, from 0.
    package var id: Int
    /// The model asked, by its position in the fleet.
    package var model: Int
    /// The lane taken, by its position in the fleet.
    package var lane: Int
    package var began: Instant
    package var isHedge: Bool
    var probes: Fleet.Probes
  }

  /// What to do next; several at once.
  package struct Actions: Sendable {
    /// Begin this exchange.
    package var start: Attempt?
    /// Break this exchange off.
    package var cancel: Int?
    /// Call ``CallMachine/woke(_:at:fleet:)`` with this then.
    package var wake: Instant?
    /// Give up.
    package var failure: GenerationError?
  }

  /// What an attempt's first event, or whole answer, is worth.
  package enum Delivery: Sendable, Equatable {
    /// It goes to the client; break off that other exchange.
    case wins(cancel: Int?)
    /// Another was first, or the client is gone.
    case loses
  }

  private let models: [Int]
  private let deadline: Instant
  private let isStreamed: Bool
  private var mayHedge: Bool
  private var position = 0
  private var attemptsAtModel = 0
  private var failuresAtModel = 0
  private var tried: [Int] = []
  private var running: [Attempt] = []
  private var lastError: GenerationError?
  private var isPausing = false
  private var wakeTime: Instant?
  /// How many attempts were begun.
  package private(set) var attempts = 0
  /// Whether an event has gone to the client, or the request was given up.
  package private(set) var isOver = false
  private var winner: Attempt?

  /// A request to a model of the fleet.
  ///
  /// - Parameters:
  ///   - deadline: no attempt begins after it.
  ///   - mayHedge: whether a second attempt beside a slow one is allowed at all.
  package init(model: Int, deadline: Instant, isStreamed: Bool, mayHedge: Bool, fleet: borrowing Fleet) {
    models = fleet.models[model].fallbacks.isEmpty ? [model] : [model] + fleet.models[model].fallbacks
    self.deadline = deadline
    self.isStreamed = isStreamed
    self.mayHedge = mayHedge
  }

  /// Begins the request.
  package mutating func begin(at now: Instant, fleet: inout Fleet) -> Actions {
    fleet.totals.requests += 1
    fleet.allowance.earn()
    return proceed(at: now, fleet: &fleet)
  }

  /// An attempt failed before it delivered anything.
  package mutating func failed(_ id: Int, _ error: GenerationError, at now: Instant, fleet: inout Fleet) -> Actions {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return Actions() }
    let attempt = running.remove(at: index)
    fleet.end(lane: attempt.lane, model: attempt.model, probes: attempt.probes, error: error, at: now)
    guard !isOver else { return Actions() }
    lastError = error
    failuresAtModel += 1
    if !tried.contains(attempt.lane) { tried.append(attempt.lane) }
    switch error.kind {
    case .invalidRequest, .cancelled, .budgetExceeded: return fail(error, at: now, fleet: &fleet)
    default: break
    }
    // The other attempt may still answer; it is the retry.
    guard running.isEmpty else { return Actions() }
    switch error.kind {
    case .modelNotFound, .contextLengthExceeded: return fallBack(at: now, fleet: &fleet)
    case .upstreamUnauthorized: return nextKeyOrFallBack(at: now, fleet: &fleet)
    // A rate limit is a matter of the lane: another key at the same address may do at once.
    case .overloaded: return pauseOrProceed(isTried: tried.contains, at: now, fleet: &fleet)
    default:
      let endpoints = tried.map { fleet.lanes[$0].endpoint }
      let lanes = fleet.lanes
      return pauseOrProceed(isTried: { endpoints.contains(lanes[$0].endpoint) }, at: now, fleet: &fleet)
    }
  }

  /// An attempt has its first valid event, or its whole answer.
  package mutating func delivered(_ id: Int, at now: Instant, fleet: inout Fleet) -> Delivery {
    guard let attempt = running.first(where: { $0.id == id }), !isOver else { return .loses }
    isOver = true
    winner = attempt
    note(now - attempt.began, of: attempt, fleet: &fleet)
    guard let other = running.first(where: { $0.id != id }) else { return .wins(cancel: nil) }
    if attempt.isHedge {
      fleet.totals.hedgesWon += 1
      // The slow one would have taken at least so long; leaving it out would make the quantile too good.
      note(now - other.began, of: other, fleet: &fleet)
    }
    return .wins(cancel: other.id)
  }

  /// The exchange of an attempt is over: the winner's answer ended, with an error or without, or a loser is broken off.
  package mutating func ended(_ id: Int, error: GenerationError?, at now: Instant, fleet: inout Fleet) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    let attempt = running.remove(at: index)
    fleet.end(lane: attempt.lane, model: attempt.model, probes: attempt.probes, error: error, at: now)
  }

  /// The time has come that ``Actions/wake`` asked for. A time that is wished for no longer is ignored.
  package mutating func woke(_ time: Instant, at now: Instant, fleet: inout Fleet) -> Actions {
    guard !isOver, time == wakeTime else { return Actions() }
    wakeTime = nil
    if isPausing {
      isPausing = false
      return proceed(at: now, fleet: &fleet)
    }
    guard let slow = running.first, running.count == 1, mayHedge, hasAttemptsLeft(fleet.policy), now < deadline,
      case .lane(let lane) = fleet.choose(model: slow.model, avoiding: tried + [slow.lane], at: now),
      // A breaker's probe is no place for a spare request.
      fleet.isClosed(lane: lane, model: slow.model),
      fleet.allowance.spend()
    else { return Actions() }
    mayHedge = false
    fleet.totals.hedges += 1
    return Actions(start: start(lane: lane, model: slow.model, isHedge: true, at: now, fleet: &fleet))
  }

  /// The client went away.
  ///
  /// - Returns: the exchanges to break off; each is still to be reported by ``ended(_:error:at:fleet:)``.
  package mutating func abandon() -> [Int] {
    isOver = true
    return running.map(\.id)
  }

  // MARK: -

  private func hasAttemptsLeft(_ policy: ResiliencePolicy) -> Bool {
    attempts < policy.attempts && attemptsAtModel < policy.attemptsPerModel
  }

  /// Begins the next attempt, or pauses until one can be begun, or moves on to the next model, or gives up.
  private mutating func proceed(at now: Instant, fleet: inout Fleet) -> Actions {
    let model = models[position]
    guard attempts < fleet.policy.attempts, now < deadline else { return giveUp(at: now, fleet: &fleet) }
    guard attemptsAtModel < fleet.policy.attemptsPerModel else { return fallBack(at: now, fleet: &fleet) }
    switch fleet.choose(model: model, avoiding: tried, at: now) {
    case .lane(let lane):
      if attemptsAtModel > 0 { fleet.totals.retries += 1 }
      let attempt = start(lane: lane, model: model, isHedge: false, at: now, fleet: &fleet)
      wakeTime = hedgeTime(of: attempt, fleet: fleet)
      return Actions(start: attempt, wake: wakeTime)
    case .later(let time, let reason):
      lastError = lastError ?? reason
      if position + 1 < models.count { return fallBack(at: now, fleet: &fleet) }
      let isWorthIt = time - now <= fleet.policy.retryAfterLimit && lastError?.kind != .upstreamUnauthorized
      return isWorthIt ? pause(until: time, at: now, fleet: &fleet) : giveUp(at: now, fleet: &fleet)
    }
  }

  private mutating func pause(until time: Instant, at now: Instant, fleet: inout Fleet) -> Actions {
    guard time < deadline else { return giveUp(at: now, fleet: &fleet) }
    isPausing = true
    return wake(at: time)
  }

  private mutating func wake(at time: Instant) -> Actions {
    wakeTime = time
    return Actions(wake: time)
  }

  /// At once where something is left that has not failed this request; after a pause otherwise.
  private mutating func pauseOrProceed(
    isTried: (Int) -> Bool, at now: Instant, fleet: inout Fleet
  ) -> Actions {
    guard hasAttemptsLeft(fleet.policy),
      case .lane(let lane) = fleet.choose(model: models[position], avoiding: tried, at: now),
      isTried(lane)
    else { return proceed(at: now, fleet: &fleet) }
    return pause(
      until: now + fleet.policy.pause(after: failuresAtModel, using: &fleet.generator), at: now, fleet: &fleet)
  }

  /// A key that is refused once is refused again.
  private mutating func nextKeyOrFallBack(at now: Instant, fleet: inout Fleet) -> Actions {
    if case .lane(let lane) = fleet.choose(model: models[position], avoiding: tried, at: now), !tried.contains(lane) {
      return proceed(at: now, fleet: &fleet)
    }
    return fallBack(at: now, fleet: &fleet)
  }

  private mutating func fallBack(at now: Instant, fleet: inout Fleet) -> Actions {
    guard position + 1 < models.count else { return giveUp(at: now, fleet: &fleet) }
    position += 1
    attemptsAtModel = 0
    failuresAtModel = 0
    tried = []
    fleet.totals.fallbacks += 1
    return proceed(at: now, fleet: &fleet)
  }

  private mutating func giveUp(at now: Instant, fleet: inout Fleet) -> Actions {
    let error =
      lastError ?? GenerationError(.timedOut, "the request's deadline passed before an upstream could be asked")
    guard attempts > 1 else { return fail(error, at: now, fleet: &fleet) }
    return fail(
      GenerationError(error.kind, "\(error.message) (the last of \(attempts) attempts)"), at: now, fleet: &fleet)
  }

  private mutating func fail(_ error: GenerationError, at now: Instant, fleet: inout Fleet) -> Actions {
    isOver = true
    if error.kind != .cancelled { fleet.totals.failures += 1 }
    return Actions(cancel: running.first?.id, failure: error)
  }

  private mutating func start(
    lane: Int, model: Int, isHedge: Bool, at now: Instant, fleet: inout Fleet
  ) -> Attempt {
    let probes = fleet.begin(lane: lane, model: model)
    let attempt = Attempt(id: attempts, model: model, lane: lane, began: now, isHedge: isHedge, probes: probes)
    attempts += 1
    attemptsAtModel += 1
    running.append(attempt)
    return attempt
  }

  private func hedgeTime(of attempt: Attempt, fleet: borrowing Fleet) -> Instant? {
    guard mayHedge, hasAttemptsLeft(fleet.policy), fleet.upstreams[fleet.models[attempt.model].upstream].hedges
    else { return nil }
    let model = fleet.models[attempt.model]
    let estimate = isStreamed ? model.streamed : model.whole
    guard estimate.count >= fleet.policy.hedgeSamples, let wait = estimate.quantile(fleet.policy.hedgeQuantile)
    else { return nil }
    let time = attempt.began + wait
    return time < deadline ? time : nil
  }

  private func note(_ latency: Duration, of attempt: Attempt, fleet: inout Fleet) {
    if isStreamed {
      fleet.models[attempt.model].streamed.note(latency)
    } else {
      fleet.models[attempt.model].whole.note(latency)
    }
  }
}
