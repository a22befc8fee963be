import Metering
import ModelInterface
import Routing

extension RouteTicket {
  /// The choice with every candidate, what excluded it, and its scores.
  var json: JSONObject {
    var object: JSONObject = [
      "id": .string(id), "request_id": .string(context.requestID), "name": .string(name),
      "chosen": .string(decision.chosen), "basis": .string(decision.basis.rawValue),
      "policy": decision.policy.json, "best_by_policy": .string(decision.greedy),
      "replayed": decision.replayedChoice().map { .string($0) } ?? .null,
      "fallbacks": .array(fallbacks.map { .string($0) }), "header": .string(header),
      "profile": decision.profile.json,
      "candidates": .array(decision.candidates.map { $0.json(isChosen: $0.name == decision.chosen) }),
      "exploration": [
        "cap": .rounded(decision.explorationCap), "share_so_far": .rounded(decision.exploredShare),
      ],
      "explanation": .array(decision.explanation.map { .string($0) }),
    ]
    if let remaining { object["remaining"] = .string(remaining.text) }
    if let gain = decision.gain { object["gain"] = .rounded(gain) }
    if let threshold = decision.gainThreshold { object["gain_threshold"] = .rounded(threshold) }
    switch arm {
    case .experiment(let name)?: object["experiment"] = .string(name)
    case .canary(let name, let side)?: object["release"] = ["name": .string(name), "side": .string(side.rawValue)]
    case nil: break
    }
    return object
  }
}

extension RouteRecord {
  /// The choice and what became of it.
  var json: JSONValue {
    var object = ticket.json
    object["time"] = .double(time)
    object["admitted"] = admitted.map { .string($0) } ?? .null
    object["refusal"] = refusal.map { .string($0) } ?? .null
    object["failed"] = .array(failed.map { ["model": .string($0.model), "reason": .string($0.reason)] })
    object["outcome"] =
      outcome.map { outcome in
        [
          "model": outcome.model.map { .string($0) } ?? .null, "outcome": .string(outcome.outcome),
          "latency_ms": .rounded(outcome.milliseconds), "prompt_tokens": .integer(outcome.usage.promptTokens),
          "completion_tokens": .integer(outcome.usage.completionTokens), "cost": .string(outcome.cost.text),
        ]
      } ?? .null
    object["judgements"] = .array(
      judgements.map { judgement in
        [
          "model": .string(judgement.model), "quality": .rounded(judgement.quality),
          "source": .string(judgement.source.rawValue),
        ]
      })
    return .object(object)
  }
}

extension RouteDecision.Considered {
  fileprivate func json(isChosen: Bool) -> JSONValue {
    [
      "model": .string(name), "chosen": .bool(isChosen),
      "excluded": excluded.map { .string($0.description) } ?? .null, "quality": .rounded(quality),
      "evidence": .integer(evidence), "drawn_quality": .rounded(drawnQuality), "cost_micros": .integer(costMicros),
      "latency_ms": latency.map { .rounded($0) } ?? .null, "score": score.map { .rounded($0) } ?? .null,
    ]
  }
}

extension RequestProfile {
  fileprivate var json: JSONValue {
    [
      "domain": .string(domain.rawValue), "language": .string(language), "prompt_tokens": .integer(promptTokens),
      "complexity": [
        "overall": .rounded(complexity.overall), "syntax": .rounded(complexity.syntax),
        "vocabulary": .rounded(complexity.vocabulary), "reasoning_depth": .rounded(complexity.reasoningDepth),
        "context_size": .rounded(complexity.contextSize),
      ],
    ]
  }
}

extension RoutePolicy {
  /// The policy in the words of the configuration.
  var json: JSONValue {
    switch self {
    case .costOptimised(let floor): ["choose": "cheap", "quality_floor": .rounded(floor)]
    case .latencyFirst(let floor): ["choose": "fast", "quality_floor": .rounded(floor)]
    case .qualityFirst(let cap): ["choose": "best", "spending_cap_micros": cap.map { .integer($0) } ?? .null]
    case .balanced(let weights):
      [
        "choose": "balanced",
        "weights": [
          "quality": .rounded(weights.quality), "cost": .rounded(weights.cost), "latency": .rounded(weights.latency),
        ],
      ]
    case .strongShare(let share): ["choose": "share", "share": .rounded(share)]
    }
  }
}
