/// Takes the `data` of server-sent events (WHATWG HTML, section 9.2) out of a stream of bytes that is cut anywhere.
package struct ServerSentEvents: Sendable {
  /// The longest event, in bytes, that is accepted.
  package static let maximumEventSize = 16 << 20

  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  private var endedWithReturn = false
  /// Whether an event was longer than ``maximumEventSize``; nothing more is read then.
  package private(set) var isTooLong = false

  /// A reader at the start of a stream.
  package init() {}

  /// The events that are complete with these bytes.
  package mutating func read(_ bytes: some Sequence<UInt8>) -> [[UInt8]] {
    var events: [[UInt8]] = []
    for byte in bytes {
      guard !isTooLong else { break }
      switch byte {
      case UInt8(ascii: "\n") where endedWithReturn: endedWithReturn = false
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        endedWithReturn = byte == UInt8(ascii: "\r")
        if let event = endLine() { events.append(event) }
      default:
        endedWithReturn = false
        line.append(byte)
        isTooLong = line.count + data.count > Self.maximumEventSize
      }
    }
    return events
  }

  private mutating func endLine() -> [UInt8]? {
    defer { line.removeAll(keepingCapacity: true) }
    if line.isEmpty {
      defer {
        data = []
        hasData = false
      }
      return hasData ? data : nil
    }
    guard line.starts(with: "data".utf8) else { return nil }
    var rest = line.dropFirst(4)
    if let next = rest.first {
      guard next == UInt8(ascii: ":") else { return nil }
      rest = rest.dropFirst()
      if rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
    }
    if hasData { data.append(UInt8(ascii: "\n")) }
    data.append(contentsOf: rest)
    hasData = true
    return nil
  }
}
