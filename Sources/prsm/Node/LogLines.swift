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
    let length =
      line.id.utf8.count + line.method.utf8.count + line.path.utf8.count + (line.failure?.utf8.count ?? 0)
      + (line.tenant?.utf8.count ?? 0) + (line.trace?.utf8.count ?? 0)
    // Each byte may become an escape of six.
    let size = 256 + 6 * length
    withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { room in
      var text = LineText(room)
      text.add(#","source":"Gateway","message":"request","bytes":""#)
      text.add(line.bytes)
      if let failure = line.failure {
        text.add(#"","error":""#)
        text.add(escaping: failure)
      }
      text.add(#"","method":""#)
      text.add(escaping: line.method)
      text.add(#"","ms":""#)
      let microseconds = max(0, Int(clamping: line.time.microseconds))
      text.add(microseconds / 1000)
      text.add(".")
      for divisor in [100, 10, 1] { text.add(microseconds / divisor % 10) }
      text.add(#"","path":""#)
      text.add(escaping: line.path.utf8.count <= 200 ? line.path : String(line.path.prefix(200)))
      text.add(#"","request":""#)
      text.add(escaping: line.id)
      text.add(#"","status":""#)
      text.add(line.status)
      if let tenant = line.tenant {
        text.add(#"","tenant":""#)
        text.add(escaping: tenant)
      }
      if let trace = line.trace {
        text.add(#"","trace":""#)
        text.add(escaping: trace)
      }
      text.add("\"")
      add(level) { $0.append(contentsOf: text.written) }
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
}

/// Puts a line together in room that was measured for it.
private struct LineText {
  private let room: UnsafeMutableRawBufferPointer
  private var size = 0

  init(_ room: UnsafeMutableRawBufferPointer) {
    self.room = room
  }

  var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: room[..<size]) }

  mutating func add(_ text: StaticString) {
    room.baseAddress?.advanced(by: size).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
    size += text.utf8CodeUnitCount
  }

  mutating func add(_ number: Int) {
    if number >= 10 { add(number / 10) }
    room[size] = UInt8(ascii: "0") + UInt8(max(0, number) % 10)
    size += 1
  }

  /// A text as it stands between the quotes of a JSON string.
  mutating func add(escaping text: String) {
    let isCopied = text.utf8.withContiguousStorageIfAvailable { utf8 in
      let bytes = UnsafeRawBufferPointer(utf8)
      guard JSONScanner.isPlain(bytes) else { return false }
      UnsafeMutableRawBufferPointer(rebasing: room[size...]).copyMemory(from: bytes)
      size += bytes.count
      return true
    }
    guard isCopied != true else { return }
    var quoted: [UInt8] = []
    JSONValue.write(text, into: &quoted)
    for byte in quoted.dropFirst().dropLast() {
      room[size] = byte
      size += 1
    }
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
