import ModelInterface
import Synchronization
package import Telemetry

/// What the gateway counts.
package final class GatewayMetrics: Sendable {
  private struct Handled: Hashable {
    var route: Int
    var status: Int
  }

  let connections: Gauge
  let inFlight: Gauge
  private let requests: Family<Counter>
  private let durations: Family<Histogram>
  private let firstToken: Family<Histogram>
  private let interToken: Family<Histogram>
  private let promptTokens: Family<Counter>
  private let cachedTokens: Family<Counter>
  private let completionTokens: Family<Counter>
  private let generations: Family<Counter>
  private let cache = Mutex<[Handled: (Counter, Histogram)]>([:])
  private let models = Mutex<[String: ModelSeries]>([:])

  /// The most models whose series are kept at hand.
  private static let modelLimit = 1_000

  /// The series of one model.
  private struct ModelSeries: Sendable {
    var outcomes: [Counter]
    var promptTokens: Counter
    var cachedTokens: Counter
    var completionTokens: Counter
    var firstToken: Histogram
    var interToken: Histogram
  }

  /// Registers the gateway's metrics.
  package init(_ registry: MetricsRegistry) {
    connections = registry.gauge("prsm_http_connections", help: "Open client connections.")()
    inFlight = registry.gauge("prsm_http_requests_in_flight", help: "Requests being answered.")()
    requests = registry.counter(
      "prsm_http_requests_total", help: "Requests answered, by route, method and status.",
      labels: ["route", "method", "status"])
    durations = registry.histogram(
      "prsm_http_request_duration_seconds", help: "Time from a request's last byte to its answer's last byte.",
      labels: ["route"])
    firstToken = registry.histogram(
      "prsm_time_to_first_token_seconds", help: "Time from a request's last byte to the first piece of its answer.",
      labels: ["model"], bounds: Histogram.firstTokenBounds)
    interToken = registry.histogram(
      "prsm_inter_token_latency_seconds", help: "Mean time between the tokens of an answer.", labels: ["model"],
      bounds: Histogram.interTokenBounds)
    promptTokens = registry.counter("prsm_prompt_tokens_total", help: "Tokens of prompts.", labels: ["model"])
    cachedTokens = registry.counter(
      "prsm_cached_prompt_tokens_total", help: "Tokens of prompts that were found in a cache.", labels: ["model"])
    completionTokens = registry.counter(
      "prsm_completion_tokens_total", help: "Tokens generated.", labels: ["model"])
    generations = registry.counter(
      "prsm_generations_total", help: "Answers by model and by how they ended.", labels: ["model", "outcome"])
  }

  /// A request was answered. `index` is the route's place in the table, -1 for none.
  func handled(index: Int, route: String, method: String, status: Int, time: Duration) {
    let key = Handled(route: index, status: status)
    let known = index < 0 ? nil : cache.withLock { $0[key] }
    let (counter, histogram): (Counter, Histogram)
    if let known {
      (counter, histogram) = known
    } else {
      (counter, histogram) = (requests(route, method, String(status)), durations(route))
      if index >= 0 { cache.withLock { $0[key] = (counter, histogram) } }
    }
    counter.add()
    histogram.observe(time)
  }

  /// A piece of work ended.
  func settled(_ settlement: Settlement, firstToken: Duration?, decode: Duration?) {
    guard let model = settlement.model else {
      generations("none", settlement.outcome.rawValue).add()
      return
    }
    let series = series(of: model)
    series.outcomes[settlement.outcome.position].add()
    series.promptTokens.add(settlement.usage.promptTokens)
    series.cachedTokens.add(settlement.usage.cachedPromptTokens)
    series.completionTokens.add(settlement.usage.completionTokens)
    if let firstToken { series.firstToken.observe(firstToken) }
    if let decode, settlement.usage.completionTokens > 1 {
      series.interToken.observe(decode / .seconds(1) / Double(settlement.usage.completionTokens - 1))
    }
  }

  private func series(of model: String) -> ModelSeries {
    if let known = models.withLock({ $0[model] }) { return known }
    let made = ModelSeries(
      outcomes: Settlement.Outcome.allCases.map { generations(model, $0.rawValue) },
      promptTokens: promptTokens(model), cachedTokens: cachedTokens(model), completionTokens: completionTokens(model),
      firstToken: firstToken(model), interToken: interToken(model))
    models.withLock { if $0.count < Self.modelLimit { $0[model] = made } }
    return made
  }
}

extension Settlement.Outcome {
  /// The position among all outcomes.
  fileprivate var position: Int {
    switch self {
    case .finished: 0
    case .failed: 1
    case .cancelled: 2
    }
  }
}
