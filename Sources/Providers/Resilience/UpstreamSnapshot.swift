/// How the upstreams are, for `/metrics` and for routing.
package struct UpstreamSnapshot: Sendable, Hashable {
  /// Counts of one endpoint.
  package struct Counts: Sendable, Hashable {
    /// Requests sent to it, retries and hedges included.
    package var attempts = 0
    /// Answers that were delivered to their end.
    package var successes = 0
    /// It was down, too late, or answered nonsense.
    package var failures = 0
    /// It answered with a refusal: rate limit, credentials, bad request.
    package var refusals = 0
    /// Given up by PRSM: the client went away, or another attempt was faster.
    package var cancelled = 0
    /// Answers that did not say what they took, or said what cannot be.
    package var estimates = 0
    /// How often its breaker opened.
    package var openings = 0
    /// The last error in words; nil where there was none.
    package var lastError: String?

    /// Nothing counted.
    package init() {}
  }

  /// Counts of all requests together.
  package struct Totals: Sendable, Hashable {
    /// Requests that were begun.
    package var requests = 0
    /// Attempts after a failed one.
    package var retries = 0
    /// Second attempts beside one that was slow.
    package var hedges = 0
    /// Hedges that were faster.
    package var hedgesWon = 0
    /// Times that another model took over.
    package var fallbacks = 0
    /// Requests that failed in the end.
    package var failures = 0

    /// Nothing counted.
    package init() {}
  }

  /// One address of one upstream.
  package struct Endpoint: Sendable, Hashable {
    /// The upstream's name.
    package var upstream: String
    /// The address.
    package var url: String
    /// The breaker: `closed`, `open` or `half-open`.
    package var breaker: String
    /// Whether a request for one of its models would be sent there now.
    package var isHealthy: Bool
    /// How many of its models are asked nothing at this time, each by a breaker of its own.
    package var brokenModels: Int
    /// Requests under way.
    package var inFlight: Int
    /// What happened so far.
    package var counts: Counts
  }

  /// One model's time to the first event of a stream, or to the whole answer where nobody reads it as it is written.
  package struct Latency: Sendable, Hashable {
    /// The model as clients name it.
    package var model: String
    /// Whether it is about streams.
    package var isStreamed: Bool
    /// How many answers were timed.
    package var count: Int
    /// The middle.
    package var median: Duration
    /// Exceeded by one in twenty.
    package var p95: Duration
    /// Exceeded by one in a hundred.
    package var p99: Duration
  }

  /// Counts of all requests.
  package var totals: Totals
  /// All endpoints, in the order of the configuration.
  package var endpoints: [Endpoint]
  /// Latencies of models that have answered.
  package var latencies: [Latency]
  /// For each upstream, how many of its keys rest because they were refused.
  package var restingKeys: [String: Int]
  /// Models of which at least one endpoint would be asked now.
  package var healthyModels: Set<String>
}

extension Fleet {
  /// How everything is now.
  package func snapshot(at now: Instant) -> UpstreamSnapshot {
    func isHealthy(_ endpoint: Endpoint) -> Bool {
      endpoint.breaker.admits(at: now) && endpoint.modelBreakers.contains { $0.admits(at: now) }
    }
    /// The breaker of the endpoint, or where that is closed, the most sanguine of its models'.
    func state(_ endpoint: Endpoint) -> CircuitBreaker.State {
      guard case .closed = endpoint.breaker.state else { return endpoint.breaker.state }
      let states = endpoint.modelBreakers.map(\.state)
      return states.first { if case .closed = $0 { true } else { false } } ?? states.first { $0 == .halfOpen }
        ?? states.first ?? endpoint.breaker.state
    }
    func word(_ state: CircuitBreaker.State) -> String {
      switch state {
      case .closed: "closed"
      case .open: "open"
      case .halfOpen: "half-open"
      }
    }
    var latencies: [UpstreamSnapshot.Latency] = []
    for model in models {
      for (isStreamed, estimate) in [(true, model.streamed), (false, model.whole)] {
        guard let median = estimate.quantile(0.5), let p95 = estimate.quantile(0.95),
          let p99 = estimate.quantile(0.99)
        else { continue }
        latencies.append(
          .init(
            model: model.name, isStreamed: isStreamed, count: estimate.count, median: median, p95: p95, p99: p99))
      }
    }
    let healthy = models.indices.filter { model in
      if case .lane = choose(model: model, avoiding: [], at: now) { true } else { false }
    }
    return UpstreamSnapshot(
      totals: totals,
      endpoints: endpoints.map {
        .init(
          upstream: upstreams[$0.upstream].name, url: $0.url, breaker: word(state($0)),
          isHealthy: isHealthy($0), brokenModels: $0.modelBreakers.count { !$0.admits(at: now) },
          inFlight: $0.inFlight, counts: $0.counts)
      },
      latencies: latencies,
      restingKeys: Dictionary(
        upstreams.map { ($0.name, $0.keyRests.count { ($0 ?? now) > now }) }, uniquingKeysWith: +),
      healthyModels: Set(healthy.map { models[$0].name }))
  }
}
