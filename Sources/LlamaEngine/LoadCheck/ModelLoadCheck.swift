import Foundation
import ModelInterface
import Synchronization

/// Loads a model file once in a process of its own, because llama.cpp ends the process on some broken files.
package enum ModelLoadCheck {
  /// Why a file did not survive.
  package enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The child could not be started.
    case notStarted(String)
    /// llama.cpp refused the file.
    case refused(String)
    /// llama.cpp ended the child, by an assertion or by what the file made it do.
    case crashed(signal: Int32, String)
    /// It took longer than allowed.
    case timedOut(Duration)

    /// What happened, and what to do.
    package var description: String {
      switch self {
      case .notStarted(let reason): "the load check could not be started: \(reason)"
      case .refused(let reason): "llama.cpp refuses the file: \(reason)"
      case .crashed(let signal, let reason):
        "llama.cpp crashes on the file (signal \(signal)): \(reason). The file is broken or of a kind that this build "
          + "does not know; use another"
      case .timedOut(let limit): "loading took longer than \(limit); check that the disk is not busy, and try again"
      }
    }
  }

  private static let refusedStatus: Int32 = 3
  /// How much of the child's error output is kept, in bytes.
  private static let keptOutput = 8192

  /// In the child: loads the file, computes one token, and exits with 0; on refusal with another status and the reason on
  /// the error output. The process may take so many bytes of memory and leaves no core file.
  package static func performInChild(path: String, memoryLimit: UInt64? = nil) async -> Never {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    if let memoryLimit {
      var limit = rlimit(rlim_cur: rlim_t(memoryLimit), rlim_max: rlim_t(memoryLimit))
      setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
    }
    do throws(GenerationError) {
      let model = try LlamaModel(name: "check", path: path)
      let context = try LlamaContext(model: model, capacity: 256, sequences: 1, rows: 16, outputs: 1)
      let row = LlamaContext.Row(token: model.startToken ?? 0, position: 0, sequence: 0, wantsLogits: true)
      guard case .done = context.decode([row], threads: 1), let logits = context.logits(ofRow: 0),
        logits.contains(where: \.isFinite)
      else { throw GenerationError(.unavailable, "the model computes nothing: \(LlamaLog.recent.last ?? "")") }
      exit(0)
    } catch {
      FileHandle.standardError.write(Data((error.message + "\n").utf8))
      exit(refusedStatus)
    }
  }

  /// In the node: runs a program that calls ``performInChild(path:memoryLimit:)`` and says what became of it.
  ///
  /// - Parameters:
  ///   - executable: this program's own file.
  ///   - arguments: what makes it check the file.
  @concurrent
  package static func run(
    executable: String, arguments: [String], deadline: Duration = .seconds(120)
  ) async throws(Failure) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardError = pipe
    let box = OutputBox()
    pipe.fileHandleForReading.readabilityHandler = { handle in
      let data = handle.availableData
      if data.isEmpty { handle.readabilityHandler = nil } else { box.append([UInt8](data), keeping: keptOutput) }
    }
    let late = LateFlag()
    let started: String? = await withCheckedContinuation { ended in
      process.terminationHandler = { _ in ended.resume(returning: nil) }
      do {
        try process.run()
      } catch {
        process.terminationHandler = nil
        ended.resume(returning: "\(error)")
        return
      }
      let pid = process.processIdentifier
      let seconds = deadline / .seconds(1)
      DispatchQueue.global().asyncAfter(deadline: .now() + seconds) {
        if late.expire() { kill(pid, SIGKILL) }
      }
    }
    let wasLate = late.finish()
    if let started { throw .notStarted(started) }
    if wasLate { throw .timedOut(deadline) }
    let said = box.lastLines(4)
    switch process.terminationReason {
    case .uncaughtSignal: throw .crashed(signal: process.terminationStatus, said)
    default:
      if process.terminationStatus != 0 { throw .refused(said) }
    }
  }

  /// Whether the deadline or the child's end came first.
  private final class LateFlag: Sendable {
    private let state = Mutex((isOver: false, isLate: false))

    /// The deadline has passed; true where the child is to be killed.
    func expire() -> Bool {
      state.withLock { state in
        guard !state.isOver else { return false }
        state.isLate = true
        return true
      }
    }

    /// The child has ended; true where that was because of the deadline.
    func finish() -> Bool {
      state.withLock { state in
        state.isOver = true
        return state.isLate
      }
    }
  }

  /// The end of the child's error output.
  private final class OutputBox: Sendable {
    private let bytes = Mutex<[UInt8]>([])

    func append(_ more: [UInt8], keeping limit: Int) {
      bytes.withLock { bytes in
        bytes += more
        if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
      }
    }

    func lastLines(_ count: Int) -> String {
      let text = bytes.withLock { String(decoding: $0, as: UTF8.self) }
      return text.split(separator: "\n").suffix(count).joined(separator: "; ")
    }
  }
}
