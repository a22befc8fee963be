import Metering
import Providers
import Telemetry

/// What `/metrics` says of upstreams, routing, the account and the configuration; read when somebody asks.
enum AccountMetrics {
  static func add(to registry: MetricsRegistry, upstreams: UpstreamProvider) {
    func endpoints(
      _ name: String, _ help: String, _ kind: MetricsRegistry.Reading.Kind,
      _ value: @escaping @Sendable (UpstreamSnapshot.Endpoint) -> Double
    ) {
      registry.add(
        MetricsRegistry.Readings(name, help: help, kind: kind, labels: ["upstream", "url"]) {
          upstreams.snapshot().endpoints.map { ([$0.upstream, $0.url], value($0)) }
        })
    }
    registry.add(
      MetricsRegistry.Readings(
        "prsm_upstream_breaker", help: "Whether the circuit breaker of an endpoint is in a state.", kind: .gauge,
        labels: ["upstream", "url", "state"]
      ) {
        upstreams.snapshot().endpoints.flatMap { endpoint in
          ["closed", "open", "half-open"].map { state in
            ([endpoint.upstream, endpoint.url, state], endpoint.breaker == state ? 1 : 0)
          }
        }
      })
    endpoints(
      "prsm_upstream_broken_models", "Models that an endpoint is not asked for, because they keep failing there.",
      .gauge
    ) {
      Double($0.brokenModels)
    }
    endpoints("prsm_upstream_in_flight", "Requests under way at an endpoint.", .gauge) { Double($0.inFlight) }
    endpoints("prsm_upstream_attempts_total", "Requests sent to an endpoint.", .counter) { Double($0.counts.attempts) }
    endpoints("prsm_upstream_successes_total", "Answers that came to their end.", .counter) {
      Double($0.counts.successes)
    }
    endpoints("prsm_upstream_failures_total", "Requests that an endpoint failed.", .counter) {
      Double($0.counts.failures)
    }
    endpoints("prsm_upstream_refusals_total", "Requests that an endpoint refused.", .counter) {
      Double($0.counts.refusals)
    }
    endpoints(
      "prsm_upstream_usage_estimated_total", "Answers that did not say what they took, or said what cannot be.",
      .counter
    ) {
      Double($0.counts.estimates)
    }
    endpoints("prsm_upstream_breaker_openings_total", "How often a breaker opened.", .counter) {
      Double($0.counts.openings)
    }
    registry.add(
      MetricsRegistry.Readings(
        "prsm_upstream_latency_seconds",
        help: "Time to the first event of a stream, or to a whole answer, lately.", kind: .gauge,
        labels: ["model", "streamed", "quantile"]
      ) {
        upstreams.snapshot().latencies.flatMap { latency in
          [("0.5", latency.median), ("0.95", latency.p95), ("0.99", latency.p99)].map { quantile, time in
            ([latency.model, latency.isStreamed ? "true" : "false", quantile], time.inSeconds)
          }
        }
      })
    registry.add(
      MetricsRegistry.Readings(
        "prsm_upstream_requests_total", help: "Requests to upstreams, by what was done for them.", kind: .counter,
        labels: ["event"]
      ) {
        let totals = upstreams.snapshot().totals
        return [
          (["begun"], Double(totals.requests)), (["retried"], Double(totals.retries)),
          (["hedged"], Double(totals.hedges)), (["hedge_won"], Double(totals.hedgesWon)),
          (["fell_back"], Double(totals.fallbacks)), (["failed"], Double(totals.failures)),
        ]
      })
  }

  static func add(to registry: MetricsRegistry, metering: NodeMetering) {
    let cache = metering.cache
    registry.add(
      MetricsRegistry.Readings(
        "prsm_cache_lookups_total", help: "Requests that might be answered from the cache, by what was found.",
        kind: .counter, labels: ["found"]
      ) {
        let statistics = cache.statistics
        return [
          (["equal"], Double(statistics.hits)), (["similar"], Double(statistics.semanticHits)),
          (["nothing"], Double(statistics.misses)),
        ]
      })
    registry.add(
      .init("prsm_cache_bytes", help: "Memory that kept answers take.", kind: .gauge) {
        Double(cache.statistics.bytes)
      })
    registry.add(
      .init("prsm_cache_entries", help: "Answers that are kept.", kind: .gauge) { Double(cache.statistics.entries) })
    registry.add(
      .init("prsm_account_open", help: "Requests that money is set aside for.", kind: .gauge) {
        Double(metering.meter.openCount)
      })
    registry.add(
      MetricsRegistry.Readings(
        "prsm_account_spent_total", help: "Money spent by this process, by model, in units of the currency.",
        kind: .counter,
        labels: ["model", "currency"]
      ) {
        let currency = metering.configuration.currency
        return metering.spent.map { ([$0.key, currency], $0.value.approximate) }.sorted { $0.0[0] < $1.0[0] }
      })
  }

  static func add(to registry: MetricsRegistry, live: LiveConfiguration) {
    registry.add(
      .init("prsm_configuration_valid", help: "Whether the configuration file as it is now is in force.", kind: .gauge)
      {
        live.status.problem == nil ? 1 : 0
      })
    registry.add(
      .init("prsm_configuration_generation", help: "How often a configuration was put in force.", kind: .gauge) {
        Double(live.status.generation)
      })
  }
}
