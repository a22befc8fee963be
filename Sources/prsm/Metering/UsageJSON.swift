import Metering
import ModelInterface

extension UsageTotal {
  /// The sums, money as decimal text so that nothing of it is lost.
  var json: JSONObject {
    [
      "requests": .integer(requests), "cache_hits": .integer(cacheHits), "unfinished": .integer(unfinished),
      "prompt_tokens": .integer(promptTokens), "cached_prompt_tokens": .integer(cachedPromptTokens),
      "completion_tokens": .integer(completionTokens), "cost": .string(cost.text),
      "mean_latency_ms": requests > 0 ? .rounded(Double(latency) / Double(requests) / 1_000) : .null,
    ]
  }
}

extension UsageReport {
  /// The report as a value.
  var json: JSONObject {
    [
      "by": .string(dimension == .organization ? "organisation" : dimension.rawValue),
      "lines": .array(
        lines.map { line in
          var object: JSONObject = ["name": .string(line.name)]
          for (name, value) in line.total.json.members { object[name] = value }
          return .object(object)
        }), "total": .object(total.json),
    ]
  }
}

extension BudgetStanding {
  /// How the budget stands, as a value.
  var json: JSONValue {
    [
      "for": .string(scope.level.word), "name": .string(scope.name), "per": .string(budget.period.rawValue),
      "limit": .string(budget.limit.text), "spent": .string(spent.text), "reserved": .string(reserved.text),
      "resets": .string(resets.text),
      "then": .array(budget.whenExceeded.map { .string($0.rawValue) }),
    ]
  }
}

extension UsageAnomaly {
  /// The hour, as a value.
  var json: JSONValue {
    [
      "hour": .string(UTCTime(seconds: Int64(hour) * 3_600).text), "cost": .rounded(value), "usual": .rounded(median),
      "z": .rounded(z), "severity": .string(severity.rawValue), "compared_with": .string(baseline.rawValue),
    ]
  }
}

extension SpendingForecast {
  /// The forecast, as a value.
  var json: JSONObject {
    var object: JSONObject = [
      "basis": .string(basis.rawValue), "days": .integer(days),
      "runs_out": runsOut.map { .string($0.text) } ?? .null,
      "runs_out_earliest": runsOutEarliest.map { .string($0.text) } ?? .null,
    ]
    object["at_month_end"] =
      atMonthEnd.map { amounts in
        [
          "low": .string(amounts.low.text), "expected": .string(amounts.expected.text),
          "high": .string(amounts.high.text),
        ]
      } ?? .null
    return object
  }
}

extension Savings {
  /// The savings, as a value.
  func json(strong: String) -> JSONValue {
    [
      "strong_model": .string(strong), "actual": .string(actual.text), "always_strong": .string(alwaysStrong.text),
      "saved": .string(saved.text), "share": share.map { .rounded($0) } ?? .null,
    ]
  }
}
