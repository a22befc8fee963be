import Foundation
import Synchronization

/// Connections to one PostgreSQL database, each on a thread of its own, so that no task's thread is ever blocked.
///
/// Guarantees: what ``transact(_:)`` returned is committed; what it threw has changed nothing, except with the kind
/// `uncertain`. A connection that breaks is made anew, and what was not committed is run again, until the deadline. Where it
/// breaks during the commit itself, the server is asked what became of that.
package final class PostgresPool: Sendable {
  /// How connections are used.
  package struct Options: Sendable {
    /// How many connections.
    package var connections = 3
    /// The most pieces of work that wait for one.
    package var maximumWaiting = 4_096
    /// How long one piece of work may take, waiting and all attempts included.
    package var time: Duration = .seconds(20)
    /// Making one connection.
    package var connectTime: Duration = .seconds(5)
    /// One statement.
    package var statementTime: Duration = .seconds(15)
    /// Waiting for one lock.
    package var lockTime: Duration = .seconds(5)

    /// The usual.
    package init() {}
  }

  private typealias Work = @Sendable (Worker) -> Void

  private struct State {
    var waiting: [Work] = []
    var isClosed = false
    var threads = 0
    var failure: PostgresError?
    var onClosed: [CheckedContinuation<Void, Never>] = []
  }

  private let address: String
  private let options: Options
  private let state = Mutex(State())
  private let condition = NSCondition()

  /// Connections to the database at an address, as `postgresql://user@host/database`. Connects with the first use.
  package init(address: String, options: Options = Options()) {
    self.address = address
    self.options = options
    state.withLock { $0.threads = max(1, options.connections) }
    for index in 0..<max(1, options.connections) {
      let thread = Thread { [self] in serve() }
      thread.name = "postgres \(index)"
      thread.stackSize = 1 << 20
      thread.start()
    }
  }

  /// Why the database cannot be used now; nil where the last use of it went well.
  package var failure: PostgresError? { state.withLock(\.failure) }

  /// Runs `body` in one transaction, wholly or not at all.
  ///
  /// - Parameter body: may run more than once; only its last run counts. It runs on a thread of its own, and must not wait
  ///   for anything but the database.
  /// - Throws: ``PostgresError``, and what `body` throws.
  @discardableResult
  package func transact<Result: Sendable>(
    _ body: @escaping @Sendable (PostgresTransaction) throws(PostgresError) -> Result
  ) async throws(PostgresError) -> Result {
    let end = ContinuousClock.now + options.time
    return try await run { (worker) throws(PostgresError) in try worker.transact(until: end, body) }
  }

  /// Closes the connections once what is running has finished. What waits, and what is asked afterwards, throws.
  package func close() async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        state.isClosed = true
        if state.threads > 0 { state.onClosed.append(continuation) }
        return state.threads == 0
      }
      if isOver { continuation.resume() }
      condition.lock()
      condition.broadcast()
      condition.unlock()
    }
  }

  private func run<Result: Sendable>(
    _ body: @escaping @Sendable (Worker) throws(PostgresError) -> Result
  ) async throws(PostgresError) -> Result {
    let answer: Swift.Result<Result, PostgresError> = await withCheckedContinuation { continuation in
      let work: Work = { worker in
        do throws(PostgresError) {
          let result = try body(worker)
          self.state.withLock { $0.failure = nil }
          continuation.resume(returning: .success(result))
        } catch {
          if error.breaksConnection || error.kind == .badAddress { self.state.withLock { $0.failure = error } }
          continuation.resume(returning: .failure(error))
        }
      }
      let refusal: PostgresError? = state.withLock { state in
        if state.isClosed { return PostgresError(.closed, "the connections to PostgreSQL have been closed") }
        guard state.waiting.count < options.maximumWaiting else {
          return PostgresError(.overloaded, "\(options.maximumWaiting) pieces of work wait for PostgreSQL already")
        }
        state.waiting.append(work)
        return nil
      }
      if let refusal {
        continuation.resume(returning: .failure(refusal))
      } else {
        condition.lock()
        condition.signal()
        condition.unlock()
      }
    }
    return try answer.get()
  }

  private func serve() {
    let worker = Worker(address: address, options: options)
    while true {
      condition.lock()
      while state.withLock({ $0.waiting.isEmpty && !$0.isClosed }) { condition.wait() }
      condition.unlock()
      let work: Work? = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
      if let work {
        worker.isLast = state.withLock(\.isClosed)
        work(worker)
      } else if state.withLock(\.isClosed) {
        break
      }
    }
    worker.disconnect()
    let waiters: [CheckedContinuation<Void, Never>] = state.withLock { state in
      state.threads -= 1
      guard state.threads == 0 else { return [] }
      defer { state.onClosed = [] }
      return state.onClosed
    }
    for waiter in waiters { waiter.resume() }
  }
}

/// One thread's connection. Never leaves its thread.
final class Worker {
  private let address: String
  private let options: PostgresPool.Options
  private var connection: PostgresConnection?
  /// Whether the pool is being closed, so that nothing is tried again.
  var isLast = false

