/// Why PostgreSQL did not do what it was asked.
package struct PostgresError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind, which decides on what may be tried again.
  package enum Kind: Sendable, Equatable {
    /// The address cannot be read, or names no database.
    case badAddress
    /// The server cannot be reached, refuses the connection, or broke it off.
    case unreachable
    /// The server did not answer in time.
    case timedOut
    /// Too much waits already.
    case overloaded
    /// A statement failed, by its SQLSTATE (PostgreSQL manual, appendix A).
    case statement(sqlState: String)
    /// The connection broke while a transaction was being committed, and nobody can tell whether it was.
    case uncertain
    /// The tables were changed by a newer version of prsm.
    case newerSchema
    /// The connections have been closed.
    case closed
  }

  /// The kind.
  package var kind: Kind
  /// What happened, and what to do. Holds no password.
  package var description: String

  /// An error.
  package init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  /// Whether the same transaction may succeed when it is run again: it met another one, or waited too long for a lock.
  var isConflict: Bool {
    guard case .statement(let state) = kind else { return false }
    return ["40001", "40P01", "55P03"].contains(state)
  }

  /// Whether the connection is of no further use.
  var breaksConnection: Bool {
    switch kind {
    case .unreachable, .timedOut: true
    // The server is shutting down, was told to end this connection, takes no more, or has waited for it too long.
    case .statement(let state):
      state.hasPrefix("57P0") || state.hasPrefix("08") || state == "53300" || state == "25P03"
    default: false
    }
  }
}
