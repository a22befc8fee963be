import CLlama
import Synchronization

/// What llama.cpp has to say: the last lines, kept for error messages, instead of its habit of writing to the terminal.
package enum LlamaLog {
  /// How many lines are kept.
  package static let capacity = 64

  private struct State {
    var lines: [String] = []
    var partial = ""
    var handler: (@Sendable (Level, String) -> Void)?
  }

  /// How serious a line is.
  package enum Level: Int, Sendable {
    case debug, info, warning, error
  }

  private static let state = Mutex(State())

  /// Takes llama.cpp's log and starts its back ends; the first call counts.
  static let start: Void = {
    llama_log_set(
      { level, text, _ in
        guard let text else { return }
        LlamaLog.take(level, String(cString: text))
      }, nil)
    llama_backend_init()
  }()

  /// Sends whole lines of warnings and errors to a handler, from whatever thread llama.cpp runs on.
  package static func handle(_ body: @escaping @Sendable (Level, String) -> Void) {
    state.withLock { $0.handler = body }
  }

  /// The last lines of warnings and errors, oldest first.
  package static var recent: [String] { state.withLock { $0.lines } }

  private static func take(_ level: ggml_log_level, _ text: String) {
    let known: Level
    switch level {
    case GGML_LOG_LEVEL_ERROR: known = .error
    case GGML_LOG_LEVEL_WARN: known = .warning
    default: return
    }
    let (lines, handler) = state.withLock { state in
      state.partial += text.prefix(4096)
      guard state.partial.hasSuffix("\n") || state.partial.utf8.count > 8192 else {
        return ([], nil) as ([String], (@Sendable (Level, String) -> Void)?)
      }
      let lines = state.partial.split(separator: "\n").map(String.init)
      state.partial = ""
      state.lines.append(contentsOf: lines)
      if state.lines.count > capacity { state.lines.removeFirst(state.lines.count - capacity) }
      return (lines, state.handler)
    }
    guard let handler else { return }
    for line in lines { handler(known, line) }
  }
}
