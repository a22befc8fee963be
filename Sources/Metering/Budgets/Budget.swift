/// A limit on what may be spent.
package struct Budget: Sendable, Hashable {
  /// What a limit is counted over. Days and months are those of UTC.
  package enum Period: String, Sendable, Hashable, CaseIterable {
    case request, day, month
  }

  /// What to do with a request that would exceed a limit. Tried in the order given; at the end it is refused.
  package enum Action: String, Sendable, Hashable, CaseIterable {
    /// A request of low priority (below 0) waits, and is told to come back; one of usual priority goes on to what follows.
    case deferLowPriority = "defer"
    /// The cheapest listed replacement of its model that fits all budgets is used instead.
    case downgrade
    /// It is refused.
    case refuse
  }

  /// The level it applies at.
  package var level: BudgetLevel
  /// Whom it applies to; nil for each one at the level that has no budget of this period under its own name.
  package var name: String?
  /// What it is counted over.
  package var period: Period
  /// The most that may be spent.
  package var limit: Money
  /// What happens at the limit.
  package var whenExceeded: [Action]

  /// A limit.
  package init(
    _ level: BudgetLevel, named name: String? = nil, per period: Period, limit: Money,
    whenExceeded: [Action] = [.refuse]
  ) {
    self.level = level
    self.name = level == .node ? nil : name
    self.period = period
    self.limit = limit
    self.whenExceeded = whenExceeded
  }
}

/// A limit on how fast something may go, as a token bucket (ITU-T I.371's generic cell rate algorithm): up to ``perMinute``
/// at once, refilled evenly over a minute. So any minute sees at most twice the limit, and every longer time the limit.
package struct RateLimit: Sendable, Hashable {
  /// What is limited.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    case requests, tokens
  }

  /// The level it applies at.
  package var level: BudgetLevel
  /// Whom it applies to; nil for each one that has no limit of this kind under its own name.
  package var name: String?
  /// What is limited.
  package var kind: Kind
  /// How much a minute, at least 1.
  package var perMinute: Int

  /// A limit.
  package init(_ level: BudgetLevel, named name: String? = nil, _ kind: Kind, perMinute: Int) {
    self.level = level
    self.name = level == .node ? nil : name
    self.kind = kind
    self.perMinute = max(1, perMinute)
  }
}
