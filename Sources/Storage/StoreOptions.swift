/// The limits of a store.
package struct StoreOptions: Sendable {
  /// How long a transaction waits for another process before it fails with ``StorageError/Kind/busy``.
  package var busyTimeout: Duration = .seconds(5)
  /// The most bytes the file may take; a write past it fails with ``StorageError/Kind/full``.
  package var maximumSize = 16 << 30
  /// How many reads go on at a time; more wait.
  package var readers = 4
  /// Whether a commit returns only once its pages are on the disk. Without it a power cut, but no crash of the process, may
  /// take the last commits back; the store stays whole either way.
  package var isDurable = true

  /// The usual limits.
  package init() {}
}
