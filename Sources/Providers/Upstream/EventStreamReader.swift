import ModelInterface
import NIOCore

/// Takes server-sent events (WHATWG HTML, section 9.2) out of bytes that are cut anywhere, keeping their names.
struct EventStreamReader: Sendable {
  /// The longest event, in bytes, that is accepted.
  static let maximumEventSize = 16 << 20

  /// An event: its name, empty where it has none, and its data.
  struct Event: Sendable, Equatable {
    var name: String
    var data: [UInt8]

    /// Whether it is the word with which OpenAI's streams end, by whatever white space it is surrounded.
    var isDone: Bool {
      guard data.count < 64, data.contains(UInt8(ascii: "[")) else { return false }
      let white: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
      return data.drop { white.contains($0) }.prefix { !white.contains($0) }.elementsEqual("[DONE]".utf8)
        && data.count { !white.contains($0) } == 6
    }
  }

  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var name = ""
  private var hasData = false
  private var endedWithReturn = false
  /// Whether an event was longer than ``maximumEventSize``; nothing more is read then.
  private(set) var isTooLong = false

  /// The events that are complete with these bytes.
  mutating func read(_ buffer: ByteBuffer) -> [Event] {
    buffer.withUnsafeReadableBytes { read($0) }
  }

  /// The events that are complete with these bytes.
  mutating func read(_ bytes: UnsafeRawBufferPointer) -> [Event] {
    var events: [Event] = []
    var start = 0
    for index in 0..<bytes.count {
      guard !isTooLong else { return events }
      let byte = bytes[index]
      guard byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") else {
        endedWithReturn = false
        continue
      }
      defer { start = index + 1 }
      if byte == UInt8(ascii: "\n"), endedWithReturn {
        endedWithReturn = false
        continue
      }
      endedWithReturn = byte == UInt8(ascii: "\r")
      append(bytes[start..<index])
      if let event = endLine() { events.append(event) }
    }
    append(bytes[start...])
    return events
  }

  /// The event that was begun when the stream ended; nil where there is none. The standard drops it, but servers that leave
  /// the last blank line out mean it. One that was cut off is no JSON and is dropped all the same.
  mutating func finish() -> Event? {
    guard !isTooLong else { return nil }
    if !line.isEmpty { _ = endLine() }
    guard let event = endLine(), event.isDone || (try? JSONValue.parse(event.data)) != nil else { return nil }
    return event
  }

  private mutating func append(_ part: Slice<UnsafeRawBufferPointer>) {
    guard !part.isEmpty else { return }
    isTooLong = line.count + data.count + part.count > Self.maximumEventSize
    if !isTooLong { line.append(contentsOf: UnsafeRawBufferPointer(rebasing: part)) }
  }

  private mutating func endLine() -> Event? {
    defer { line.removeAll(keepingCapacity: true) }
    guard !line.isEmpty else {
      defer {
        data = []
        name = ""
        hasData = false
      }
      return hasData ? Event(name: name, data: data) : nil
    }
    if let value = value(of: "data") {
      if hasData { data.append(UInt8(ascii: "\n")) }
      data.append(contentsOf: value)
      hasData = true
    } else if let value = value(of: "event") {
      name = String(decoding: value, as: UTF8.self)
    }
    return nil
  }

  private func value(of field: StaticString) -> ArraySlice<UInt8>? {
    let length = field.utf8CodeUnitCount
    guard line.count >= length else { return nil }
    for index in 0..<length where line[index] != field.utf8Start[index] { return nil }
    guard line.count > length else { return [] }
    guard line[length] == UInt8(ascii: ":") else { return nil }
    let hasBlank = line.count > length + 1 && line[length + 1] == UInt8(ascii: " ")
    return line[(length + (hasBlank ? 2 : 1))...]
  }
}
