import Access
import Foundation
import Metering
import Storage

/// The store of a data folder, with the tables of all rooms that keep something in it.
enum NodeStore {
  /// Every room's steps, in order. New rooms are added at the end.
  static let migrations = KeyRing.migrations + UsageSchema.migrations + RoutingStateStore.migrations

  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func open(in folder: DataFolder) throws(CommandFailure) -> Store {
    try folder.prepare()
    do throws(StorageError) {
      return try Store(path: folder.storePath, migrations: migrations)
    } catch {
      throw .unavailable(error.message)
    }
  }

  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func keyRing(in folder: DataFolder, or database: NodeDatabase? = nil) throws(CommandFailure) -> KeyRing {
    if let database { return KeyRing(database.keys, now: now) }
    return KeyRing(store: try open(in: folder), now: now)
  }

  /// Seconds since 1970.
  static func now() -> Int {
    Int(Date().timeIntervalSince1970)
  }
}
