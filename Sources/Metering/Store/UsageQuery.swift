/// Which events to sum, and by what.
package struct UsageQuery: Sendable, Hashable {
  /// Something that sums are kept apart by.
  package enum Dimension: String, Sendable, Hashable, CaseIterable {
    case hour, day, key, user, project, organization, model, provider, outcome
  }

  /// Events from then on.
  package var from: UTCTime
  /// Events before then.
  package var to: UTCTime
  /// What sums are kept apart by.
  package var dimensions: Set<Dimension>
  /// Only events of this spender; nil for all.
  package var scope: BudgetScope?

  /// A query.
  package init(from: UTCTime, to: UTCTime, by dimensions: Set<Dimension>, of scope: BudgetScope? = nil) {
    self.from = from
    self.to = to
    self.dimensions = dimensions
    self.scope = scope
  }
}

/// A sum of events that agree in some respects.
package struct UsageTotal: Sendable, Hashable {
  /// The hour or day, counted from 1970, by ``UsageQuery/dimensions``; nil where neither was asked for.
  package var hour: Int?
  /// The day, counted from 1970.
  package var day: Int?
  /// What they agree in, for the dimensions asked for; `""` stands for events that have none.
  package var labels: [UsageQuery.Dimension: String] = [:]
  /// How many events.
  package var requests = 0
  /// Of these, how many were answered from the cache.
  package var cacheHits = 0
  /// Of these, how many did not finish.
  package var unfinished = 0
  /// Prompt tokens.
  package var promptTokens = 0
  /// Of these, found in a cache.
  package var cachedPromptTokens = 0
  /// Tokens of answers.
  package var completionTokens = 0
  /// What they cost.
  package var cost = Money.zero
  /// The sum of latencies, in microseconds.
  package var latency: Int64 = 0

  /// An empty sum.
  package init() {}
}
