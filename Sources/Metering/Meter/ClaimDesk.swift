/// Decides on claims, and sees to it that what they turn into is written down.
protocol ClaimDesk: Sendable {
  /// Whether nothing may be granted because what was used cannot be written down.
  var isFailing: Bool { get }

  /// ``decide(_:)`` where nothing has to be waited for; nil where something has.
  func decideNow(_ claim: BudgetBook.Claim) -> ClaimAnswer?

  /// Decides on a claim; what is granted survives the death of the process.
  func decide(_ claim: BudgetBook.Claim) async -> ClaimAnswer

  /// ``close(_:)`` where that needs no waiting.
  ///
  /// - Returns: false where it does; nothing is closed then.
  func closeNow(_ closing: BudgetBook.Closing) -> Bool

  /// Writes down what a reservation turned into.
  func close(_ closing: BudgetBook.Closing) async

  /// ``close(_:)`` without waiting.
  func closeLater(_ closing: BudgetBook.Closing)

  /// How counters stand.
  ///
  /// - Throws: ``UsageStoreError``.
  func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter]

  /// How counters stand, where that is in memory.
  func countersNow(_ names: [CounterID]) -> [CounterID: Counter]?

  /// Puts everything that is known into the store, for whoever reads it there.
  func flush() async

  /// Takes no more claims, and returns once everything is written.
  func finish() async
}

/// What became of a claim.
typealias ClaimAnswer = Result<BudgetBook.Verdict, UsageStoreError>
