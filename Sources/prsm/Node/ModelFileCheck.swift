import Foundation
import LlamaEngine
import ModelCatalog
import Synchronization

/// Lets a model file into this process only after three things: its header and structure were read here and found
/// sound, a process of its own has loaded it with this build of llama.cpp and come to a good end, and it is still the
/// same file by its checksum. llama.cpp ends the process on some bad files; that must not be the node's.
final class ModelFileCheck: Sendable {
  /// How long the trial process may take.
  static let patience: Duration = .seconds(300)

  private let catalog: ModelCatalog
  /// Files whose checksum this process has verified, by what changes when a file does.
  private let verified = Mutex<[String: FileStamp]>([:])

  init(catalog: ModelCatalog) {
    self.catalog = catalog
  }

  /// Checks what has not been checked yet, and writes down what was.
  ///
  /// - Throws: ``CommandFailure``: `no` where the file is bad, `unavailable` where that cannot be found out.
  func admit(_ name: String, progress: (@Sendable (UInt64) -> Void)? = nil) async throws(CommandFailure) -> ModelEntry {
    do {
      var entry = try await catalog.resolve(name)
      let stamp = FileStamp(path: entry.path)
      if stamp == nil || verified.withLock({ $0[entry.sha256] }) != stamp {
        entry = try await catalog.verify(entry.name, progress: progress)
      }
      if entry.structureChecked == nil {
        _ = try Self.structure(of: entry.path)
        entry = try await catalog.recordChecks(entry.name, sha256: entry.sha256, structure: Date())
      }
      if entry.loadedWith != LlamaArchitectures.build {
        try await Self.tryLoading(entry.path)
        entry = try await catalog.recordChecks(entry.name, sha256: entry.sha256, loadedWith: LlamaArchitectures.build)
      }
      if let stamp, stamp == FileStamp(path: entry.path) { verified.withLock { $0[entry.sha256] = stamp } }
      return entry
    } catch {
      throw CommandFailure(adding: error)
    }
  }

  /// Reads a file's header without loading it.
  ///
  /// - Throws: ``CommandFailure`` of status `no` with what is wrong with the file.
  static func structure(of path: String) throws(CommandFailure) -> GGUFSummary {
    do throws(GGUFError) {
      return try GGUFFile.check(path: path)
    } catch {
      throw .no("\(path) cannot be used as a model: \(error)")
    }
  }

  /// Loads a file in a process of its own.
  ///
  /// - Throws: ``CommandFailure``: `no` where it does not load, `unavailable` where there is no trying.
  static func tryLoading(_ path: String) async throws(CommandFailure) {
    guard let program = Executable.path else {
      throw .unavailable(
        "the program's own file cannot be found, so that \(path) cannot be tried in a process of its own")
    }
    do throws(ModelLoadCheck.Failure) {
      try await ModelLoadCheck.run(executable: program, arguments: ["check-model-file", path], deadline: patience)
    } catch {
      let message = "\(path) cannot be used as a model: \(error)"
      if case .notStarted = error { throw .unavailable(message) }
      throw .no(message)
    }
  }
}

/// What changes when a file is replaced or written to.
struct FileStamp: Sendable, Equatable {
  let device: UInt64
  let node: UInt64
  let size: Int64
  let changed: Int64
  let changedNanoseconds: Int64

  init?(path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    node = UInt64(status.st_ino)
    size = Int64(status.st_size)
    #if canImport(Darwin)
    changed = Int64(status.st_mtimespec.tv_sec)
    changedNanoseconds = Int64(status.st_mtimespec.tv_nsec)
    #else
    changed = Int64(status.st_mtim.tv_sec)
    changedNanoseconds = Int64(status.st_mtim.tv_nsec)
    #endif
  }
}
