import GRDB

/// Why the store cannot do what it was asked.
package struct StorageError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind, which decides what a caller does about it.
  package enum Kind: Sendable, Equatable {
    /// The file or its folder cannot be opened, created or written: permissions, or a read-only disk.
    case notAccessible
    /// The disk, or the store's own limit, is full. Nothing was written.
    case full
    /// Another process has held the store for longer than ``StoreOptions/busyTimeout``. Trying again may help.
    case busy
    /// The file is not a store, or is damaged.
    case damaged
    /// A newer version of PRSM has changed the store in ways that this one does not know.
    case newerSchema
    /// What was to be written contradicts what is there.
    case conflict
    /// Anything else.
    case other
  }

  /// The kind.
  package var kind: Kind
  /// What happened, with the file, and what to do.
  package var message: String

  /// An error.
  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  /// The message.
  package var description: String { message }

  /// What an error of the database means to somebody who does not know that there is one.
  static func describing(_ error: any Error, path: String) -> StorageError {
    if let error = error as? StorageError { return error }
    guard let error = error as? DatabaseError else { return StorageError(.other, "the store \(path) failed: \(error)") }
    switch error.resultCode {
    case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY, .SQLITE_AUTH:
      return StorageError(
        .notAccessible,
        "the store \(path) cannot be opened for writing; check the permissions of the file and its folder")
    case .SQLITE_FULL:
      return StorageError(
        .full, "the store \(path) cannot grow: the disk or its own limit is full; make room and try again")
    case .SQLITE_IOERR:
      return StorageError(
        .notAccessible, "the disk failed while the store \(path) was used (\(error.message ?? "I/O error")); check it")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return StorageError(.busy, "the store \(path) is held by another process; try again, or stop that process")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      return StorageError(
        .damaged, "\(path) is damaged or not a PRSM store; restore it from a backup, or move it away to begin anew")
    case .SQLITE_CONSTRAINT:
      return StorageError(.conflict, "the store \(path) refuses a contradiction: \(error.message ?? "constraint")")
    default:
      return StorageError(.other, "the store \(path) failed: \(error.message ?? "unknown error") (\(error.resultCode))")
    }
  }
}
