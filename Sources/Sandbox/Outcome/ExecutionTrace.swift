/// What a program did, line by line.
///
/// The tracer lives in the program's interpreter. Attempts to reach it end the run as ``SandboxOutcome/tampering(_:)``,
/// but code that corrupts the interpreter's memory could still make it lie. A verdict therefore never rests on a trace.
package struct ExecutionTrace: Sendable, Hashable {
  /// Events in order.
  package var events: [Event]
  /// Why the trace ends before the program does: "events", "bytes" or "time"; nil when it is whole.
  package var cutBy: String?

  /// A trace.
  package init(events: [Event] = [], cutBy: String? = nil) {
    self.events = events
    self.cutBy = cutBy
  }

  /// One step of the program.
  package struct Event: Sendable, Hashable {
    /// What happened.
    package var kind: Kind
    /// The line of the program, from 1.
    package var line: Int
    /// How many of the program's frames were on the stack, from 1 (the module).
    package var depth: Int
    /// Which frame, numbered in order of entry from 1: locals accumulate by frame.
    package var frame: Int
    /// The function's name; `<module>` at the top.
    package var function: String
    /// The value returned, or the exception as `Type: argument`; empty otherwise.
    package var value: String
    /// Locals that are new or have changed since the frame's last event.
    package var changes: [Change]

    /// A step.
    package init(
      kind: Kind, line: Int, depth: Int, frame: Int, function: String, value: String = "", changes: [Change] = []
    ) {
      self.kind = kind
      self.line = line
      self.depth = depth
      self.frame = frame
      self.function = function
      self.value = value
      self.changes = changes
    }
  }

  /// The kinds of event.
  package enum Kind: String, Sendable, Hashable {
    /// A function was entered; the changes are its arguments.
    case call
    /// A line is about to run.
    case line
    /// A function returned.
    case `return`
    /// An exception passes through.
    case exception
  }

  /// A local variable with its new value.
  package struct Change: Sendable, Hashable {
    /// The variable.
    package var name: String
    /// The type's name.
    package var type: String
    /// The value, abbreviated, without addresses, sets in sorted order.
    package var value: String

    /// A change.
    package init(name: String, type: String, value: String) {
      self.name = name
      self.type = type
      self.value = value
    }
  }
}

extension ExecutionTrace {
  /// Reads the tracer's records: separated by U+001E, their fields by U+001F. Records that do not have the form are
  /// left out.
  init(records text: Substring, cutBy: String?) {
    var events: [Event] = []
    for record in text.utf8.split(separator: 0x1E) {
      let fields = record.split(separator: 0x1F, omittingEmptySubsequences: false).map { Substring($0) }
      guard fields.count >= 6, (fields.count - 6).isMultiple(of: 3), let kind = Kind(mark: fields[0]),
        let line = Int(fields[1]), let depth = Int(fields[2]), let frame = Int(fields[3])
      else { continue }
      var changes: [Change] = []
      for start in stride(from: 6, to: fields.count, by: 3) {
        changes.append(
          Change(name: String(fields[start]), type: String(fields[start + 1]), value: String(fields[start + 2])))
      }
      events.append(
        Event(
          kind: kind, line: line, depth: depth, frame: frame, function: String(fields[4]), value: String(fields[5]),
          changes: changes))
    }
    self.init(events: events, cutBy: cutBy)
  }
}

extension ExecutionTrace.Kind {
  fileprivate init?(mark: Substring) {
    switch mark {
    case "C": self = .call
    case "L": self = .line
    case "R": self = .return
    case "X": self = .exception
    default: return nil
    }
  }
}
