import LlamaEngine
import Logging

/// The node's log, on standard error.
enum NodeLog {
  /// The log that the configuration asks for.
  ///
  /// - Returns: the logger, and where JSON is wanted the lines that it gathers, which take requests' lines too.
  static func make(_ configuration: Configuration) -> (logger: Logger, lines: LogLines?) {
    let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
    let lines = configuration.logFormat == "json" ? LogLines(level: level) : nil
    var logger = Logger(label: "prsm") { label -> any LogHandler in
      if let lines { JSONLogHandler(lines) } else { StreamLogHandler.standardError(label: label) }
    }
    logger.logLevel = level
    let engine = logger
    LlamaLog.handle { level, line in
      switch level {
      case .error: engine.error("llama.cpp", metadata: ["line": "\(line)"])
      case .warning: engine.debug("llama.cpp", metadata: ["line": "\(line)"])
      case .debug, .info: engine.trace("llama.cpp", metadata: ["line": "\(line)"])
      }
    }
    return (logger, lines)
  }

  /// For what has much to say that nobody wants to hear.
  static func quiet(_ logger: Logger) -> Logger {
    var quiet = logger
    quiet.logLevel = max(quiet.logLevel, .notice)
    return quiet
  }
}
