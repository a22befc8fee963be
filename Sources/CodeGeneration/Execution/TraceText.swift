import Sandbox

/// A trace in few words: the program with what each of its lines did.
enum TraceText {
  /// The most lines of a program that are shown, values of one variable in one line, and characters of a remark.
  static let mostLines = 24
  static let mostValues = 3
  static let mostCharacters = 60
  /// What comes before an exception in a remark.
  static let raises = "raises "

  /// The program's lines, each with the values that it gave to variables, in order, or with what it raised. Lines behind the
  /// last that was run are left out where the run did not end well.
  static func annotated(_ run: TracedRun, source: String) -> String {
    var remarks: [Int: Remark] = [:]
    var current: [Int: Int] = [:]
    for event in run.trace.events where event.depth >= 2 {
      // What a step shows was done by the line before it.
      let line = event.kind == .call ? event.line : current[event.frame] ?? event.line
      for change in event.changes { remarks[line, default: Remark()].note(change.name, change.value) }
      switch event.kind {
      case .line: current[event.frame] = event.line
      case .exception: remarks[event.line, default: Remark()].raised = event.value
      case .call, .return: break
      }
    }
    var lines = source.split(separator: "\n", omittingEmptySubsequences: false)[...]
    if run.outcome != .completed, let last = run.trace.events.lazy.filter({ $0.depth >= 2 }).map(\.line).max() {
      lines = lines.prefix(last)
    }
    return lines.prefix(mostLines).enumerated().map { index, line in
      remarks[index + 1].map { "\(line)  # \($0.text.prefix(mostCharacters))" } ?? String(line)
    }.joined(separator: "\n")
  }

  /// What one line did.
  private struct Remark {
    var values: [(name: String, values: [String])] = []
    var raised: String?

    mutating func note(_ name: String, _ value: String) {
      if let index = values.firstIndex(where: { $0.name == name }) {
        values[index].values.append(value)
      } else {
        values.append((name, [value]))
      }
    }

    var text: String {
      var parts = values.map { name, values in
        let shown =
          values.count <= mostValues ? values : values.prefix(mostValues - 1) + ["...", values[values.count - 1]]
        return "\(name) = \(shown.joined(separator: ", "))"
      }
      if let raised { parts.insert(TraceText.raises + raised, at: 0) }
      return parts.joined(separator: "; ")
    }
  }

  /// The value of the call, or the reason why there is none.
  static func ending(_ run: TracedRun) -> String {
    switch run.outcome {
    case .completed:
      run.returned.map { "result: \($0)" } ?? "result: nothing was returned"
    default: "ended: \(run.outcome)"
    }
  }
}

extension SignalText.Block {
  /// What a run of a candidate did.
  init(_ run: TracedRun, source: String, invocation: String) {
    code = TraceText.annotated(run, source: source)
    self.invocation = invocation
    // The line that raised says what it raised.
    if case .exception = run.outcome, code.contains("# " + TraceText.raises) {
      trace = ""
    } else {
      trace = TraceText.ending(run)
    }
  }
}

extension TracedRun {
  /// The value that the invoked function returned, abbreviated; nil where it did not return.
  package var returned: String? { lastReturn?.value }

  /// The last return of a function called from the module.
  var lastReturn: ExecutionTrace.Event? {
    trace.events.last { $0.kind == .return && $0.depth == 2 }
  }

  /// The line, from 1, at which an exception first left the program's own code; nil where none did.
  var failingLine: Int? {
    guard case .exception(_, _, let line) = outcome else { return nil }
    return trace.events.last { $0.kind == .exception && $0.depth >= 2 }?.line ?? (line > 0 ? line : nil)
  }

  /// The last known values of the variables of the invoked function's last frame, in the order of their appearance.
  var finalLocals: [(name: String, type: String, value: String)] {
    guard let frame = trace.events.last(where: { $0.depth == 2 })?.frame else { return [] }
    var locals: [(name: String, type: String, value: String)] = []
    for event in trace.events where event.frame == frame {
      for change in event.changes {
        if let index = locals.firstIndex(where: { $0.name == change.name }) {
          locals[index] = (change.name, change.type, change.value)
        } else {
          locals.append((change.name, change.type, change.value))
        }
      }
    }
    return locals
  }
}
