package import Logging

/// What is written down of a request that was answered.
package struct RequestLine: Sendable {
  /// Its identifier.
  package var id: String
  /// Its method.
  package var method: String
  /// Its path, without the query.
  package var path: String
  /// The status that it was answered with.
  package var status: Int
  /// From its last byte to its answer's last byte.
  package var time: Duration
  /// The bytes of body that were sent.
  package var bytes: Int
  /// Who asked; nil where nobody has to say so.
  package var tenant: String?
  /// The trace that it is part of.
  package var trace: String?
  /// The code of the error that it was answered with.
  package var failure: String?

  /// A line.
  package init(
    id: String, method: String, path: String, status: Int, time: Duration, bytes: Int, tenant: String?,
    trace: String?, failure: String?
  ) {
    self.id = id
    self.method = method
    self.path = path
    self.status = status
    self.time = time
    self.bytes = bytes
    self.tenant = tenant
    self.trace = trace
    self.failure = failure
  }

  /// How much it matters: a failure of the node's is a warning.
  package var level: Logger.Level { status >= 500 ? .warning : .info }

  /// Milliseconds with three decimals.
  package var milliseconds: String {
    let microseconds = Int(time / .microseconds(1))
    let fraction = microseconds % 1000
    return "\(microseconds / 1000).\(fraction < 10 ? "00" : fraction < 100 ? "0" : "")\(fraction)"
  }
}

/// Takes a line a request. Called on event loops: it must not hold them up.
package protocol RequestLog: Sendable {
  /// Takes a line.
  func write(_ line: RequestLine)
}

/// Writes lines to a logger.
struct LoggerRequestLog: RequestLog {
  let logger: Logger

  func write(_ line: RequestLine) {
    let level = line.level
    guard logger.logLevel <= level else { return }
    var metadata: Logger.Metadata = [
      "request": .string(line.id), "method": .string(line.method), "path": .string(String(line.path.prefix(200))),
      "status": .string(String(line.status)), "ms": .string(line.milliseconds), "bytes": .string(String(line.bytes)),
    ]
    if let tenant = line.tenant { metadata["tenant"] = .string(tenant) }
    if let trace = line.trace { metadata["trace"] = .string(trace) }
    if let failure = line.failure { metadata["error"] = .string(failure) }
    logger.log(level: level, "request", metadata: metadata)
  }
}
