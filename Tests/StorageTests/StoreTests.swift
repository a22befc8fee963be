import Foundation
import GRDB
import Storage
import Testing

@Suite("Store")
struct StoreTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/prsm-store-\(UUID().uuidString)"
  private var path: String { folder + "/data/prsm.sqlite" }

  private let migrations = [
    Migration("test-1") { database in try database.create(table: "note") { $0.column("text", .text).notNull() } }
  ]

  @Test("file and folder are for their owner alone")
  func permissions() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try Store(path: path, migrations: migrations)
    try await store.write { try $0.execute(sql: "INSERT INTO note VALUES ('a')") }
    for name in ["", "/prsm.sqlite", "/prsm.sqlite-wal"] {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/data" + name)
      #expect(attributes[.posixPermissions] as? Int == (name.isEmpty ? 0o700 : 0o600))
    }
  }

  @Test("what was written is there when the store is opened again, and steps run once")
  func reopening() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try Store(path: path, migrations: migrations)
    try await first.write { try $0.execute(sql: "INSERT INTO note VALUES ('kept')") }
    try first.close()
    let more = migrations + [Migration("test-2") { try $0.execute(sql: "INSERT INTO note VALUES ('step')") }]
    for _ in 0..<2 {
      let again = try Store(path: path, migrations: more)
      let notes = try await again.read { try String.fetchAll($0, sql: "SELECT text FROM note") }
      #expect(notes == ["kept", "step"])
      try again.close()
    }
  }

  @Test("a write that throws changes nothing")
  func atomicity() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try Store(path: path, migrations: migrations)
    await #expect(throws: StorageError.self) {
      try await store.write { database in
        try database.execute(sql: "INSERT INTO note VALUES ('a')")
        try database.execute(sql: "INSERT INTO note VALUES (NULL)")
      }
    }
    #expect(try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM note") } == 0)
  }

  @Test("commits wait for the disk, and the journal is write-ahead")
  func durability() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try Store(path: path, migrations: migrations)
    let settings = try await store.write { database in
      (
        try Int.fetchOne(database, sql: "PRAGMA synchronous"),
        try String.fetchOne(database, sql: "PRAGMA journal_mode")
      )
    }
    #expect(settings.0 == 2)
    #expect(settings.1 == "wal")
    try await store.check()
  }

  @Test("a store of a newer version is left alone")
  func newerSchema() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Store(path: path, migrations: migrations + [Migration("test-9") { _ in }]).close()
    do throws(StorageError) {
      _ = try Store(path: path, migrations: migrations)
      Issue.record("expected an error")
    } catch {
      #expect(error.kind == .newerSchema)
    }
  }

  @Test("a file that is no store is told from one, with what to do")
  func damage() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder + "/data", withIntermediateDirectories: true)
    try Data(repeating: 0x41, count: 8_192).write(to: URL(fileURLWithPath: path))
    do throws(StorageError) {
      _ = try Store(path: path, migrations: migrations)
      Issue.record("expected an error")
    } catch {
      #expect(error.kind == .damaged)
      #expect(error.message.contains(path))
    }
  }

  @Test("a store that may not grow refuses, and keeps what it has")
  func full() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var options = StoreOptions()
    options.maximumSize = 256 << 10
    let store = try Store(path: path, migrations: migrations, options: options)
    do throws(StorageError) {
      try await store.write { database in
        try database.execute(sql: "INSERT INTO note VALUES (hex(randomblob(1000000)))")
      }
      Issue.record("expected an error")
    } catch {
      #expect(error.kind == .full)
    }
    #expect(try await store.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM note") } == 0)
  }

  @Test("the change stamp moves when anybody commits, and not otherwise")
  func changeStamp() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try Store(path: path, migrations: migrations)
    let other = try Store(path: path, migrations: migrations)
    let before = try store.changeStamp()
    #expect(try store.changeStamp() == before)
    try await other.write { try $0.execute(sql: "INSERT INTO note VALUES ('a')") }
    let after = try store.changeStamp()
    #expect(after != before)
    try await store.write { try $0.execute(sql: "INSERT INTO note VALUES ('b')") }
    #expect(try store.changeStamp() != after)
  }
}
