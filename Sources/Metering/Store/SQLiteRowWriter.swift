import GRDB
import GRDBSQLite

/// Runs a statement for many rows, handing SQLite the values as they are: going through a list of arguments costs more than
/// the row itself.
struct SQLiteRowWriter {
  private let database: Database
  private let statement: OpaquePointer
  private var column: Int32 = 0

  /// Tells SQLite to copy a text before the call returns.
  private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  /// A writer for a statement that is kept prepared.
  ///
  /// - Throws: `DatabaseError` where the statement is none.
  init(_ database: Database, _ sql: String) throws {
    self.database = database
    statement = try database.cachedStatement(sql: sql).sqliteStatement
  }

  mutating func add(_ value: Int64) {
    column += 1
    sqlite3_bind_int64(statement, column, value)
  }

  mutating func add(_ value: Int) { add(Int64(value)) }

  mutating func add(_ value: Bool) { add(value ? 1 : 0) }

  mutating func add(_ text: String) {
    column += 1
    let isBound: Void? = text.utf8.withContiguousStorageIfAvailable { utf8 in
      utf8.withMemoryRebound(to: CChar.self) { bytes in
        // Of an empty text there may be no address, which would stand for NULL.
        if let start = bytes.baseAddress {
          sqlite3_bind_text(statement, column, start, Int32(clamping: bytes.count), Self.copied)
        } else {
          sqlite3_bind_text(statement, column, "", 0, Self.copied)
        }
      }
    }
    if isBound == nil { sqlite3_bind_text(statement, column, text, -1, Self.copied) }
  }

  mutating func add(_ text: String?) {
    if let text {
      add(text)
    } else {
      column += 1
      sqlite3_bind_null(statement, column)
    }
  }

  /// Runs the statement with the values that were added, and begins the next row.
  ///
  /// - Throws: `DatabaseError`.
  mutating func run() throws {
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
      column = 0
    }
    let code = sqlite3_step(statement)
    guard code == SQLITE_DONE || code == SQLITE_ROW else {
      throw DatabaseError(
        resultCode: ResultCode(rawValue: code),
        message: database.sqliteConnection.map { String(cString: sqlite3_errmsg($0)) })
    }
  }
}
