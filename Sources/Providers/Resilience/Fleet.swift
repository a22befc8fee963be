import ModelInterface

/// What all requests share: the health of endpoints and keys, latencies, the allowance for hedges, and the counts. A pure
/// value; clock readings are handed in.
package struct Fleet: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// An address of an upstream.
  struct Endpoint: Sendable {
    var upstream: Int
    var url: String
    /// Of the endpoint as a whole: it opens where several models fail in a row.
    var breaker: CircuitBreaker
    /// Of each model of its upstream, by its place: a bad model is no reason to leave its neighbours alone.
    var modelBreakers: [CircuitBreaker] = []
    /// The places of the models that have failed since one answered, as far as that matters: one, or several.
    var failing: (first: Int?, areSeveral: Bool) = (nil, false)
    var counts = UpstreamSnapshot.Counts()
    var inFlight = 0
  }

  /// One way to ask: an address with a key.
  struct Lane: Sendable {
    var endpoint: Int
    /// The key by its position within its upstream; nil where the upstream needs none.
    var key: Int?
    /// Not asked before then, as it said itself.
    var restsUntil: Instant?
    var attempts = 0
  }

  struct Upstream: Sendable {
    var name: String
    var lanes: Range<Int>
    var hedges: Bool
    /// For each key, until when it rests because it was refused.
    var keyRests: [Instant?]
  }

  struct Model: Sendable {
    var name: String
    var upstream: Int
    /// Its place among the models of its upstream.
    var place: Int
    var fallbacks: [Int] = []
    var streamed = LatencyEstimate()
    var whole = LatencyEstimate()
  }

  /// The breakers that an attempt has found out about.
  struct Probes: Sendable, Hashable {
    var ofEndpoint = false
    var ofModel = false
  }

  /// What can be had from an upstream's lanes.
  enum Choice {
    case lane(Int)
    /// None now; one perhaps then.
    case later(Instant, GenerationError)
  }

  let policy: ResiliencePolicy
  var endpoints: [Endpoint] = []
  var lanes: [Lane] = []
  var upstreams: [Upstream] = []
  var models: [Model] = []
  var allowance: HedgeAllowance
  var generator: SplitMix
  var totals = UpstreamSnapshot.Totals()

  /// The fleet of some upstreams, all healthy. Unknown names in fallbacks are left out.
  package init(_ configurations: [UpstreamEndpoint], policy: ResiliencePolicy, seed: UInt64) {
    self.policy = policy
    allowance = HedgeAllowance(share: policy.hedgeShare)
    generator = SplitMix(seed: seed)
    var positions: [String: Int] = [:]
    for (index, configuration) in configurations.enumerated() {
      let first = lanes.count
      let keys: [Int?] = configuration.apiKeys.isEmpty ? [nil] : configuration.apiKeys.indices.map { $0 }
      for url in configuration.baseURLs {
        endpoints.append(
          Endpoint(
            upstream: index, url: url,
            breaker: CircuitBreaker(failuresToOpen: policy.failuresToOpen, openTime: policy.openTime)))
        for key in keys { lanes.append(Lane(endpoint: endpoints.count - 1, key: key)) }
      }
      upstreams.append(
        Upstream(
          name: configuration.name, lanes: first..<lanes.count, hedges: configuration.hedges,
          keyRests: configuration.apiKeys.map { _ in nil }))
      var place = 0
      for model in configuration.models where positions[model.name] == nil {
        positions[model.name] = models.count
        models.append(Model(name: model.name, upstream: index, place: place))
        place += 1
      }
      let breakers = [CircuitBreaker](
        repeating: CircuitBreaker(failuresToOpen: policy.failuresToOpen, openTime: policy.openTime), count: place)
      for endpoint in endpoints.indices where endpoints[endpoint].upstream == index {
        endpoints[endpoint].modelBreakers = breakers
      }
    }
    for model in configurations.flatMap(\.models) {
      guard let position = positions[model.name], models[position].fallbacks.isEmpty else { continue }
      models[position].fallbacks = model.fallbacks.compactMap { positions[$0] }.filter { $0 != position }
    }
  }

  func endpoint(of lane: Int) -> Endpoint { endpoints[lanes[lane].endpoint] }

  /// Whether nothing is known against asking a lane for a model, not even that it has to be found out.
  func isClosed(lane: Int, model: Int) -> Bool {
    let endpoint = endpoint(of: lane)
    if case .closed = endpoint.breaker.state, case .closed = endpoint.modelBreakers[models[model].place].state {
      return true
    }
    return false
  }

  private func admits(_ endpoint: Endpoint, model: Int, at now: Instant) -> Bool {
    endpoint.breaker.admits(at: now) && endpoint.modelBreakers[models[model].place].admits(at: now)
  }

  /// The lane to take: of those that are healthy the one whose endpoint has not failed this request, then the least busy,
  /// then the least used.
  func choose(model: Int, avoiding tried: [Int], at now: Instant) -> Choice {
    let upstream = models[model].upstream
    typealias Rank = (avoided: Int, busy: Int, attempts: Int)
    var best: (lane: Int, rank: Rank)?
    var earliest: Instant?
    for index in upstreams[upstream].lanes {
      let lane = lanes[index]
      let endpoint = endpoints[lane.endpoint]
      let rest = rest(of: lane, model: model, at: now)
      guard rest == nil, admits(endpoint, model: model, at: now) else {
        // Behind a probe the wait is over when the probe is; a moment is as good a guess as any.
        let time = rest ?? now + policy.firstPause
        earliest = earliest.map { min($0, time) } ?? time
        continue
      }
      let avoided = tried.contains(index) ? 2 : tried.contains { lanes[$0].endpoint == lane.endpoint } ? 1 : 0
      let rank: Rank = (avoided, endpoint.inFlight, lane.attempts)
      if let best, best.rank <= rank { continue }
      best = (index, rank)
    }
    if let best { return .lane(best.lane) }
    let time = earliest ?? now + policy.openTime
    return .later(time, resting(model, until: time, at: now))
  }

  /// Until when a lane is left alone; nil where it may be used.
  private func rest(of lane: Lane, model: Int, at now: Instant) -> Instant? {
    var latest = now
    if let own = lane.restsUntil { latest = max(latest, own) }
    let endpoint = endpoints[lane.endpoint]
    if let key = lane.key, let refused = upstreams[endpoint.upstream].keyRests[key] { latest = max(latest, refused) }
    if let closed = endpoint.breaker.closedUntil { latest = max(latest, closed) }
    if let closed = endpoint.modelBreakers[models[model].place].closedUntil { latest = max(latest, closed) }
    return latest > now ? latest : nil
  }

  private func resting(_ model: Int, until time: Instant, at now: Instant) -> GenerationError {
    let upstream = models[model].upstream
    let wait = max(time - now, .milliseconds(1))
    let seconds = Int(wait.inSeconds.rounded(.up))
    let isOpen = upstreams[upstream].lanes.contains { !admits(endpoint(of: $0), model: model, at: now) }
    let isRefused = upstreams[upstream].keyRests.allSatisfy { $0.map { $0 > now } ?? false }
    let (kind, reason): (GenerationError.Kind, String) =
      if isOpen {
        (.unavailable, "it has failed \(policy.failuresToOpen) times in a row")
      } else if isRefused, !upstreams[upstream].keyRests.isEmpty {
        (.upstreamUnauthorized, "it refused \(upstreams[upstream].keyRests.count == 1 ? "its key" : "all its keys")")
      } else {
        (.overloaded(retryAfter: wait), "it asked for a pause or refused its keys")
      }
    return GenerationError(kind, "`\(upstreams[upstream].name)` is not asked for another \(seconds) s: \(reason)")
  }

  /// Notes the beginning of an attempt.
  ///
  /// - Returns: of which breakers it is the probe.
  mutating func begin(lane: Int, model: Int) -> Probes {
    let endpoint = lanes[lane].endpoint
    lanes[lane].attempts &+= 1
    endpoints[endpoint].inFlight += 1
    endpoints[endpoint].counts.attempts += 1
    return Probes(
      ofEndpoint: endpoints[endpoint].breaker.pass(),
      ofModel: endpoints[endpoint].modelBreakers[models[model].place].pass())
  }

  /// Notes the end of an attempt; nil is success.
  mutating func end(lane: Int, model: Int, probes: Probes, error: GenerationError?, at now: Instant) {
    let endpoint = lanes[lane].endpoint
    let outcome: CircuitBreaker.Outcome
    switch error?.kind {
    case nil:
      outcome = .alive
      endpoints[endpoint].counts.successes += 1
      lanes[lane].restsUntil = nil
    case .cancelled:
      outcome = .unknown
      endpoints[endpoint].counts.cancelled += 1
    case .overloaded(let wait):
      outcome = .alive
      endpoints[endpoint].counts.refusals += 1
      lanes[lane].restsUntil = now + wait
    case .upstreamUnauthorized:
      outcome = .alive
      endpoints[endpoint].counts.refusals += 1
      if let key = lanes[lane].key { upstreams[endpoints[endpoint].upstream].keyRests[key] = now + policy.keyRest }
    case .unavailable, .timedOut, .internal:
      outcome = .failed
      endpoints[endpoint].counts.failures += 1
    case .invalidRequest, .modelNotFound, .contextLengthExceeded, .budgetExceeded:
      outcome = .alive
      endpoints[endpoint].counts.refusals += 1
    }
    endpoints[endpoint].inFlight -= 1
    if let error, error.kind != .cancelled { endpoints[endpoint].counts.lastError = error.message }
    note(outcome, endpoint: endpoint, place: models[model].place, probes, at: now)
  }

  private mutating func note(
    _ outcome: CircuitBreaker.Outcome, endpoint: Int, place: Int, _ probes: Probes, at now: Instant
  ) {
    switch outcome {
    case .alive: endpoints[endpoint].failing = (nil, false)
    case .failed:
      let first = endpoints[endpoint].failing.first ?? place
      endpoints[endpoint].failing = (first, endpoints[endpoint].failing.areSeveral || first != place)
    case .unknown: break
    }
    let before = (endpoints[endpoint].breaker.state, endpoints[endpoint].modelBreakers[place].state)
    endpoints[endpoint].modelBreakers[place].note(outcome, isProbe: probes.ofModel, at: now)
    if outcome != .failed || endpoints[endpoint].failing.areSeveral || probes.ofEndpoint {
      endpoints[endpoint].breaker.note(outcome, isProbe: probes.ofEndpoint, at: now)
    }
    guard outcome == .failed else { return }
    for (old, new) in [
      (before.0, endpoints[endpoint].breaker.state), (before.1, endpoints[endpoint].modelBreakers[place].state),
    ] {
      if case .open = new, new != old { endpoints[endpoint].counts.openings += 1 }
    }
  }
}
