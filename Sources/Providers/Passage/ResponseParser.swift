import NIOCore
import NIOHTTP1

/// Takes responses of HTTP/1.1 (RFC 9112) out of bytes that are cut anywhere. Pure. It reads what an exchange needs to know
/// and copies nothing else.
struct ResponseParser {
  /// The longest head, in bytes.
  static let maximumHeadSize = 64 << 10
  /// The longest line between chunks, in bytes.
  private static let maximumLineSize = 4 << 10

  /// What an exchange needs to know of a head.
  struct Head {
    var status: Int
    /// Whether the connection can carry another request afterwards.
    var keepsAlive: Bool
    /// Whether the body is encoded in some way.
    var isEncoded = false
    /// The head as it came, for those who need more of it.
    var text: ByteBuffer
  }

  enum Part {
    case head(Head)
    case body(ByteBuffer)
    case end
  }

  /// Why something is no response.
  struct Failure: Error {
    var reason: String
  }

  private enum State {
    case head
    case body(remaining: Int)
    case untilClose
    case chunkSize
    case chunk(remaining: Int)
    case chunkEnd
    case trailer
    case end
  }

  private var state = State.head
  /// How much of the next line has been looked at already.
  private var scanned = 0

  /// The next part that is complete; nil where more bytes are needed.
  mutating func next(_ buffer: inout ByteBuffer) throws(Failure) -> Part? {
    while true {
      switch state {
      case .head:
        guard let head = try readHead(&buffer) else { return nil }
        // Interim responses (RFC 9110, section 15.2) say nothing here.
        if (100..<200).contains(head.status), head.status != 101 { continue }
        return .head(head)
      case .body(let remaining):
        if remaining == 0 {
          state = .end
          continue
        }
        guard let slice = buffer.readSlice(length: min(remaining, buffer.readableBytes)), slice.readableBytes > 0 else {
          return nil
        }
        state = .body(remaining: remaining - slice.readableBytes)
        return .body(slice)
      case .untilClose:
        guard buffer.readableBytes > 0, let slice = buffer.readSlice(length: buffer.readableBytes) else { return nil }
        return .body(slice)
      case .chunkSize:
        guard let line = try readLine(&buffer) else { return nil }
        let size = try Self.size(line)
        state = size == 0 ? .trailer : .chunk(remaining: size)
      case .chunk(let remaining):
        guard let slice = buffer.readSlice(length: min(remaining, buffer.readableBytes)), slice.readableBytes > 0 else {
          return nil
        }
        let left = remaining - slice.readableBytes
        state = left == 0 ? .chunkEnd : .chunk(remaining: left)
        return .body(slice)
      case .chunkEnd:
        guard let line = try readLine(&buffer) else { return nil }
        guard line.readableBytes == 0 else { throw Failure(reason: "a chunk is longer than it says") }
        state = .chunkSize
      case .trailer:
        guard let line = try readLine(&buffer) else { return nil }
        if line.readableBytes == 0 { state = .end }
      case .end:
        state = .head
        scanned = 0
        return .end
      }
    }
  }

  /// The connection has been closed.
  ///
  /// - Returns: whether the response was complete with that.
  func close() -> Bool {
    if case .untilClose = state { return true }
    return false
  }

  // MARK: -

  private mutating func readLine(_ buffer: inout ByteBuffer) throws(Failure) -> ByteBuffer? {
    let view = buffer.readableBytesView
    guard let end = view[(view.startIndex + scanned)...].firstIndex(of: UInt8(ascii: "\n")) else {
      scanned = view.count
      guard scanned <= Self.maximumLineSize else { throw Failure(reason: "a line of its body is too long") }
      return nil
    }
    scanned = 0
    var length = end - view.startIndex
    var line = buffer.readSlice(length: length + 1) ?? ByteBuffer()
    if length > 0, line.getInteger(at: line.readerIndex + length - 1, as: UInt8.self) == UInt8(ascii: "\r") {
      length -= 1
    }
    return line.readSlice(length: length)
  }

