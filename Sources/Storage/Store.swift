import Foundation
package import GRDB

/// A node's SQLite store: one file, one writer at a time, any number of readers that see whole transactions.
///
/// Guarantees: a ``write(_:)`` that has returned survives `kill -9` and, with ``StoreOptions/isDurable``, a power cut; one
/// that throws has changed nothing. Reads never wait for writes. The file and what SQLite puts beside it can be read by
/// their owner alone.
package final class Store: Sendable {
  /// Where the file is.
  package let path: String
  private let pool: DatabasePool

  /// Opens the store, creating it and its folder where needed, and brings its tables up to date.
  ///
  /// - Parameter migrations: the steps of all rooms that keep something here, in order.
  /// - Throws: ``StorageError``; of kind `newerSchema` where the file holds steps that are not among `migrations`.
  package init(
    path: String, migrations: [Migration], options: StoreOptions = StoreOptions()
  ) throws(StorageError) {
    self.path = path
    do {
      try Self.createPrivately(path)
      let pool = try DatabasePool(path: path, configuration: Self.configuration(options))
      // After opening, because GRDB sets NORMAL when it turns the write-ahead log on. The writer's connection stays.
      try pool.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA synchronous = \(options.isDurable ? "FULL" : "NORMAL")")
      }
      try Self.migrate(pool, migrations, path: path)
      self.pool = pool
    } catch {
      throw StorageError.describing(error, path: path)
    }
  }

  /// Reads, without waiting for writers.
  ///
  /// - Throws: ``StorageError``.
  package func read<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StorageError) -> Value {
    do { return try await pool.read(body) } catch { throw StorageError.describing(error, path: path) }
  }

  /// Changes something, wholly or not at all.
  ///
  /// - Throws: ``StorageError``.
  package func write<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(StorageError) -> Value {
    do { return try await pool.write(body) } catch { throw StorageError.describing(error, path: path) }
  }

  /// ``read(_:)-(_)`` for where nothing may be awaited; blocks the thread.
  ///
  /// - Throws: ``StorageError``.
  package func readBlocking<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
    do { return try pool.read(body) } catch { throw StorageError.describing(error, path: path) }
  }

  /// ``write(_:)-(_)`` for where nothing may be awaited; blocks the thread.
  ///
  /// - Throws: ``StorageError``.
  package func writeBlocking<Value>(_ body: (Database) throws -> Value) throws(StorageError) -> Value {
    do { return try pool.write(body) } catch { throw StorageError.describing(error, path: path) }
  }

  /// A number that differs whenever any process has committed a change since it was last asked for; costs microseconds.
  ///
  /// - Throws: ``StorageError``.
  package func changeStamp() throws(StorageError) -> Int {
    // The writer's connection sees its own commits too, which `data_version` alone leaves out.
    do {
      return try pool.unsafeReentrantWrite { database in
        let others = try Int.fetchOne(database, sql: "PRAGMA data_version") ?? 0
        return others &* 1_000_003 &+ database.totalChangesCount
      }
    } catch {
      throw StorageError.describing(error, path: path)
    }
  }

  /// Whether the file is whole, by SQLite's own quick check.
  ///
  /// - Throws: ``StorageError`` of kind `damaged` with the first thing that is wrong.
  package func check() async throws(StorageError) {
    let finding = try await read { database in try String.fetchOne(database, sql: "PRAGMA quick_check(1)") }
    guard finding == "ok" else {
      throw StorageError(
        .damaged, "\(path) is damaged (\(finding ?? "no answer")); restore it from a backup, or move it away")
    }
  }

  /// Closes the file once what is running has finished. What is asked afterwards throws.
  ///
  /// - Throws: ``StorageError``.
  package func close() throws(StorageError) {
    do { try pool.close() } catch { throw StorageError.describing(error, path: path) }
  }

  private static func configuration(_ options: StoreOptions) -> GRDB.Configuration {
    var configuration = GRDB.Configuration()
    configuration.label = "prsm"
    configuration.maximumReaderCount = max(1, options.readers)
    let seconds =
      Double(options.busyTimeout.components.seconds) + Double(options.busyTimeout.components.attoseconds) * 1e-18
    configuration.busyMode = .timeout(seconds)
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA journal_size_limit = \(64 << 20)")
      try database.execute(sql: "PRAGMA trusted_schema = OFF")
      let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4_096
      try database.execute(sql: "PRAGMA max_page_count = \(max(16, options.maximumSize / max(512, pageSize)))")
    }
    return configuration
  }

  private static func migrate(_ pool: DatabasePool, _ migrations: [Migration], path: String) throws {
    var migrator = DatabaseMigrator()
    for migration in migrations { migrator.registerMigration(migration.name, migrate: migration.change) }
    if try pool.read(migrator.hasBeenSuperseded) {
      throw StorageError(
        .newerSchema,
        "the store \(path) was changed by a newer version of prsm; use that version, or another data folder")
    }
    if try !pool.read(migrator.hasCompletedMigrations) { try migrator.migrate(pool) }
  }

  /// SQLite gives its journals the permissions of the file itself, so it is enough that this is created right.
  private static func createPrivately(_ path: String) throws {
    let folder = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty, !FileManager.default.fileExists(atPath: folder) {
      try createFolder(folder, for: path)
    }
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      let reason = String(cString: strerror(errno))
      throw StorageError(errno == ENOSPC ? .full : .notAccessible, "the store \(path) cannot be opened: \(reason)")
    }
    _ = fchmod(descriptor, 0o600)
    Foundation.close(descriptor)
  }

  private static func createFolder(_ folder: String, for path: String) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw StorageError(
        .notAccessible, "the folder \(folder) for the store cannot be created: \(error.localizedDescription)")
    }
  }
}
