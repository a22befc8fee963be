import Foundation
import Logging
import ModelInterface

/// Log lines as JSON objects, one a line, on standard error.
struct JSONLogHandler: LogHandler {
  var logLevel: Logger.Level = .info
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var object: JSONObject = [
      "time": .string(Date().formatted(.iso8601)), "level": .string(event.level.rawValue),
      "source": .string(event.source), "message": .string("\(event.message)"),
    ]
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    for (name, value) in all.sorted(by: { $0.key < $1.key }) { object[name] = .string("\(value)") }
    Output.note(JSONValue.object(object).text)
  }
}
