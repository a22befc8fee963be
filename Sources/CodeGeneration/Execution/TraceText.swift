import Sandbox

/// A trace in few words.
enum TraceText {
  /// The most lines of a trace that are shown; what lies between the first and the last of them is left out.
  static let mostLines = 14

  /// Each step with what it changed, and how it ended.
  static func steps(_ run: TracedRun, source: String) -> String {
    let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
    var text: [String] = []
    for event in run.trace.events where event.depth >= 2 {
      let changes = event.changes.map { "\($0.name) = \($0.value)" }.joined(separator: ", ")
      let code = lines.indices.contains(event.line - 1) ? PythonText.trim(String(lines[event.line - 1])) : ""
      switch event.kind {
      case .call: text.append("call \(event.function): \(changes)")
      case .line:
        if !changes.isEmpty, let last = text.indices.last { text[last] += "  -> \(changes)" }
        text.append(code)
      case .return: text.append("return \(event.value)")
      case .exception: text.append("raises \(event.value)")
      }
    }
    if text.count > mostLines {
      text = Array(text.prefix(mostLines / 2)) + ["..."] + text.suffix(mostLines / 2)
    }
    text.append(ending(run))
    return text.joined(separator: "\n")
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
