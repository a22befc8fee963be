import LlamaEngine
import Logging

/// The node's log, on standard error.
enum NodeLog {
  static func logger(_ configuration: Configuration) -> Logger {
    let isJSON = configuration.logFormat == "json"
    var logger = Logger(label: "prsm") { label -> any LogHandler in
      if isJSON { JSONLogHandler() } else { StreamLogHandler.standardError(label: label) }
    }
    logger.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
    let engine = logger
    LlamaLog.handle { level, line in
      switch level {
      case .error: engine.error("llama.cpp", metadata: ["line": "\(line)"])
      case .warning: engine.debug("llama.cpp", metadata: ["line": "\(line)"])
      case .debug, .info: engine.trace("llama.cpp", metadata: ["line": "\(line)"])
      }
    }
    return logger
  }

  /// For what has much to say that nobody wants to hear.
  static func quiet(_ logger: Logger) -> Logger {
    var quiet = logger
    quiet.logLevel = max(quiet.logLevel, .notice)
    return quiet
  }
}
