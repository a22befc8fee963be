/// Where events, reservations and counters live. Two replicas that share one see the same budgets.
///
/// The laws that every store keeps are those of `UsageStoreConformance` in the tests: transactions are serial and whole,
/// what a returned call wrote survives the death of the process, an event's identifier is taken once.
package protocol UsageStore: Sendable {
  /// Runs `body` in one serial transaction with the named counters loaded and the named reservations closed, and writes
  /// down what it has added and changed; wholly or not at all.
  ///
  /// - Parameters:
  ///   - counters: every counter that `body` reads or changes; those that do not exist are zero.
  ///   - closing: reservations to remove; ``UsageTransaction/open`` says which of them were there, and
  ///     ``UsageTransaction/recovered`` which had been counted as lost before.
  ///   - body: may run more than once; only its last run counts.
  /// - Throws: ``UsageStoreError``; nothing has changed then, unless the connection broke during the commit.
  func transact<Result: Sendable>(
    counters: Set<CounterID>, closing: [UsageID],
    _ body: @escaping @Sendable (inout UsageTransaction) -> Result
  ) async throws(UsageStoreError) -> Result

  /// Says that a process lives, until that time.
  func renewLease(of owner: String, until: UTCTime) async throws(UsageStoreError)

  /// Reservations of processes whose lease ended before that time, or that never had one; the oldest first.
  func orphans(at time: UTCTime, excluding owner: String, limit: Int) async throws(UsageStoreError) -> [Reservation]

  /// How counters stand; those that do not exist are zero.
  func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter]

  /// Sums of events.
  func totals(_ query: UsageQuery) async throws(UsageStoreError) -> [UsageTotal]

  /// Single events from that time on, in order of identifier.
  func events(from: UTCTime, to: UTCTime, limit: Int) async throws(UsageStoreError) -> [UsageEvent]

  /// Forgets events and counters of days before that one.
  ///
  /// - Returns: how many events.
  func prune(before time: UTCTime) async throws(UsageStoreError) -> Int

  /// Releases what the store holds. What is asked afterwards throws.
  func close() async
}

/// A store that one process has to itself, so that it may keep counters in memory and tell the store later.
package protocol SoleUsageStore: UsageStore {
  /// Which of these names events have, and which reservations.
  func known(_ ids: [UsageID]) async throws(UsageStoreError) -> (recorded: Set<UsageID>, reserved: Set<UsageID>)
}

/// What one transaction sees and leaves behind.
package struct UsageTransaction: Sendable {
  private var counters: [CounterID: Counter]
  /// The counters that changed.
  package private(set) var changed: Set<CounterID> = []
  /// Of the reservations to be closed, those that were open.
  package let open: Set<UsageID>
  /// Of the reservations to be closed, those that were not open because they had been recovered as lost.
  package let recovered: Set<UsageID>
  /// Reservations to add.
  package var reservations: [Reservation] = []
  /// Events to add. One whose identifier exists already is left out.
  package var events: [UsageEvent] = []

  /// A transaction that begins.
  package init(counters: [CounterID: Counter], open: Set<UsageID>, recovered: Set<UsageID>) {
    self.counters = counters
    self.open = open
    self.recovered = recovered
  }

  /// How a counter stands.
  package func counter(_ name: CounterID) -> Counter { counters[name] ?? Counter() }

  /// Changes a counter.
  package mutating func change(_ name: CounterID, _ body: (inout Counter) -> Void) {
    body(&counters[name, default: Counter()])
    changed.insert(name)
  }
}

/// Why a store failed.
package struct UsageStoreError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened, and what to do.
  package var description: String

  /// An error.
  package init(_ description: String) {
    self.description = description
  }
}
