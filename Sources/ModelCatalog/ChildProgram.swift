import Foundation

/// Runs a program without a shell, within a deadline, and keeps the end of what it printed.
struct ChildProgram {
  /// The absolute path of the program.
  let path: String
  let arguments: [String]
  /// The folder that it works and keeps its temporary files in; what it prints goes to `output.log` there.
  let folder: String

  /// The bytes of output that an error may quote.
  private static let quotedBytes: UInt64 = 4_096

  /// The program of that name on the search path.
  static func find(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
    return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs it to its end; `whileRunning` is called about four times a second.
  ///
  /// Past the deadline, or when the task is cancelled, the program is told to end, and killed two seconds later.
  func run(
    until deadline: ContinuousClock.Instant, whileRunning: () -> Void
  ) async throws -> (status: Int32, output: String) {
    let log = folder + "/output.log"
    guard FileManager.default.createFile(atPath: log, contents: nil), let output = FileHandle(forWritingAtPath: log)
    else { throw CatalogError(code: .file, message: "cannot write \(log); check permissions and free space") }
    defer { try? output.close() }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(["TMPDIR": folder, "PYTHONSAFEPATH": "1"]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    do { try process.run() } catch {
      throw CatalogError(code: .tool, message: "cannot start \(path): \(error)")
    }
    do {
      while process.isRunning {
        whileRunning()
        guard ContinuousClock.now < deadline else {
          throw CatalogError(
            code: .deadline,
            message: "\(path) did not finish in time; what is complete is kept, so run the command again to go on")
        }
        try await Task.sleep(for: .milliseconds(250))
      }
    } catch {
      process.terminate()
      let patience = ContinuousClock.now + .seconds(2)
      while process.isRunning, ContinuousClock.now < patience { usleep(20_000) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      throw error
    }
    return (process.terminationStatus, Self.tail(of: log))
  }

  private static func tail(of path: String) -> String {
    guard let handle = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? handle.close() }
    let size = (try? handle.seekToEnd()) ?? 0
    try? handle.seek(toOffset: size > quotedBytes ? size - quotedBytes : 0)
    return String(decoding: (try? handle.readToEnd()) ?? Data(), as: UTF8.self)
  }
}
