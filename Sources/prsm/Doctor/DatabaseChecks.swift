import Foundation
import Postgres

/// The database that the node would share with its replicas.
enum DatabaseChecks {
  static func all(_ configuration: Configuration, environment: [String: String]) async -> [Finding] {
    guard let secret = configuration.databaseURL else { return [] }
    let address: String
    do throws(CommandFailure) {
      address = try secret.reveal(environment: environment)
    } catch {
      return [.fail("database", error.message, "set it, or leave out \(Settings.databaseURL.path)")]
    }
    var options = PostgresPool.Options()
    options.connections = 1
    options.time = .seconds(5)
    let pool = PostgresPool(address: address, options: options)
    let finding = await check(pool)
    await pool.close()
    return [finding]
  }

  private static func check(_ pool: PostgresPool) async -> Finding {
    do throws(PostgresError) {
      let rows = try await pool.transact { (database) throws(PostgresError) in
        try database.execute(
          """
          SELECT current_setting('server_version_num')::int, pg_is_in_recovery(),
            abs(extract(epoch FROM clock_timestamp()) - $1::text::numeric)::int
          """, [.text("\(Date().timeIntervalSince1970)")])
      }
      let row = rows.rows.first
      let version = Int(row?.integer(0) ?? 0)
      guard version >= 130_000 else {
        return .fail("database", "PostgreSQL \(version / 10_000)", "use PostgreSQL 13 or later")
      }
      guard row?.text(1) != "t" else {
        return .fail("database", "a server that only repeats another", "name the primary server, which can be written")
      }
      let difference = Int(row?.integer(2) ?? 0)
      guard difference < 10 else {
        return .warn(
          "database", "its clock differs by \(difference) s", "let both machines follow one time server")
      }
      return .ok("database", "PostgreSQL \(version / 10_000)")
    } catch {
      return .fail("database", error.description, "start the server, or correct \(Settings.databaseURL.path)")
    }
  }
}
