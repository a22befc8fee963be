import Foundation

/// The file of this program.
enum Executable {
  static var path: String? {
    #if os(Linux)
    // The link still leads to the right file after that has been replaced by a newer build.
    return "/proc/self/exe"
    #else
    return Bundle.main.executablePath
    #endif
  }
}

/// A program that runs beside this one and is waited for.
struct Subprocess: Sendable {
  enum Ending: Sendable, Equatable {
    case exited(Int32)
    case signalled(Int32)
    case timedOut
  }

  struct Result: Sendable {
    let ending: Ending
    let output: String
    let errors: String
  }

  /// No more than this is kept of what it writes to either output.
  static let maximumOutput = 256 << 10

  let program: String
  let arguments: [String]

  /// Runs it to its end, or kills it when the time is over or the task is cancelled. The two outputs go through files
  /// that have no name, so that neither can fill up and stop it.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable` where it cannot be started.
  func run(patience: Duration) async throws(CommandFailure) -> Result {
    let output = try Self.scratchFile()
    let errors = try Self.scratchFile()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    do {
      try process.run()
    } catch {
      throw .unavailable("\(program) cannot be started: \(DataFolder.reason(error))")
    }
    let deadline = ContinuousClock.now + patience
    var isLate = false
    // A short poll, because a wait that could be woken would need a thread of its own for each child.
    while process.isRunning {
      do {
        try await Task.sleep(for: .milliseconds(10))
      } catch {
        isLate = true
      }
      if ContinuousClock.now >= deadline { isLate = true }
      if isLate {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
      }
    }
    let ending: Ending =
      isLate
      ? .timedOut
      : process.terminationReason == .uncaughtSignal
        ? .signalled(process.terminationStatus) : .exited(process.terminationStatus)
    return Result(ending: ending, output: Self.text(of: output), errors: Self.text(of: errors))
  }

  private static func scratchFile() throws(CommandFailure) -> FileHandle {
    var path = Array((FileManager.default.temporaryDirectory.path + "/prsm-XXXXXX").utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else {
      throw .unavailable(
        "no temporary file can be made (\(String(cString: strerror(errno)))); free some space in the temporary folder")
    }
    unlink(path)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private static func text(of file: FileHandle) -> String {
    guard (try? file.seek(toOffset: 0)) != nil, let data = try? file.read(upToCount: maximumOutput) else { return "" }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