  private static func size(_ line: ByteBuffer) throws(Failure) -> Int {
    var size = 0
    var digits = 0
    for byte in line.readableBytesView {
      let digit: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
      case UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t"):
        guard digits > 0 else { throw Failure(reason: "a chunk does not say how long it is") }
        return size
      default: throw Failure(reason: "a chunk does not say how long it is")
      }
      digits += 1
      guard digits <= 15 else { throw Failure(reason: "a chunk is too long") }
      size = size << 4 | Int(digit)
    }
    guard digits > 0 else { throw Failure(reason: "a chunk does not say how long it is") }
    return size
  }

  private mutating func readHead(_ buffer: inout ByteBuffer) throws(Failure) -> Head? {
    guard buffer.readableBytes > 0 else { return nil }
    let (end, from) = buffer.withUnsafeReadableBytes { Self.endOfHead($0, from: scanned) }
    guard let end else {
      scanned = from
      guard buffer.readableBytes <= Self.maximumHeadSize else { throw Failure(reason: "its headers are too long") }
      if !buffer.readableBytesView.starts(with: "HTTP/1.".utf8.prefix(buffer.readableBytes)) {
        throw Failure(reason: "it begins with what is no status line")
      }
      return nil
    }
    scanned = 0
    let text = buffer.readSlice(length: end) ?? ByteBuffer()
    var fields = Fields()
    let reason = text.withUnsafeReadableBytes { fields.read($0) }
    if let reason { throw Failure(reason: reason) }
    if (100..<200).contains(fields.status) {
      guard fields.status != 101 else {
        throw Failure(reason: "it changed to another protocol, which was not asked for")
      }
    } else if fields.status == 204 || fields.status == 304 {
      state = .body(remaining: 0)
    } else if fields.isChunked {
      state = .chunkSize
    } else if let length = fields.length {
      state = .body(remaining: length)
    } else {
      state = .untilClose
    }
    // A message with both is an attempt to smuggle something or a mistake (RFC 9112, section 6.3).
    let isAmbiguous = fields.isChunked && fields.length != nil
    var keepsAlive = fields.keepsAlive && !isAmbiguous
    if case .untilClose = state { keepsAlive = false }
    return Head(status: fields.status, keepsAlive: keepsAlive, isEncoded: fields.isEncoded, text: text)
  }

  /// The offset behind the empty line that ends a head, or from where to look for it when more has come.
  private static func endOfHead(_ bytes: UnsafeRawBufferPointer, from start: Int) -> (end: Int?, from: Int) {
    var index = start
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "\n") {
        if index + 1 < bytes.count, bytes[index + 1] == UInt8(ascii: "\n") { return (index + 2, 0) }
        if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "\r"), bytes[index + 2] == UInt8(ascii: "\n") {
          return (index + 3, 0)
        }
        if index + 2 >= bytes.count { return (nil, index) }
      }
      index += 1
    }
    return (nil, index)
  }
}

extension ResponseParser {
  /// What the lines of a head say.
  private struct Fields {
    var status = 0
    var keepsAlive = true
    var isChunked = false
    var isEncoded = false
    var length: Int?

    /// - Returns: why it is no head; nil where it is one.
    mutating func read(_ bytes: UnsafeRawBufferPointer) -> String? {
      // HTTP/1.1 200 OK
      guard bytes.count >= 12, bytes[..<7].elementsEqual("HTTP/1.".utf8), bytes[8] == UInt8(ascii: " ") else {
        return "it begins with what is no status line"
      }
      keepsAlive = bytes[7] != UInt8(ascii: "0")
      for index in 9..<12 {
        let digit = bytes[index] &- UInt8(ascii: "0")
        guard digit < 10 else { return "its status is no number" }
        status = status * 10 + Int(digit)
      }
      guard status >= 100, bytes[12 % bytes.count] <= UInt8(ascii: " ") else { return "its status is no number" }
      var start = (bytes.firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count) + 1
      while start < bytes.count {
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
        if let problem = field(bytes, start, end) { return problem }
        start = end + 1
      }
      return nil
    }

    private mutating func field(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> String? {
      var colon = start
      while colon < end, bytes[colon] != UInt8(ascii: ":") { colon += 1 }
      guard colon < end else { return end - start <= 1 ? nil : "a line of its headers has no colon" }
      let length = colon - start
      guard length == 10 || length == 14 || length == 16 || length == 17 else { return nil }
      var first = colon + 1
      var last = end
      while first < last, bytes[first] == UInt8(ascii: " ") || bytes[first] == UInt8(ascii: "\t") { first += 1 }
      while last > first, bytes[last - 1] <= UInt8(ascii: " ") { last -= 1 }
      let name = UnsafeRawBufferPointer(rebasing: bytes[start..<colon])
      let value = UnsafeRawBufferPointer(rebasing: bytes[first..<last])
      if name.isSpelled("content-length") {
        guard (1...15).contains(value.count), value.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) else {
          return "its length is no number"
        }
        let count = value.reduce(0) { $0 * 10 + Int($1 &- UInt8(ascii: "0")) }
        guard self.length == nil || self.length == count else { return "it states two lengths" }
        self.length = count
      } else if name.isSpelled("transfer-encoding") {
        guard value.isSpelled("chunked") else { return "it is encoded in a way that was not asked for" }
        isChunked = true
      } else if name.isSpelled("connection") {
        if !value.isSpelled("keep-alive") { keepsAlive = false }
      } else if name.isSpelled("content-encoding") {
        isEncoded = !value.isSpelled("identity")
      }
      return nil
    }
  }

  /// A head with all of its headers, for errors that need them.
  static func whole(_ head: Head) -> HTTPResponseHead {
    var headers = HTTPHeaders()
    let text = String(buffer: head.text)
    for line in text.split(whereSeparator: \.isNewline).dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      let value = parts[1].drop { $0 == " " || $0 == "\t" }
      headers.add(name: String(parts[0]), value: String(value))
    }
    return HTTPResponseHead(version: .http1_1, status: .init(statusCode: head.status), headers: headers)
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these bytes are a word in lower case, but for the case.
  fileprivate func isSpelled(_ word: StaticString) -> Bool {
    guard count == word.utf8CodeUnitCount else { return false }
    for index in 0..<count {
      let byte = self[index]
      let lowered = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
      if lowered != word.utf8Start[index] { return false }
    }
    return true
  }
}
