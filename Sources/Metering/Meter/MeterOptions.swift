/// How a meter trades latency for certainty, and its limits.
package struct MeterOptions: Sendable {
  /// What a caller waits for.
  package enum Durability: String, Sendable, Hashable, CaseIterable {
    /// Work begins once its reservation is in the store; `settle` returns once its event is. After `kill -9` every
    /// reservation without an event is recovered as lost.
    case full
    /// Work begins once its reservation is in the store; `settle` does not wait. After `kill -9`, work that was settled in
    /// the last ``MeterOptions/commitInterval`` is recovered as lost, at what had been reserved for it.
    case reservation
  }

  /// What a caller waits for.
  package var durability = Durability.full
  /// While requests keep coming, the store commits no more often than this; a single request never waits for it.
  package var commitInterval: Duration = .milliseconds(2)
  /// The most requests one transaction takes.
  package var maximumBatch = 1_024
  /// The most requests that are granted and not settled; more are refused.
  package var maximumOpen = 100_000
  /// How long a process that no longer says that it lives keeps its reservations, where a store is shared.
  package var lease: Duration = .seconds(60)
  /// A folder for the journal of a store that this process has to itself; nil keeps none. With one, decisions are made in
  /// memory and journalled before the work begins, so that nobody waits for the store; with none, each is the store's.
  package var journal: String?
  /// How long what has been settled may take to reach the store, where there is a journal.
  package var flushInterval: Duration = .milliseconds(100)
  /// How long after a failure of the store the next request finds out whether it still fails; those between are refused at
  /// once.
  package var probeInterval: Duration = .seconds(1)
  /// Whether other processes use the same store. Where none does, all reservations found at the start are a dead process's.
  package var isShared = false

  /// The usual.
  package init() {}
}
