package import GRDB

/// A step in the growth of a room's tables. Steps run once each, in the order given, each in a transaction of its own.
package struct Migration: Sendable {
  /// Unique for ever, with the room's name in front: `access-1-keys`. Never changed once released.
  package let name: String
  /// Brings the tables from the step before to this one.
  package let change: @Sendable (Database) throws -> Void

  /// A step.
  package init(_ name: String, change: @escaping @Sendable (Database) throws -> Void) {
    self.name = name
    self.change = change
  }
}
