import CPostgres
import Foundation

/// A statement with parameters `$1`, `$2` …
package struct PostgresStatement: Sendable, Equatable {
  let sql: String
  let parameters: [PostgresValue]

  /// A statement.
  package init(_ sql: String, _ parameters: [PostgresValue] = []) {
    self.sql = sql
    self.parameters = parameters
  }
}

/// One connection to a server, for one thread. Every call has a deadline; one that passes it leaves the connection broken.
final class PostgresConnection {
  /// What holds for each connection.
  struct Settings: Sendable {
    /// The address, as `postgresql://…` or as `key=value …` (PostgreSQL manual, section 34.1.1).
    var address: String
    var connectTime: Duration = .seconds(5)
    /// One statement, waiting for locks included.
    var statementTime: Duration = .seconds(15)
    /// Waiting for one lock.
    var lockTime: Duration = .seconds(5)
    /// How long the server lets a transaction be that asks nothing. Less than ``lockTime``: a process that was stopped amid one
    /// holds up all others that need the same rows.
    var idleTime: Duration = .seconds(3)
  }

  private let handle: OpaquePointer
  private let settings: Settings
  private(set) var isBroken = false

  /// Connects.
  ///
  /// - Throws: ``PostgresError``: `badAddress`, `unreachable`, `timedOut`.
  init(_ settings: Settings) throws(PostgresError) {
    self.settings = settings
    let milliseconds = { (time: Duration) in Int(time / .milliseconds(1)) }
    // The address comes first, so that what follows it is how this program behaves, whatever the address says.
    let parameters: [(String, String)] = [
      ("dbname", settings.address), ("application_name", "prsm"), ("client_encoding", "UTF8"),
      ("connect_timeout", String(max(2, milliseconds(settings.connectTime) / 1_000))),
      ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"),
      ("tcp_user_timeout", String(milliseconds(settings.statementTime))),
    ]
    handle = try Self.connect(parameters, settings)
    PQsetnonblocking(handle, 1)
    _ = try execute(
      """
      SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
        set_config('idle_in_transaction_session_timeout', $3, false), set_config('TimeZone', 'UTC', false),
        set_config('client_min_messages', 'warning', false)
      """,
      [settings.statementTime, settings.lockTime, settings.idleTime].map { .text("\(milliseconds($0))ms") })
  }

  deinit { PQfinish(handle) }

  private static func connect(
    _ parameters: [(String, String)], _ settings: Settings
  ) throws(PostgresError) -> OpaquePointer {
    var names = parameters.map { UnsafePointer<CChar>(strdup($0.0)) }
    var values = parameters.map { UnsafePointer<CChar>(strdup($0.1)) }
    defer {
      for pointer in names + values { free(UnsafeMutableRawPointer(mutating: pointer)) }
    }
    names.append(nil)
    values.append(nil)
    guard let handle = PQconnectStartParams(names, values, 1) else {
      throw PostgresError(.unreachable, "there is no memory for a connection to PostgreSQL")
    }
    func failure(_ kind: PostgresError.Kind) -> PostgresError {
      let reason = message(of: handle)
      PQfinish(handle)
      return PostgresError(kind, reason)
    }
    guard PQstatus(handle) != CONNECTION_BAD else {
      // A socket that is not there fails as early as a wrong address does.
      let reason = message(of: handle)
      let isTried = reason.contains("connection to server") || reason.contains("could not translate host name")
      throw failure(isTried ? .unreachable : .badAddress)
    }
    let end = ContinuousClock.now + settings.connectTime
    var state = PGRES_POLLING_WRITING
    while state != PGRES_POLLING_OK {
      guard state != PGRES_POLLING_FAILED else { throw failure(.unreachable) }
      guard wait(PQsocket(handle), state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, until: end) else {
        PQfinish(handle)
        throw PostgresError(.timedOut, "PostgreSQL did not take the connection within \(settings.connectTime)")
      }
      state = PQconnectPoll(handle)
    }
    return handle
  }

  /// Runs one statement.
  ///
  /// - Throws: ``PostgresError``.
  func execute(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
    try execute(PostgresStatement(sql, parameters))
  }

  private func execute(_ statement: PostgresStatement) throws(PostgresError) -> PostgresRows {
    let end = try begin()
    try send(statement)
    try flush(until: end)
    return try answer(until: end)
  }

  /// Runs statements in order with one journey to the server and back (PostgreSQL manual, section 34.5). After one that
  /// fails none is run.
  ///
  /// - Returns: what each answered.
  /// - Throws: ``PostgresError`` of the first that failed.
  func execute(_ statements: [PostgresStatement]) throws(PostgresError) -> [PostgresRows] {
    if statements.count == 1, let only = statements.first { return [try execute(only)] }
    let end = try begin()
    guard PQenterPipelineMode(handle) == 1 else { throw broken(.unreachable, Self.message(of: handle)) }
    for statement in statements { try send(statement) }
    guard PQpipelineSync(handle) == 1 else { throw broken(.unreachable, Self.message(of: handle)) }
    try flush(until: end)
    var answers: [PostgresRows] = []
    var failure: PostgresError?
    for _ in statements {
      do throws(PostgresError) {
        answers.append(try answer(until: end))
      } catch {
        // What follows a failure answers only that it was not run.
        if failure == nil { failure = error }
        guard !isBroken else { throw failure ?? error }
      }
    }
    try waitForResult(until: end)
    let last = PQgetResult(handle)
    defer { PQclear(last) }
    guard PQresultStatus(last) == PGRES_PIPELINE_SYNC, PQexitPipelineMode(handle) == 1 else {
      throw broken(.unreachable, "PostgreSQL did not end its answers where the statements ended")
    }
    if let failure { throw failure }
    return answers
  }

