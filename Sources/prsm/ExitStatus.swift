/// What the program tells the shell.
enum ExitStatus: Int32, Error {
  /// It did what was asked.
  case done = 0
  /// It worked, and the answer is no: a check failed, a thing was not found.
  case no = 1
  /// The command line or the configuration is wrong.
  case usage = 2
  /// Something that is needed is not there: a node, a port, a model, room on the disk.
  case unavailable = 3
}

/// Why a command stops, in words for whoever typed it: what happened, and what to do.
struct CommandFailure: Error, CustomStringConvertible {
  let status: ExitStatus
  let message: String

  init(_ status: ExitStatus, _ message: String) {
    self.status = status
    self.message = message
  }

  static func no(_ message: String) -> CommandFailure { CommandFailure(.no, message) }
  static func usage(_ message: String) -> CommandFailure { CommandFailure(.usage, message) }
  static func unavailable(_ message: String) -> CommandFailure { CommandFailure(.unavailable, message) }

  var description: String { message }
}
