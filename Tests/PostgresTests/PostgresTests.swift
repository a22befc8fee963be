import Foundation
import Postgres
import Synchronization
import TestDatabase
import Testing

@Suite(.enabled(if: TestDatabase.server != nil, "there is no PostgreSQL: run scripts/with-postgres swift test"))
struct PostgresTests {
  private func withPool(
    _ options: PostgresPool.Options = PostgresPool.Options(), _ body: (PostgresPool) async throws -> Void
  ) async throws {
    try await TestDatabase.with { address in
      let pool = PostgresPool(address: address, options: options)
      do { try await body(pool) } catch {
        await pool.close()
        throw error
      }
      await pool.close()
    }
  }

  private func run(_ pool: PostgresPool, _ sql: String, _ parameters: [PostgresValue] = []) async throws -> PostgresRows
  {
    try await pool.transact { (database) throws(PostgresError) in try database.execute(sql, parameters) }
  }

  @Test func valuesComeBackAsTheyWere() async throws {
    try await withPool { pool in
      let texts: [String?] = ["", "a,b", "{\"x\\\"}", "NULL", nil, "é\n'; DROP TABLE x; --", "☂️"]
      let rows = try await run(
        pool, "SELECT t, i, b FROM unnest($1::text[], $2::bigint[], $3::boolean[]) AS u (t, i, b)",
        [
          .texts(texts), .integers([1, -2, .max, .min, 0, 5, 6]),
          .truths([true, false, true, true, false, true, false]),
        ])
      #expect(rows.rows.map { $0.text("t") } == texts)
      #expect(rows.rows.map { $0.integer("i") } == [1, -2, .max, .min, 0, 5, 6])
      #expect(rows.rows.map { $0.truth("b") } == [true, false, true, true, false, true, false])
      let one = try await run(
        pool, "SELECT $1::text AS a, $2::bigint AS b, $3::bytea AS c, $4::text AS d, $5::boolean AS e",
        [.text("nul\u{0}here"), .null, .bytes([0, 255, 16]), .text("x"), .truth(true)])
      let row = try #require(one.rows.first)
      #expect(row.text("a") == "nul\u{FFFD}here" && row.integer("b") == nil && row.bytes("c") == [0, 255, 16])
      #expect(row.text("d") == "x" && row.truth("e"))
    }
  }

