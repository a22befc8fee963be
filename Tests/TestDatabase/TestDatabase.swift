import Foundation
import Postgres

/// A part of a real PostgreSQL for one test, with nothing in it. `scripts/with-postgres` starts the server.
package enum TestDatabase {
  /// The server's address; nil where there is none, and tests that need one are skipped.
  package static var server: String? {
    ProcessInfo.processInfo.environment["PRSM_TEST_DATABASE_URL"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Why tests are skipped.
  package static let absence: String =
    "there is no PostgreSQL: run these tests as scripts/with-postgres swift test --filter …"

  /// The address of a schema of its own, which `body` has for itself. It is dropped afterwards.
  package static func with<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    guard let server else { throw PostgresError(.unreachable, absence) }
    let name = "test_" + UUID().uuidString.lowercased().replacing("-", with: "")
    let pool = PostgresPool(address: server)
    try await pool.transact { (database) throws(PostgresError) in try database.execute("CREATE SCHEMA \(name)") }
    let address = server + (server.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(name)"
    do {
      let result = try await body(address)
      await drop(name, pool)
      return result
    } catch {
      await drop(name, pool)
      throw error
    }
  }

  private static func drop(_ name: String, _ pool: PostgresPool) async {
    _ = try? await pool.transact { (database) throws(PostgresError) in
      try database.execute("DROP SCHEMA \(name) CASCADE")
    }
    await pool.close()
  }
}
