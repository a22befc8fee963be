import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// `catalog.json` on disk: read whole, replaced whole, under a lock that other processes respect.
struct CatalogFile: Sendable {
  let directory: String

  private var path: String { directory + "/catalog.json" }

  /// The largest catalog that is read.
  private static let maximumBytes = 16 << 20

  func read() throws(CatalogError) -> CatalogDocument {
    guard FileManager.default.fileExists(atPath: path) else { return CatalogDocument() }
    guard let data = FileManager.default.contents(atPath: path), data.count <= Self.maximumBytes else {
      throw CatalogError(code: .file, message: "cannot read \(path), or it is over \(Self.maximumBytes) bytes")
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard let document = try? decoder.decode(CatalogDocument.self, from: data), document.version == 1 else {
      throw CatalogError(
        code: .damaged,
        message: "\(path): expected a catalog of version 1, found something else; move it away and add the models again"
      )
    }
    return document
  }

  /// Writes beside, syncs, renames and syncs the folder, so that a crash leaves the old catalog or the new one.
  func write(_ document: CatalogDocument) throws(CatalogError) {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .iso8601
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let beside = path + ".new"
    do {
      let data = try encoder.encode(document)
      try data.write(to: URL(fileURLWithPath: beside))
      guard let handle = FileHandle(forWritingAtPath: beside) else { throw CocoaError(.fileNoSuchFile) }
      try handle.synchronize()
      try handle.close()
    } catch {
      throw CatalogError(code: .file, message: "cannot write \(beside): \(error); check permissions and free space")
    }
    guard rename(beside, path) == 0 else {
      throw CatalogError(code: .file, message: "cannot replace \(path): \(String(cString: strerror(errno)))")
    }
    Self.sync(folder: directory)
  }

  static func sync(folder: String) {
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  /// Does `body` while no other process changes the catalog; gives up after `deadline`.
  func locked<Result>(
    deadline: Duration = .seconds(10), isolation: isolated (any Actor)? = #isolation,
    _ body: (inout CatalogDocument) throws -> Result
  ) async throws -> Result {
    let lock = directory + "/catalog.lock"
    let descriptor = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CatalogError(code: .file, message: "cannot open \(lock): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    let end = ContinuousClock.now + deadline
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard ContinuousClock.now < end else {
        throw CatalogError(
          code: .locked, message: "another process has held \(lock) for \(deadline); wait for it, or end it")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    var document = try read()
    let result = try body(&document)
    try write(document)
    return result
  }
}