  /// When what is begun now must be over: a little after the server's own limit, so that its better message comes first.
  private func begin() throws(PostgresError) -> ContinuousClock.Instant {
    guard !isBroken else { throw PostgresError(.unreachable, "the connection to PostgreSQL is broken") }
    return ContinuousClock.now + settings.statementTime + .seconds(2)
  }

  private func send(_ statement: PostgresStatement) throws(PostgresError) {
    let literals = statement.parameters.map { $0.literal.map { strdup($0) } ?? nil }
    defer { for literal in literals { free(literal) } }
    let sent = literals.map { UnsafePointer<CChar>($0) }.withUnsafeBufferPointer { buffer in
      PQsendQueryParams(handle, statement.sql, Int32(literals.count), nil, buffer.baseAddress, nil, nil, 0)
    }
    guard sent == 1 else { throw broken(.unreachable, Self.message(of: handle)) }
  }

  /// Whether the server has begun to close the connection, or sent something nobody asked for, while it was idle.
  func isStale() -> Bool {
    guard !isBroken else { return true }
    guard Self.wait(PQsocket(handle), POLLIN, until: .now) else { return false }
    return PQconsumeInput(handle) != 1 || PQstatus(handle) != CONNECTION_OK
  }

  private func flush(until end: ContinuousClock.Instant) throws(PostgresError) {
    while true {
      switch PQflush(handle) {
      case 0: return
      case 1:
        guard Self.wait(PQsocket(handle), POLLOUT | POLLIN, until: end) else { throw late() }
        guard PQconsumeInput(handle) == 1 else { throw broken(.unreachable, Self.message(of: handle)) }
      default: throw broken(.unreachable, Self.message(of: handle))
      }
    }
  }

  private func waitForResult(until end: ContinuousClock.Instant) throws(PostgresError) {
    while PQisBusy(handle) == 1 {
      guard Self.wait(PQsocket(handle), POLLIN, until: end) else { throw late() }
      guard PQconsumeInput(handle) == 1 else { throw broken(.unreachable, Self.message(of: handle)) }
    }
  }

  /// What the statement answers whose turn it is.
  private func answer(until end: ContinuousClock.Instant) throws(PostgresError) -> PostgresRows {
    var answer: Result<PostgresRows, PostgresError>?
    while true {
      try waitForResult(until: end)
      guard let result = PQgetResult(handle) else { break }
      let read = read(result)
      PQclear(result)
      // Of several answers the first failure counts.
      if case .failure? = answer { continue }
      answer = read
    }
    guard let answer else { throw broken(.unreachable, "PostgreSQL gave no answer") }
    if case .failure(let error) = answer, error.breaksConnection || PQstatus(handle) != CONNECTION_OK {
      isBroken = true
      throw PostgresError(error.breaksConnection ? error.kind : .unreachable, error.description)
    }
    return try answer.get()
  }

  private func read(_ result: OpaquePointer) -> Result<PostgresRows, PostgresError> {
    switch PQresultStatus(result) {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
      let width = PQnfields(result)
      let columns = (0..<width).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
      let values = (0..<PQntuples(result)).map { row in
        (0..<width).map { column -> String? in
          guard PQgetisnull(result, row, column) == 0, let bytes = PQgetvalue(result, row, column) else { return nil }
          return String(cString: bytes)
        }
      }
      let changed = PQcmdTuples(result).map { Int(String(cString: $0)) ?? 0 } ?? 0
      return .success(PostgresRows(columns: columns, values: values, changed: changed))
    case PGRES_PIPELINE_ABORTED:
      // The state of a statement in a transaction that has failed.
      return .failure(PostgresError(.statement(sqlState: "25P02"), "a statement before it failed"))
    default:
      let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
      let text = PQresultErrorMessage(result).map { String(cString: $0) } ?? ""
      return .failure(
        PostgresError(state.map { .statement(sqlState: $0) } ?? .unreachable, Self.trimmed(text)))
    }
  }

  private func late() -> PostgresError {
    broken(.timedOut, "PostgreSQL did not answer within \(settings.statementTime)")
  }

  private func broken(_ kind: PostgresError.Kind, _ message: String) -> PostgresError {
    isBroken = true
    return PostgresError(kind, message)
  }

  private static func message(of handle: OpaquePointer) -> String {
    PQerrorMessage(handle).map { trimmed(String(cString: $0)) } ?? "PostgreSQL gave no reason"
  }

  private static func trimmed(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).map { $0.drop { $0.isWhitespace } }.filter { !$0.isEmpty }.joined(
      separator: "; ")
  }

  /// Waits for a socket; false where the time is over.
  private static func wait(_ socket: Int32, _ events: Int32, until end: ContinuousClock.Instant) -> Bool {
    while true {
      var entry = pollfd(fd: socket, events: Int16(events), revents: 0)
      let left = max(0, Int((end - .now) / .milliseconds(1)))
      let count = poll(&entry, 1, Int32(clamping: left))
      if count > 0 { return true }
      if count == 0 { return false }
      guard errno == EINTR else { return true }
    }
  }
}