  @Test func whatFailsChangesNothingAndSaysWhy() async throws {
    try await withPool { pool in
      _ = try await run(pool, "CREATE TABLE t (n bigint PRIMARY KEY)")
      let failure = await #expect(throws: PostgresError.self) {
        try await pool.transact { (database) throws(PostgresError) in
          try database.execute("INSERT INTO t VALUES (1)")
          try database.execute("INSERT INTO t VALUES (1)")
        }
      }
      #expect(failure?.kind == .statement(sqlState: "23505"))
      #expect(failure?.description.contains("duplicate key") == true)
      #expect(try await run(pool, "SELECT count(*) FROM t").rows.first?.integer(0) == 0)
      #expect(pool.failure == nil, "a statement that is wrong is no failure of the database")
    }
  }

  @Test func statementsThatGoTogetherAnswerInTheirOrder() async throws {
    var options = PostgresPool.Options()
    options.connections = 1
    try await withPool(options) { pool in
      let counts = try await pool.transact { (database) throws(PostgresError) in
        try database.execute([
          PostgresStatement("CREATE TABLE t (n bigint PRIMARY KEY, v text)"),
          PostgresStatement("INSERT INTO t SELECT n, $1 FROM generate_series(1, 3) AS s (n)", [.text("x")]),
        ])
        // More than the server answers, or takes, at once.
        let long = String(repeating: "y", count: 4 << 20)
        let answers = try database.execute(
          [
            PostgresStatement("SELECT count(*) FROM t"), PostgresStatement("SELECT $1::text", [.text(long)]),
            PostgresStatement("UPDATE t SET v = $1 WHERE n < 3", [.text(long)]), PostgresStatement("SELECT v FROM t"),
          ], areLast: true)
        return [answers.count, Int(answers[0].rows[0].integer(0) ?? 0), answers[2].changed, answers[3].rows.count]
      }
      #expect(counts == [4, 3, 2, 3])
      let failure = await #expect(throws: PostgresError.self) {
        try await pool.transact { (database) throws(PostgresError) in
          try database.execute(
            [
              PostgresStatement("INSERT INTO t VALUES (9, '')"), PostgresStatement("INSERT INTO t VALUES (1, '')"),
              PostgresStatement("INSERT INTO t VALUES (10, '')"),
            ], areLast: true)
        }
      }
      #expect(failure?.kind == .statement(sqlState: "23505"), "the first that failed, not those that were not run")
      #expect(try await run(pool, "SELECT count(*) FROM t").rows.first?.integer(0) == 3, "the connection serves on")
    }
  }

  @Test func aTransactionThatStoppedInItsMiddleDoesNotHoldUpOthers() async throws {
    try await withPool { pool in
      _ = try await run(pool, "CREATE TABLE t (n bigint PRIMARY KEY, v bigint)")
      _ = try await run(pool, "INSERT INTO t VALUES (1, 0)")
      let attempts = Mutex(0)
      async let stopped: Void = pool.transact { (database) throws(PostgresError) in
        try database.execute("UPDATE t SET v = v + 10 WHERE n = 1")
        // As a process that is suspended: it holds the row, and asks nothing.
        if attempts.withLock({
          $0 += 1; return $0
        }) == 1 {
          Thread.sleep(forTimeInterval: 8)
        }
      }
      while attempts.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(10)) }
      let began = ContinuousClock.now
      _ = try await run(pool, "UPDATE t SET v = v + 1 WHERE n = 1")
      #expect(ContinuousClock.now - began < .seconds(5))
      try await stopped
      #expect(try await run(pool, "SELECT v FROM t").rows.first?.integer(0) == 11, "each of them counts once")
      #expect(attempts.withLock { $0 } == 2)
    }
  }

  @Test func transactionsThatMeetAreRunAgain() async throws {
    var options = PostgresPool.Options()
    options.connections = 4
    try await withPool(options) { pool in
      _ = try await run(pool, "CREATE TABLE t (n bigint PRIMARY KEY, v bigint)")
      _ = try await run(pool, "INSERT INTO t VALUES (1, 0), (2, 0)")
      // Locks taken in opposite orders: deadlocks are certain, and every one is resolved.
      try await withThrowingTaskGroup { group in
        for index in 0..<12 {
          group.addTask {
            let (first, second) = index % 2 == 0 ? (1, 2) : (2, 1)
            try await pool.transact { (database) throws(PostgresError) in
              try database.execute("UPDATE t SET v = v + 1 WHERE n = $1::bigint", [.integer(Int64(first))])
              try database.execute("SELECT pg_sleep(0.002)")
              try database.execute("UPDATE t SET v = v + 1 WHERE n = $1::bigint", [.integer(Int64(second))])
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await run(pool, "SELECT sum(v) FROM t").rows.first?.integer(0) == 24)
    }
  }

  @Test func aConnectionThatIsKilledIsMadeAnewAndNothingIsLostOrDone() async throws {
    try await withPool { pool in
      _ = try await run(pool, "CREATE TABLE t (n bigint)")
      let runs = Mutex(0)
      try await pool.transact { (database) throws(PostgresError) in
        let attempt = runs.withLock { runs in
          runs += 1
          return runs
        }
        try database.execute("INSERT INTO t VALUES (1)")
        // The first two attempts lose their connection in the middle.
        if attempt <= 2 { try database.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
      }
      #expect(runs.withLock { $0 } == 3)
      #expect(try await run(pool, "SELECT count(*) FROM t").rows.first?.integer(0) == 1)
      // Idle connections that were killed are noticed before they are used.
      _ = try await run(
        pool,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prsm' AND pid <> pg_backend_pid()"
      )
      for _ in 0..<6 { #expect(try await run(pool, "SELECT 1").rows.count == 1) }
    }
  }

  @Test func aCommitWhoseAnswerIsLostIsAskedAbout() async throws {
    try await withPool { pool in
      _ = try await run(pool, "CREATE TABLE t (n bigint)")
      // A trigger that runs within the commit ends the connection: the transaction is aborted, and run again.
      _ = try await run(pool, "CREATE SEQUENCE tries")
      _ = try await run(
        pool,
        """
        CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF nextval('tries') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$
        """)
      _ = try await run(
        pool,
        "CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut()"
      )
      _ = try await run(pool, "INSERT INTO t VALUES (7)")
      #expect(try await run(pool, "SELECT count(*) FROM t").rows.first?.integer(0) == 1)
    }
  }

  @Test func waitingHasAnEnd() async throws {
    var options = PostgresPool.Options()
    options.connections = 1
    options.statementTime = .milliseconds(200)
    options.time = .milliseconds(300)
    try await withPool(options) { pool in
      let failure = await #expect(throws: PostgresError.self) { try await run(pool, "SELECT pg_sleep(30)") }
      #expect(failure?.kind == .statement(sqlState: "57014"))
    }
  }

  @Test func whatCannotBeReachedSaysSo() async throws {
    var options = PostgresPool.Options()
    options.time = .milliseconds(200)
    let pool = PostgresPool(address: "postgresql://nobody:secret@127.0.0.1:1/none", options: options)
    let failure = await #expect(throws: PostgresError.self) { try await run(pool, "SELECT 1") }
    #expect(failure?.kind == .unreachable && failure?.description.contains("secret") == false)
    #expect(pool.failure != nil)
    await pool.close()
    let closed = await #expect(throws: PostgresError.self) { try await run(pool, "SELECT 1") }
    #expect(closed?.kind == .closed)
    let bad = PostgresPool(address: "postgresql://host:port:nonsense/?", options: options)
    let badFailure = await #expect(throws: PostgresError.self) { try await run(bad, "SELECT 1") }
    #expect(badFailure?.kind == .badAddress)
    await bad.close()
  }

  @Test func replicasThatStartAtOnceMigrateOnce() async throws {
    try await TestDatabase.with { address in
      let steps = [
        PostgresMigration("test-1", ["CREATE TABLE one (n bigint)", "INSERT INTO one VALUES (1)"]),
        PostgresMigration("test-2", ["INSERT INTO one VALUES (2)"]),
      ]
      try await withThrowingTaskGroup { group in
        for _ in 0..<6 {
          group.addTask {
            let pool = PostgresPool(address: address)
            try await pool.migrate(steps)
            await pool.close()
          }
        }
        try await group.waitForAll()
      }
      let pool = PostgresPool(address: address)
      #expect(try await run(pool, "SELECT count(*) FROM one").rows.first?.integer(0) == 2)
      let failure = await #expect(throws: PostgresError.self) { try await pool.migrate([steps[0]]) }
      #expect(failure?.kind == .newerSchema)
      let broken = PostgresMigration("test-3", ["CREATE TABLE two (n bigint)", "nonsense"])
      await #expect(throws: PostgresError.self) { try await pool.migrate(steps + [broken]) }
      #expect(try await run(pool, "SELECT to_regclass('two') AS t").rows.first?.text("t") == nil, "all steps or none")
      await pool.close()
    }
  }
}
