import Foundation
import GRDB
import Storage

/// What routing has learned, kept in the node's store by name.
struct RoutingStateStore: Sendable {
  /// The table that it is kept in.
  static let migrations = [
    Migration("routing-1-state") { database in
      try database.create(table: "routingState") { table in
        table.primaryKey("name", .text)
        table.column("value", .blob).notNull()
      }
    }
  ]

  let store: Store

  /// Everything that is kept.
  ///
  /// - Throws: ``StorageError``.
  func load() throws(StorageError) -> [String: Data] {
    try store.readBlocking { database in
      let rows = try Row.fetchAll(database, sql: "SELECT name, value FROM routingState")
      return Dictionary(rows.map { ($0["name"] as String, $0["value"] as Data) }) { first, _ in first }
    }
  }

  /// Keeps these, and nothing else.
  ///
  /// - Throws: ``StorageError``.
  func save(_ values: [String: Data]) async throws(StorageError) {
    try await store.write { database in
      let known = try String.fetchAll(database, sql: "SELECT name FROM routingState")
      for name in known where values[name] == nil {
        try database.execute(sql: "DELETE FROM routingState WHERE name = ?", arguments: [name])
      }
      for (name, value) in values {
        try database.execute(
          sql: "INSERT INTO routingState VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
          arguments: [name, value])
      }
    }
  }
}
