/// Why a run did not take place. A run that took place has an outcome instead.
package struct SandboxError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What kind of reason.
  package var code: Code
  /// What was expected, what was found, and what to do.
  package var message: String

  /// The kinds of reason.
  package enum Code: String, Sendable, Hashable {
    /// This machine cannot isolate programs. There is no way around it.
    case cannotIsolate
    /// No usable interpreter.
    case noInterpreter
    /// As many runs wait as may wait; try again later.
    case queueFull
    /// The request is larger than the sandbox takes.
    case tooLarge
    /// The sandbox has been shut down.
    case shutDown
    /// A sandbox process ended or stopped answering; the run may be tried again.
    case workerLost
  }

  init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  package var description: String { message }

  /// The message, and where to read more of what this machine lacks.
  package var advice: String { message + (message.hasSuffix(".") ? " " : ". ") + "`prsm doctor` says more." }
}
