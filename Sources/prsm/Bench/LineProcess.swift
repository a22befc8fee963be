import Foundation
import ModelInterface
import Synchronization

/// A program that takes a command on each line of its input, and answers each with a line of JSON.
final class LineProcess: Sendable {
  private let process: Mutex<Process>
  private let input: FileHandle
  private let output: Mutex<(handle: FileHandle, rest: Data)>
  private let name: String
  private let log: URL

  /// Starts the program; its first line says that it is ready.
  init(_ name: String, _ executable: String, _ arguments: [String], log: URL) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    // Where a program writes beside its work, that is beside its log.
    process.currentDirectoryURL = log.deletingLastPathComponent()
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    process.standardError = try FileHandle(forWritingTo: log)
    let toProgram = Pipe()
    let fromProgram = Pipe()
    process.standardInput = toProgram
    process.standardOutput = fromProgram
    do { try process.run() } catch {
      throw BenchProcess.Failure(description: "`\(executable)` cannot be started: \(error.localizedDescription)")
    }
    self.name = name
    self.log = log
    self.process = Mutex(process)
    input = toProgram.fileHandleForWriting
    output = Mutex((fromProgram.fileHandleForReading, Data()))
  }

  /// The next answer. Blocks its thread; a program that ends instead is an error.
  func answer() throws -> JSONValue {
    try output.withLock { output in
      while true {
        if let end = output.rest.firstIndex(of: UInt8(ascii: "\n")) {
          let line = Array(output.rest[output.rest.startIndex..<end])
          output.rest = Data(output.rest[(end + 1)...])
          // Whatever else a program prints is no answer.
          guard line.first == UInt8(ascii: "{"), let value = try? JSONValue.parse(line) else { continue }
          if let error = value["error"]?.string { throw BenchProcess.Failure(description: "\(name): \(error)") }
          return value
        }
        let more = output.handle.availableData
        guard !more.isEmpty else {
          throw BenchProcess.Failure(description: "\(name) ended before it answered\(lastWords)")
        }
        output.rest.append(more)
      }
    }
  }

  /// The end of what it wrote to its log, which goes with the folder of the work.
  private var lastWords: String {
    let lines = ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n").suffix(3)
    return lines.isEmpty ? " and wrote nothing to its log" : ": " + lines.joined(separator: " | ").suffix(600)
  }

  /// Sends a command and waits for its answer.
  @discardableResult
  func tell(_ words: String...) throws -> JSONValue {
    try input.write(contentsOf: Data((words.joined(separator: " ") + "\n").utf8))
    return try answer()
  }

  func stop() {
    try? input.close()
    process.withLock { process in
      guard process.isRunning else { return }
      let deadline = ContinuousClock.now + .seconds(3)
      while process.isRunning, ContinuousClock.now < deadline { usleep(20_000) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }
  }

  deinit { stop() }
}
