import ArgumentParser
import Foundation
import ModelInterface
import Sandbox

/// `prsm run`: a program in the sandbox.
struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a Python program in the sandbox.",
    discussion: """
      Without network, without the machine's files, and within limits. The program's output goes where its own would; how \
      it ended, and what it used, to standard error. The exit code is 0 where it ran to its end (with --test: where the \
      test passed), and 1 otherwise.

      EXAMPLES
        prsm run program.py
        prsm run program.py --stdin input.txt --seconds 2
        prsm run solution.py --test 'assert area(2, 3) == 6' --trace
      """)

  @Argument(help: "The program; `-` reads it from standard input.")
  var file: String

  @Option(name: .customLong("stdin"), help: ArgumentHelp("What the program reads.", valueName: "file"))
  var input: String?

  @Option(help: "Python that asserts what the program's functions return; it is judged apart from the program.")
  var test: String?

  @Option(help: "Seconds until it is ended.")
  var seconds = 5.0

  @Flag(help: "Show each line that ran and what it changed.")
  var trace = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (0.001...600).contains(seconds) else {
      throw ValidationError("--seconds: expected 0.001 to 600, found \(seconds)")
    }
  }

  func run() async throws {
    let program = SandboxProgram(
      source: try Self.text(of: file), standardInput: try input.map { Array(try Self.bytes(of: $0)) } ?? [], test: test)
    let milliseconds = max(1, Int(seconds * 1_000))
    let limits = SandboxLimits(wallMilliseconds: milliseconds, cpuMilliseconds: milliseconds)
    let result: SandboxResult
    do {
      let sandbox = try Sandbox(configuration: SandboxConfiguration(workers: 1))
      do {
        result = try await sandbox.run(program, limits: limits, trace: trace ? TraceOptions() : nil)
      } catch {
        await sandbox.shutdown()
        throw error
      }
      await sandbox.shutdown()
    } catch let error as SandboxError {
      throw CommandFailure.unavailable(error.advice)
    }
    if output.isJSON {
      Output.line(Self.json(result).text)
    } else {
      FileHandle.standardOutput.write(Data(result.standardOutput))
      FileHandle.standardError.write(Data(result.standardError))
      if let trace = result.trace { Self.show(trace) }
      let used = result.usage
      for refusal in result.refused { Output.note("prsm: refused: \(refusal)") }
      if result.survivors > 0 {
        Output.note("prsm: ended \(result.survivors) process\(result.survivors == 1 ? "" : "es") that it left behind")
      }
      Output.note(
        "prsm: \(result.outcome) (\(used.wallMicroseconds / 1_000) ms, \(used.cpuMicroseconds / 1_000) ms of processor, \(ByteCount.text(used.peakMemoryKiB << 10)))"
      )
    }
    let isGood = test == nil ? result.outcome == .completed : result.outcome == .passed
    guard isGood else { throw ExitStatus.no }
  }

  private static func bytes(of path: String) throws(CommandFailure) -> Data {
    if path == "-" { return FileHandle.standardInput.readDataToEndOfFile() }
    guard let data = FileManager.default.contents(atPath: FilePath.expandingHome(path)) else {
      throw .usage("\(path) cannot be read; check the path and its permissions")
    }
    return data
  }

  private static func text(of path: String) throws(CommandFailure) -> String {
    guard let text = String(validating: try bytes(of: path), as: UTF8.self) else {
      throw .usage("\(path) is not UTF-8 text; expected a Python program")
    }
    return text
  }

  private static func show(_ trace: ExecutionTrace) {
    for event in trace.events {
      let changes = event.changes.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
      let indent = String(repeating: "  ", count: max(0, event.depth))
      let value = event.value.isEmpty ? "" : " \(event.value)"
      Output.note("\(indent)\(event.function):\(event.line) \(event.kind.rawValue)\(value)  \(changes)")
    }
    if let cutBy = trace.cutBy { Output.note("(the trace ends here: \(cutBy))") }
  }

  /// A run as an object for machines.
  static func json(_ result: SandboxResult) -> JSONValue {
    var object: JSONObject = [
      "outcome": .string(result.outcome.code), "message": .string("\(result.outcome)"),
      "stdout": .string(String(decoding: result.standardOutput, as: UTF8.self)),
      "stderr": .string(String(decoding: result.standardError, as: UTF8.self)),
      "wall_ms": .rounded(Double(result.usage.wallMicroseconds) / 1_000),
      "cpu_ms": .rounded(Double(result.usage.cpuMicroseconds) / 1_000),
      "peak_memory_bytes": .integer(result.usage.peakMemoryKiB << 10),
      "refused": .array(result.refused.map { .string($0) }), "left_behind": .integer(result.survivors),
    ]
    if let trace = result.trace {
      object["trace"] = .array(
        trace.events.map { event in
          [
            "event": .string(event.kind.rawValue), "line": .integer(event.line), "depth": .integer(event.depth),
            "function": .string(event.function), "value": .string(event.value),
            "locals": .object(JSONObject(event.changes.map { ($0.name, .string($0.value)) })),
          ]
        })
      object["trace_cut_by"] = trace.cutBy.map { .string($0) } ?? .null
    }
    return .object(object)
  }
}
