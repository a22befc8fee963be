import Gateway
import Metering
import ModelInterface
import Providers

/// `/v1/prsm/configuration`: what is in force, and what is wrong with what is not.
struct ConfigurationModule: GatewayModule {
  let live: LiveConfiguration

  var routes: [GatewayRoute] {
    [
      .whole(
        .get, "/v1/prsm/configuration",
        operation: Operation(
          "describeConfiguration",
          "The configuration in force without its secrets, and what is wrong with the file where that is another.",
          tag: "Node", answers: [.json("The configuration.", ["type": "object"])])
      ) { request in
        guard request.principal.isAdmin else {
          throw APIError(
            403, "The API key may not be used for this; it lacks the scope `admin`.", type: "permission_error",
            code: "forbidden")
        }
        return WholeResponse(headers: [("cache-control", "no-store")], body: value.bytes)
      }
    ]
  }

  private var value: JSONValue {
    let (status, configuration) = (live.status, live.configuration)
    return [
      "object": "configuration", "file": .string(live.file), "generation": .integer(status.generation),
      "since": .string(Timestamp.text(status.since)), "problem": status.problem.map { .string($0) } ?? .null,
      "needs_restart": .array(status.needsRestart.map { .string($0) }),
      "unpriced_models": .array(live.unpriced.map { .string($0) }),
      "upstreams": .array(
        configuration.upstreams.map { upstream in
          [
            "name": .string(upstream.name), "kind": .string(upstream.kind.rawValue),
            "urls": .array(upstream.urls.map { .string($0) }), "keys": .integer(upstream.apiKeys.count),
            "models": .array(upstream.models.map { .string($0.name) }),
          ]
        }),
      "prices": .array(
        configuration.cost.prices.prices.sorted { $0.key < $1.key }.map { name, price in
          [
            "model": .string(name), "input_micros": .integer(price.prompt),
            "cached_input_micros": .integer(price.cachedPrompt), "output_micros": .integer(price.completion),
          ]
        }),
      "budgets": .array(
        configuration.cost.budgets.map { budget in
          [
            "for": .string(budget.level.word), "name": budget.name.map { .string($0) } ?? .null,
            "per": .string(budget.period.rawValue), "limit": .string(budget.limit.text),
            "then": .array(budget.whenExceeded.map { .string($0.rawValue) }),
          ]
        }),
      "rates": .array(
        configuration.cost.rates.map { rate in
          [
            "for": .string(rate.level.word), "name": rate.name.map { .string($0) } ?? .null,
            "of": .string(rate.kind.rawValue), "per_minute": .integer(rate.perMinute),
          ]
        }),
      "routing": [
        "names": .array(configuration.routing.names.map { .string($0) }),
        "predictor": configuration.routing.predictor.map { .string($0) } ?? .null,
        "exploration": .rounded(configuration.routing.exploration),
      ],
      "cache": [
        "scope": .string(configuration.cost.cache.scope.rawValue),
        "lifetime": .string(DurationText.text(configuration.cost.cache.lifetime)),
        "size": .integer(configuration.cost.cache.maximumBytes),
      ],
    ]
  }
}
