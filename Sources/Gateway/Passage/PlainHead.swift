#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The head of a request as far as it has to be known to pass the request on. It reads only what is beyond doubt: for
/// everything else there is the whole parser, which has seen none of the bytes yet.
struct PlainHead {
  enum Reading {
    /// More bytes are needed.
    case incomplete
    /// It is for the whole parser; the length of the request where that is certain.
    case foreign(length: Int?)
    /// A chat completion of a length that is stated.
    case chat(PlainHead)
  }

  /// Where the body begins.
  var bodyStart = 0
  /// How long it is.
  var bodyLength = 0
  var host: Range<Int>?
  var authorization: Range<Int>?
  var apiKey: Range<Int>?
  var identifier: Range<Int>?
  var traceparent: Range<Int>?

  /// The length of head and body.
  var length: Int { bodyStart + bodyLength }

  private static let requestLine: StaticString = "POST /v1/chat/completions HTTP/1.1\r\n"
  static let path = "/v1/chat/completions"

  /// What a connection's bytes begin with.
  static func read(_ bytes: UnsafeRawBufferPointer, limits: ConnectionLimits) -> Reading {
    guard let end = lineEnd(bytes, from: 0) else { return more(bytes, limits) }
    guard end >= 0 else { return .foreign(length: nil) }
    let isChat = starts(bytes, with: requestLine)
    var head = PlainHead()
    var isForeign = !isChat || end + 2 != requestLine.utf8CodeUnitCount
    var length: Int?
    var isJSON = false
    var start = end + 2
    while true {
      guard let end = lineEnd(bytes, from: start) else { return more(bytes, limits) }
      if end == start { break }
      guard end >= 0, let colon = name(bytes, from: start, to: end), let value = value(bytes, from: colon + 1, to: end)
      else {
        return .foreign(length: nil)
      }
      switch Field(bytes, start..<colon) {
      case .length:
        guard length == nil, let count = number(bytes, value) else { return .foreign(length: nil) }
        length = count
      case .framing: return .foreign(length: nil)
      case .type: isJSON = isType(bytes, value)
      case .host:
        isForeign = isForeign || head.host != nil
        head.host = value
      case .authorization:
        isForeign = isForeign || head.authorization != nil
        head.authorization = value
      case .apiKey: head.apiKey = value
      case .identifier: head.identifier = value
      case .traceparent: head.traceparent = value
      case .special: isForeign = true
      case .connection: isForeign = isForeign || !spells(bytes, value, "keep-alive")
      case .other: break
      }
      start = end + 2
    }
    head.bodyStart = start + 2
    head.bodyLength = length ?? 0
    guard head.bodyStart <= limits.headerBytes, head.bodyLength <= limits.bodyBytes else {
      return .foreign(length: nil)
    }
    guard !isForeign, isJSON, length != nil, head.host != nil else { return .foreign(length: head.length) }
    return .chat(head)
  }

  private static func more(_ bytes: UnsafeRawBufferPointer, _ limits: ConnectionLimits) -> Reading {
    bytes.count > limits.headerBytes ? .foreign(length: nil) : .incomplete
  }

  // MARK: lines

  /// The offset of the line's end, CR LF; nil where it has not come, and -1 where it ends in another way.
  private static func lineEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    guard start < bytes.count, let base = bytes.baseAddress,
      let found = memchr(base + start, 0x0A, bytes.count - start)
    else { return nil }
    let end = UnsafeRawPointer(found) - base
    return end > start && bytes[end - 1] == 0x0D ? end - 1 : -1
  }

  private static func starts(_ bytes: UnsafeRawBufferPointer, with text: StaticString) -> Bool {
    guard bytes.count >= text.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
    return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
  }

  /// The offset of the colon behind a field's name (RFC 9110, section 5.1); nil where it is none.
  private static func name(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Int? {
    var index = start
    while index < end {
      switch bytes[index] {
      case UInt8(ascii: ":"): return index > start ? index : nil
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
        index += 1
      default: return nil
      }
    }
    return nil
  }

  /// A field's value without the white space around it; nil where it has bytes that are not plain text.
  private static func value(_ bytes: UnsafeRawBufferPointer, from start: Int, to end: Int) -> Range<Int>? {
    var first = start
    var last = end
    while first < last, bytes[first] == 0x20 || bytes[first] == 0x09 { first += 1 }
    while last > first, bytes[last - 1] == 0x20 || bytes[last - 1] == 0x09 { last -= 1 }
    for index in first..<last where bytes[index] < 0x20 || bytes[index] >= 0x7F { return nil }
    return first..<last
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
    guard (1...15).contains(range.count) else { return nil }
    var number = 0
    for index in range {
      let digit = bytes[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      number = number * 10 + Int(digit)
    }
    return number
  }

  private static func isType(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
    let essence = range.lowerBound..<min(range.upperBound, range.lowerBound + 16)
    guard spells(bytes, essence, "application/json") else { return false }
    return range.count == 16 || bytes[range.lowerBound + 16] == UInt8(ascii: ";")
  }

  /// Whether the bytes of a range are a word in lower case, but for the case.
  static func spells(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ word: StaticString) -> Bool {
    guard range.count == word.utf8CodeUnitCount else { return false }
    for index in 0..<range.count {
      let byte = bytes[range.lowerBound + index]
      let lowered = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
      if lowered != word.utf8Start[index] { return false }
    }
    return true
  }

  /// What a field is about.
  private enum Field {
    case length, framing, type, host, authorization, apiKey, identifier, traceparent, connection, other
    /// Something that only the long way knows.
    case special

    init(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>) {
      func spells(_ word: StaticString) -> Bool { PlainHead.spells(bytes, name, word) }
      self =
        switch name.count {
        case 4 where spells("host"): .host
        case 6 where spells("origin") || spells("expect"): .special
        case 7 where spells("upgrade") || spells("trailer"): .special
        case 9 where spells("x-api-key"): .apiKey
        case 10 where spells("connection"): .connection
        case 11 where spells("traceparent"): .traceparent
        case 12 where spells("content-type"): .type
        case 12 where spells("x-request-id"): .identifier
        case 13 where spells("authorization"): .authorization
        case 14 where spells("content-length"): .length
        case 16 where spells("content-encoding"): .special
        case 17 where spells("transfer-encoding"): .framing
        case 7... where PlainHead.spells(bytes, name.lowerBound..<name.lowerBound + 7, "x-prsm-"): .special
        default: .other
        }
    }
  }
}
