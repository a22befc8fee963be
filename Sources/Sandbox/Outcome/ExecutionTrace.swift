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
    var text = text
    self.init(events: text.withUTF8 { Self.events(in: $0) }, cutBy: cutBy)
  }

  private static func events(in bytes: UnsafeBufferPointer<UInt8>) -> [Event] {
    var events: [Event] = []
    // Where the fields of the record in hand begin, and, last, one place behind its end.
    var starts = [0]
    for place in 0...bytes.count {
      let byte = place < bytes.count ? bytes[place] : 0x1E
      guard byte == 0x1E || byte == 0x1F else { continue }
      starts.append(place + 1)
      guard byte == 0x1E else { continue }
      if let event = event(in: bytes, starts) { events.append(event) }
      starts.removeAll(keepingCapacity: true)
      starts.append(place + 1)
    }
    return events
  }

  private static func event(in bytes: UnsafeBufferPointer<UInt8>, _ starts: [Int]) -> Event? {
    let count = starts.count - 1
    guard count >= 6, (count - 6).isMultiple(of: 3) else { return nil }
    func text(_ field: Int) -> String {
      String(decoding: UnsafeBufferPointer(rebasing: bytes[starts[field]..<starts[field + 1] - 1]), as: UTF8.self)
    }
    guard let kind = Kind(mark: text(0)), let line = Int(text(1)), let depth = Int(text(2)), let frame = Int(text(3))
    else { return nil }
    return Event(
      kind: kind, line: line, depth: depth, frame: frame, function: text(4), value: text(5),
      changes: stride(from: 6, to: count, by: 3).map { Change(name: text($0), type: text($0 + 1), value: text($0 + 2)) }
    )
  }
}

extension ExecutionTrace.Kind {
  fileprivate init?(mark: String) {
    switch mark {
    case "C": self = .call
    case "L": self = .line
    case "R": self = .return
    case "X": self = .exception
    default: return nil
    }
  }
}