  init(address: String, options: PostgresPool.Options) {
    self.address = address
    self.options = options
  }

  func disconnect() { connection = nil }

  func transact<Result>(
    until end: ContinuousClock.Instant, _ body: (PostgresTransaction) throws(PostgresError) -> Result
  ) throws(PostgresError) -> Result {
    var attempt = 0
    while true {
      do throws(PostgresError) {
        return try attemptOnce(until: end, body)
      } catch {
        guard error.isConflict || error.breaksConnection, !isLast else { throw error }
        let pause = pause(after: attempt)
        guard ContinuousClock.now + pause < end else { throw error }
        Thread.sleep(forTimeInterval: pause / .seconds(1))
        attempt += 1
      }
    }
  }

  /// Grows from 20 ms to 1 s, with jitter.
  private func pause(after attempt: Int) -> Duration {
    let most = min(1_000, 20 << min(attempt, 6))
    return .milliseconds(Int.random(in: most / 2...most))
  }

  private func attemptOnce<Result>(
    until end: ContinuousClock.Instant, _ body: (PostgresTransaction) throws(PostgresError) -> Result
  ) throws(PostgresError) -> Result {
    let connection = try usable()
    let transaction = PostgresTransaction(connection)
    defer { transaction.isOver = true }
    do throws(PostgresError) {
      let result = try body(transaction)
      // Nil where nothing was changed, so that nothing can be in doubt.
      let number = try transaction.number()
      do throws(PostgresError) {
        _ = try connection.execute("COMMIT")
      } catch {
        guard error.breaksConnection, let number else { throw error }
        disconnect()
        guard try isCommitted(number, until: end) else { throw error }
      }
      return result
    } catch {
      // A statement that failed leaves the connection usable once the transaction is given up.
      if connection.isBroken {
        disconnect()
      } else if (try? connection.execute("ROLLBACK")) == nil {
        disconnect()
      }
      throw error
    }
  }

  /// What became of a transaction whose commit nobody answered (PostgreSQL manual, section 9.27.8).
  private func isCommitted(_ number: String, until end: ContinuousClock.Instant) throws(PostgresError) -> Bool {
    while ContinuousClock.now < end, !isLast {
      do throws(PostgresError) {
        let connection = try usable()
        switch try connection.execute("SELECT pg_xact_status($1::text::xid8)", [.text(number)]).rows.first?.text(0) {
        case "committed": return true
        case "aborted": return false
        default: break
        }
      } catch {
        guard error.breaksConnection else { throw error }
        disconnect()
      }
      Thread.sleep(forTimeInterval: 0.1)
    }
    throw PostgresError(
      .uncertain, "the connection broke during a commit, and PostgreSQL cannot be asked what became of it")
  }

  private func usable() throws(PostgresError) -> PostgresConnection {
    if let connection, !connection.isStale() { return connection }
    disconnect()
    var settings = PostgresConnection.Settings(address: address)
    settings.connectTime = options.connectTime
    settings.statementTime = options.statementTime
    settings.lockTime = options.lockTime
    let fresh = try PostgresConnection(settings)
    connection = fresh
    return fresh
  }
}

/// Statements of one transaction. Used on its thread, while the transaction is open.
package final class PostgresTransaction {
  private static let numberQuery = PostgresStatement("SELECT pg_current_xact_id_if_assigned()")

  private let connection: PostgresConnection
  private var isBegun = false
  /// What the last statements asked for; nil where they did not.
  private var known: PostgresRows?
  var isOver = false

  init(_ connection: PostgresConnection) {
    self.connection = connection
  }

  /// Its number at the server; nil where it has changed nothing.
  func number() throws(PostgresError) -> String? {
    if known == nil { try execute([], areLast: true) }
    return known?.rows.first?.text(0)
  }

  /// Runs one statement with parameters `$1`, `$2` …
  ///
  /// - Throws: ``PostgresError``; the transaction is lost then.
  @discardableResult
  package func execute(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresError) -> PostgresRows {
    try execute([PostgresStatement(sql, parameters)])[0]
  }

  /// Runs statements in order, with one journey to the server and back.
  ///
  /// - Parameter areLast: whether none is expected to follow, which saves another journey.
  /// - Returns: what each answered.
  /// - Throws: ``PostgresError``; the transaction is lost then.
  @discardableResult
  package func execute(
    _ statements: [PostgresStatement], areLast: Bool = false
  ) throws(PostgresError) -> [PostgresRows] {
    precondition(!isOver, "a transaction was used after its end")
    let first = isBegun ? [] : [PostgresStatement("BEGIN")]
    let all = first + statements + (areLast ? [Self.numberQuery] : [])
    guard !all.isEmpty else { return [] }
    isBegun = true
    known = nil
    let answers = try connection.execute(all)
    if areLast { known = answers.last }
    return Array(answers.dropFirst(first.count).prefix(statements.count))
  }
}
