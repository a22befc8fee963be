/// How a run ended.
///
/// Who says so differs, and it matters. ``timedOut(_:)`` to ``signalled(_:)`` and ``exited(status:)`` are observed from
/// outside of the program. ``passed``, ``failed(message:line:)`` and ``brokenTest(message:)`` come from the judge, which
/// never runs the program's code. ``completed``, ``exception(type:message:line:)`` and ``syntaxError(message:line:)`` are
/// the interpreter's own account, which a hostile program could give falsely: treat them as information, not as a verdict.
package enum SandboxOutcome: Sendable, Hashable {
  /// The program ran to its end. No verdict: programs without a test end so.
  case completed
  /// The test ran to its end, and every value that it asked of the program was right.
  case passed
  /// An assertion of the test was false.
  case failed(message: String, line: Int)
  /// The test itself could not run: a syntax error, or a name that neither it nor the program defines.
  case brokenTest(message: String)
  /// The program raised an exception that nothing caught. `line` is the program's, 0 when unknown.
  case exception(type: String, message: String, line: Int)
  /// The program does not parse.
  case syntaxError(message: String, line: Int)
  /// The program ended its process before its end, or before its test had what it asked for.
  case exited(status: Int)
  /// A limit on time was reached.
  case timedOut(Clock)
  /// Memory ran out: the limit on address space, or the control group's.
  case outOfMemory
  /// More threads and processes than allowed.
  case processLimit
  /// More files, directories and links than allowed.
  case fileLimit
  /// A file grew beyond its limit.
  case fileSizeLimit
  /// The work folder is full.
  case diskFull
  /// More output than allowed.
  case outputLimit
  /// The program asked the kernel for something that a computation does not need; named as in the kernel's manual.
  case blockedSystemCall(String)
  /// The program meddled with its tracer, or wrote to the tracer's channel. What it did is named.
  case tampering(String)
  /// A signal ended the program.
  case signalled(Int)

  /// Which clock ran out.
  package enum Clock: String, Sendable, Hashable {
    /// Time since the start.
    case wall
    /// Processor time.
    case cpu
  }
}

extension SandboxOutcome: CustomStringConvertible {
  /// One line for a person.
  package var description: String {
    switch self {
    case .completed: "completed"
    case .passed: "passed"
    case .failed(let message, let line):
      "failed: the assertion in line \(line) of the test is false" + (message.isEmpty ? "" : " (\(message))")
    case .brokenTest(let message): "the test cannot run: \(message)"
    case .exception(let type, let message, let line):
      type + (message.isEmpty ? "" : ": \(message)") + (line > 0 ? ", line \(line)" : "")
    case .syntaxError(let message, let line): "syntax error in line \(line): \(message)"
    case .exited(let status): "ended its process with status \(status) before its end"
    case .timedOut(.wall): "time limit reached"
    case .timedOut(.cpu): "processor time limit reached"
    case .outOfMemory: "memory limit reached"
    case .processLimit: "process limit reached"
    case .fileLimit: "limit on the number of files reached"
    case .fileSizeLimit: "file size limit reached"
    case .diskFull: "work folder full"
    case .outputLimit: "output limit reached"
    case .blockedSystemCall(let name): "blocked system call: \(name)"
    case .tampering(let what): "tampering with the tracer: \(what)"
    case .signalled(let number): "ended by signal \(number)"
    }
  }

  /// A word for machines, the same for every outcome of a kind.
  package var code: String {
    switch self {
    case .completed: "completed"
    case .passed: "passed"
    case .failed: "failed"
    case .brokenTest: "broken_test"
    case .exception: "exception"
    case .syntaxError: "syntax_error"
    case .exited: "exited"
    case .timedOut(let clock): "timed_out_\(clock.rawValue)"
    case .outOfMemory: "out_of_memory"
    case .processLimit: "process_limit"
    case .fileLimit: "file_limit"
    case .fileSizeLimit: "file_size_limit"
    case .diskFull: "disk_full"
    case .outputLimit: "output_limit"
    case .blockedSystemCall: "blocked_system_call"
    case .tampering: "tampering"
    case .signalled: "signalled"
    }
  }
}
