import Access
import Foundation
import Logging
import Metering
import Postgres
import ServiceLifecycle

/// The PostgreSQL database that a node shares with its replicas.
struct NodeDatabase: Sendable {
  /// Every room's steps, in order. New rooms are added at the end.
  static let migrations = PostgresKeyStore.migrations + UsageSchema.postgres + PostgresAnswers.migrations
  /// How often a database that is away is asked whether it is back.
  private static let pause = Duration.seconds(2)
  let pool: PostgresPool

  /// Nil where the configuration names none.
  ///
  /// - Parameter patience: how long one that cannot be reached is waited for.
  /// - Throws: ``CommandFailure``: `usage` where its address is no address, `unavailable` where it cannot be reached, or was
  ///   changed by a newer version.
  static func open(
    _ configuration: Configuration, environment: [String: String], patience: Duration = .zero
  ) async throws(CommandFailure) -> NodeDatabase? {
    guard let secret = configuration.databaseURL else { return nil }
    let address = try secret.reveal(environment: environment)
    guard address.hasPrefix("postgresql://") || address.hasPrefix("postgres://") || address.contains("=") else {
      throw .usage(
        "\(Settings.databaseURL.path): expected an address such as `postgresql://user@host/database`, found another text"
      )
    }
    var options = PostgresPool.Options()
    // A node that starts may come before its database; a command has somebody who waits.
    options.time = patience > .zero ? .seconds(10) : .seconds(3)
    options.statementTime = .seconds(10)
    let pool = PostgresPool(address: address, options: options)
    let end = ContinuousClock.now + patience
    while true {
      do throws(PostgresError) {
        try await pool.migrate(migrations)
        return NodeDatabase(pool: pool)
      } catch {
        guard error.kind == .unreachable || error.kind == .timedOut, ContinuousClock.now + pause < end else {
          await pool.close()
          let message = "the database that \(Settings.databaseURL.path) names cannot be used: \(error.description)"
          throw error.kind == .badAddress ? .usage(message) : .unavailable(message)
        }
        try? await Task.sleep(for: pause)
      }
    }
  }

  /// Why the node should get no requests; nil where the database answers.
  var unreadiness: String? {
    pool.failure.map { "the database cannot be used: \($0.description)" }
  }

  /// The keys.
  var keys: PostgresKeyStore { PostgresKeyStore(pool) }

  /// The account.
  var usage: PostgresUsageStore { PostgresUsageStore(pool) }

  /// Answers that replicas keep together.
  var answers: PostgresAnswers { PostgresAnswers(pool) }

  /// Asks a database that is away whether it is back, and closes the connections when everything else has ended.
  func service(logger: Logger) -> any Service { Watch(database: self, logger: logger) }

  private struct Watch: Service {
    let database: NodeDatabase
    let logger: Logger

    func run() async throws {
      await cancelWhenGracefulShutdown {
        var isAway = false
        while !Task.isCancelled {
          try? await Task.sleep(for: NodeDatabase.pause)
          if let reason = database.unreadiness {
            if !isAway { logger.error("the database is away", metadata: ["reason": "\(reason)"]) }
            isAway = true
            _ = try? await database.pool.transact { (transaction) throws(PostgresError) in
              try transaction.execute("SELECT 1")
            }
          } else if isAway {
            logger.notice("the database is back")
            isAway = false
          }
        }
      }
      await database.pool.close()
    }
  }
}
