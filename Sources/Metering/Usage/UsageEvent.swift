package import ModelInterface

/// What one request used, written once and never changed. Sums of these are the account.
package struct UsageEvent: Sendable, Hashable {
  /// How the work ended.
  package enum Outcome: String, Sendable, Hashable, CaseIterable {
    case finished, failed, cancelled
    /// The node died, or forgot, between reserving and settling: what had been reserved is counted as used.
    case lost
  }

  /// Unique.
  package var id: UsageID
  /// When the work was admitted. It decides the day and month in which the cost is counted.
  package var time: UTCTime
  /// The request's `x-request-id`.
  package var requestID: String
  /// On whose account.
  package var account: Account
  /// The model that answered, or where none began the one that was asked for.
  package var model: String
  /// The provider that ran it; empty where none began.
  package var provider: String
  /// The tokens.
  package var usage: Usage
  /// What they cost at the prices of that moment.
  package var cost: Money
  /// How the work ended.
  package var outcome: Outcome
  /// From admission to the end, in microseconds.
  package var latency: Int64
  /// Whether the answer came from PRSM's own cache.
  package var isCacheHit: Bool
  /// Whether ``usage`` is what the provider reported; else it is what was seen or estimated.
  package var isExact: Bool

  /// An event.
  package init(
    id: UsageID, time: UTCTime, requestID: String, account: Account, model: String, provider: String, usage: Usage,
    cost: Money, outcome: Outcome, latency: Int64, isCacheHit: Bool, isExact: Bool
  ) {
    self.id = id
    self.time = time
    self.requestID = requestID
    self.account = account
    self.model = model
    self.provider = provider
    self.usage = usage
    self.cost = cost
    self.outcome = outcome
    self.latency = latency
    self.isCacheHit = isCacheHit
    self.isExact = isExact
  }
}

/// What was set aside for one request, kept in the store until it is settled.
package struct Reservation: Sendable, Hashable {
  /// Unique; the event has the same.
  package var id: UsageID
  /// The process that will settle it.
  package var owner: String
  /// When it was made.
  package var time: UTCTime
  /// The request's `x-request-id`.
  package var requestID: String
  /// On whose account.
  package var account: Account
  /// The model that may be used.
  package var model: String
  /// The most tokens that are expected.
  package var bound: Usage
  /// What these cost at most.
  package var cost: Money

  /// A reservation.
  package init(
    id: UsageID, owner: String, time: UTCTime, requestID: String, account: Account, model: String, bound: Usage,
    cost: Money
  ) {
    self.id = id
    self.owner = owner
    self.time = time
    self.requestID = requestID
    self.account = account
    self.model = model
    self.bound = bound
    self.cost = cost
  }
}
