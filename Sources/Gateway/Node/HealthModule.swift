import Telemetry

/// `/healthz`, `/readyz` and `/metrics`.
struct HealthModule: GatewayModule {
  let version: String
  let metrics: MetricsRegistry
  let unreadiness: @Sendable () async -> [String]

  var routes: [Route] {
    [
      .whole(.get, "/healthz", access: .open, operation: Schemas.health) { _ in
        var json = JSONText()
        json.raw("{\"status\":\"ok\",\"version\":")
        json.string(version)
        json.raw("}")
        return WholeResponse(headers: [("cache-control", "no-store")], body: json.bytes)
      },
      .whole(.get, "/readyz", access: .open, operation: Schemas.readiness) { _ in
        let reasons = await unreadiness()
        var json = JSONText()
        json.raw("{\"status\":")
        json.string(reasons.isEmpty ? "ready" : "not ready")
        json.raw(",\"reasons\":")
        json.array(reasons) { json, reason in json.string(reason) }
        json.raw("}")
        return WholeResponse(
          reasons.isEmpty ? 200 : 503, headers: [("cache-control", "no-store")], body: json.bytes)
      },
      .whole(.get, "/metrics", operation: Schemas.metrics) { _ in
        WholeResponse(
          headers: [("cache-control", "no-store")], contentType: "text/plain; version=0.0.4; charset=utf-8",
          body: metrics.exposition())
      },
    ]
  }
}
