/// What was used over a time, grouped, with the sum of all.
package struct UsageReport: Sendable, Hashable {
  /// One group.
  package struct Line: Sendable, Hashable {
    /// What its events agree in: a day, a model, a key …
    package var name: String
    /// Their sum.
    package var total: UsageTotal
  }

  /// What the lines are grouped by.
  package var dimension: UsageQuery.Dimension
  /// The groups: days in order, everything else by falling cost, then name.
  package var lines: [Line]
  /// Everything.
  package var total: UsageTotal

  /// A report from sums that may be kept apart by more than the dimension.
  package init(_ totals: [UsageTotal], by dimension: UsageQuery.Dimension) {
    self.dimension = dimension
    var groups: [String: UsageTotal] = [:]
    var sum = UsageTotal()
    for total in totals {
      groups[Self.name(total, dimension), default: UsageTotal()].add(total)
      sum.add(total)
    }
    self.total = sum
    let isTime = dimension == .day || dimension == .hour
    lines = groups.map { Line(name: $0.key, total: $0.value) }.sorted { left, right in
      if !isTime, left.total.cost != right.total.cost { return left.total.cost > right.total.cost }
      return left.name < right.name
    }
  }

  private static func name(_ total: UsageTotal, _ dimension: UsageQuery.Dimension) -> String {
    switch dimension {
    case .hour: return total.hour.map { UTCTime(seconds: Int64($0) * 3_600).text } ?? ""
    case .day:
      let day = total.day ?? total.hour.map { $0 / 24 }
      return day.map { UTCTime(seconds: Int64($0) * 86_400).dayText } ?? ""
    default: return total.labels[dimension] ?? ""
    }
  }
}

extension UsageTotal {
  /// Adds a sum to this one; counts stay at the end of their range.
  mutating func add(_ other: UsageTotal) {
    requests = requests.addingSaturated(other.requests)
    cacheHits = cacheHits.addingSaturated(other.cacheHits)
    unfinished = unfinished.addingSaturated(other.unfinished)
    promptTokens = promptTokens.addingSaturated(other.promptTokens)
    cachedPromptTokens = cachedPromptTokens.addingSaturated(other.cachedPromptTokens)
    completionTokens = completionTokens.addingSaturated(other.completionTokens)
    cost += other.cost
    latency = latency.addingSaturated(other.latency)
  }
}

extension FixedWidthInteger {
  fileprivate func addingSaturated(_ other: Self) -> Self {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }
}

/// What routing and caching have saved, beside a node that asks its strongest model for everything.
package struct Savings: Sendable, Hashable {
  /// What was paid.
  package var actual: Money
  /// What the strong model would have cost for the same tokens, cached answers included.
  package var alwaysStrong: Money
  /// The difference; negative where models were dearer than the strong one.
  package var saved: Money { alwaysStrong - actual }
  /// The difference as a share of what the strong model would have cost; nil where that is nothing.
  package var share: Double? {
    alwaysStrong > .zero ? saved.approximate / alwaysStrong.approximate : nil
  }

  /// The savings over sums. It assumes that the strong model would have written answers as long as those that were
  /// written, and had found as much of the prompts in its cache.
  package init(_ totals: [UsageTotal], strong: ModelPrice) {
    var actual = Money.zero
    var pico = Int128(0)
    for total in totals {
      actual += total.cost
      let cached = Int128(min(max(total.cachedPromptTokens, 0), max(total.promptTokens, 0)))
      pico += (Int128(max(total.promptTokens, 0)) - cached) * Int128(strong.prompt)
      pico += cached * Int128(strong.cachedPrompt) + Int128(max(total.completionTokens, 0)) * Int128(strong.completion)
    }
    self.actual = actual
    alwaysStrong = Money(pico: pico)
  }
}
