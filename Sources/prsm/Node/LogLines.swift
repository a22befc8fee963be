import Foundation
import Gateway
import Logging
import ModelInterface
import Synchronization
import Telemetry

/// The node's log as JSON objects, one a line, on standard error.
///
/// Lines gather for ``gatheringTime`` and go out in one write, because a write costs more than all else that a line does. A
/// warning or worse goes out at once, with everything before it. Where nobody takes what is written, whoever has something to
/// say waits, once ``limit`` has gathered.
final class LogLines: RequestLog {
  private struct State {
    var bytes: [UInt8] = []
    var isDue = false
    /// The second that ``stamp`` stands for.
    var second = Int.min
    var stamp: [UInt8] = []
  }

  /// How long a line may wait.
  static let gatheringTime = Duration.milliseconds(50)
  /// How many bytes gather at most.
  static let limit = 4 << 20
  /// How many bytes are worth a write of their own.
  private static let worthwhile = 256 << 10

  private static let members: Set<String> = ["time", "level", "source", "message"]

  private let level: Logger.Level
  private let descriptor: Int32
  private let state = Mutex(State())
  private let writer = Mutex(())

  /// - Parameter level: request lines below it are left out.
  init(level: Logger.Level, descriptor: Int32 = STDERR_FILENO) {
    self.level = level
    self.descriptor = descriptor
  }

  /// A line about a request.
  func write(_ line: RequestLine) {
    let level = line.level
    guard level >= self.level else { return }
    add(level) { bytes in
      bytes.append(contentsOf: #","source":"Gateway","message":"request","bytes":""#.utf8)
      Self.append(line.bytes, to: &bytes)
      Self.quote(&bytes)
      if let failure = line.failure { Self.member("error", failure, &bytes) }
      Self.member("method", line.method, &bytes)
      bytes.append(contentsOf: #","ms":""#.utf8)
      let microseconds = max(0, Int(clamping: line.time.microseconds))
      Self.append(microseconds / 1000, to: &bytes)
      bytes.append(UInt8(ascii: "."))
      for divisor in [100, 10, 1] { bytes.append(UInt8(ascii: "0") + UInt8(microseconds / divisor % 10)) }
      Self.quote(&bytes)
      Self.member("path", line.path.utf8.count <= 200 ? line.path : String(line.path.prefix(200)), &bytes)
      Self.member("request", line.id, &bytes)
      bytes.append(contentsOf: #","status":""#.utf8)
      Self.append(line.status, to: &bytes)
      Self.quote(&bytes)
      if let tenant = line.tenant { Self.member("tenant", tenant, &bytes) }
      if let trace = line.trace { Self.member("trace", trace, &bytes) }
    }
  }

  /// Any other line: members are written in the order of their names.
  func write(_ level: Logger.Level, source: String, message: String, metadata: Logger.Metadata) {
    add(level) { bytes in
      bytes.append(contentsOf: #","source":"#.utf8)
      JSONValue.write(source, into: &bytes)
      bytes.append(contentsOf: #","message":"#.utf8)
      JSONValue.write(message, into: &bytes)
      for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
        bytes.append(UInt8(ascii: ","))
        // A line has its own time, level, source and message.
        JSONValue.write(Self.members.contains(name) ? name + "_" : name, into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        JSONValue.write("\(value)", into: &bytes)
      }
    }
  }

  /// Writes what has gathered.
  func flush() {
    // One at a time, so that lines stay in order.
    writer.withLock { _ in
      let bytes = state.withLock { state in
        state.isDue = false
        let bytes = state.bytes
        state.bytes = []
        state.bytes.reserveCapacity(min(bytes.count, Self.worthwhile))
        return bytes
      }
      if !bytes.isEmpty { Output.put(bytes, to: descriptor) }
    }
  }

  private func add(_ level: Logger.Level, _ members: (inout [UInt8]) -> Void) {
    enum Next { case nothing, flush, later }
    let next: Next = state.withLock { state in
      state.bytes.append(contentsOf: #"{"time":""#.utf8)
      let second = WallClock.seconds
      if second != state.second {
        state.second = second
        state.stamp = Array(Timestamp.precise(second).utf8)
      }
      state.bytes.append(contentsOf: state.stamp)
      state.bytes.append(contentsOf: #"","level":""#.utf8)
      state.bytes.append(contentsOf: level.rawValue.utf8)
      Self.quote(&state.bytes)
      members(&state.bytes)
      state.bytes.append(contentsOf: "}\n".utf8)
      if level >= .warning || state.bytes.count >= Self.limit { return .flush }
      defer { state.isDue = true }
      return state.isDue ? .nothing : .later
    }
    switch next {
    case .nothing: break
    case .flush: flush()
    case .later:
      // Unstructured because nobody who has something to say may wait for it. It ends with one write.
      Task.detached {
        try? await Task.sleep(for: Self.gatheringTime)
        self.flush()
      }
    }
  }

  private static func quote(_ bytes: inout [UInt8]) { bytes.append(UInt8(ascii: "\"")) }

  private static func member(_ name: StaticString, _ value: String, _ bytes: inout [UInt8]) {
    bytes.append(contentsOf: ",\"".utf8)
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(contentsOf: "\":".utf8)
    JSONValue.write(value, into: &bytes)
  }

  private static func append(_ number: Int, to bytes: inout [UInt8]) {
    if number >= 10 { append(number / 10, to: &bytes) }
    bytes.append(UInt8(ascii: "0") + UInt8(max(0, number) % 10))
  }
}

extension Duration {
  fileprivate var microseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
  }
}

/// Hands lines of loggers to ``LogLines``.
struct JSONLogHandler: LogHandler {
  let lines: LogLines
  var logLevel: Logger.Level = .info
  var metadata: Logger.Metadata = [:]

  init(_ lines: LogLines) {
    self.lines = lines
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    lines.write(
      event.level, source: event.source, message: "\(event.message)",
      metadata: metadata.merging(event.metadata ?? [:]) { $1 })
  }
}
