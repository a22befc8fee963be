/// Why a text is not the JSON that PRSM accepts, and where.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was found and what was expected.
  public let reason: String
  /// The offset in bytes from the start at which reading stopped.
  public let offset: Int

  /// An error at a place.
  public init(reason: String, offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// The reason with the place.
  public var description: String { "\(reason) at byte \(offset)" }
}

extension JSONValue {
  /// The deepest nesting of arrays and objects that is read; deeper input is refused.
  public static let maximumDepth = 128

  /// Reads one JSON text (RFC 8259), which must fill `bytes` but for white space.
  ///
  /// Strict: no comments, no trailing commas, no lone surrogates, valid UTF-8 only, nesting up to ``maximumDepth``.
  public static func parse(_ bytes: [UInt8]) throws(JSONError) -> JSONValue {
    try bytes.withUnsafeBytesTyped { (buffer) throws(JSONError) in try parse(buffer) }
  }

  /// Reads one JSON text; see ``parse(_:)-([UInt8])``.
  public static func parse(_ text: String) throws(JSONError) -> JSONValue {
    try parse(Array(text.utf8))
  }

  /// Reads one JSON text; see ``parse(_:)-([UInt8])``.
  public static func parse(_ buffer: UnsafeRawBufferPointer) throws(JSONError) -> JSONValue {
    var parser = JSONParser(bytes: buffer)
    return try parser.document()
  }
}

extension [UInt8] {
  /// `withUnsafeBytes` with a typed error.
  fileprivate func withUnsafeBytesTyped<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var outcome: Swift.Result<Result, Failure>?
    withUnsafeBytes { buffer in
      do throws(Failure) { outcome = .success(try body(buffer)) } catch { outcome = .failure(error) }
    }
    guard let outcome else { preconditionFailure("withUnsafeBytes calls its body exactly once") }
    return try outcome.get()
  }
}

/// A recursive-descent reader over bytes that are borrowed for its lifetime.
private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  var position = 0
  var depth = 0

  init(bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  func failure(_ reason: String) -> JSONError { JSONError(reason: reason, offset: position) }

  /// The next byte, or 0 at the end; 0 is valid nowhere in JSON, so no caller can mistake one for the other.
  var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

  mutating func document() throws(JSONError) -> JSONValue {
    skipWhiteSpace()
    guard position < bytes.count else { throw failure("expected a JSON value, found nothing") }
    let value = try value()
    skipWhiteSpace()
    guard position == bytes.count else { throw failure("expected the end, found more text after the value") }
    return value
  }

  mutating func skipWhiteSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  mutating func value() throws(JSONError) -> JSONValue {
    switch current {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    default:
      throw failure(position < bytes.count ? "expected a JSON value" : "expected a JSON value, found the end")
    }
  }

  mutating func word(_ spelling: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let length = spelling.utf8CodeUnitCount
    guard bytes.count - position >= length else { throw failure("expected `\(spelling)`") }
    for index in 0..<length where bytes[position + index] != spelling.utf8Start[index] {
      throw failure("expected `\(spelling)`")
    }
    position += length
    return value
  }

  mutating func enter() throws(JSONError) {
    depth += 1
    if depth > JSONValue.maximumDepth { throw failure("nested deeper than \(JSONValue.maximumDepth)") }
    position += 1
    skipWhiteSpace()
  }

  mutating func array() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var elements: [JSONValue] = []
    if current == UInt8(ascii: "]") {
      position += 1
      return .array(elements)
    }
    while true {
      elements.append(try value())
      skipWhiteSpace()
      switch current {
      case UInt8(ascii: ","):
        position += 1
        skipWhiteSpace()
      case UInt8(ascii: "]"):
        position += 1
        return .array(elements)
      default: throw failure("expected `,` or `]` in an array")
      }
    }
  }

  mutating func object() throws(JSONError) -> JSONValue {
    try enter()
    defer { depth -= 1 }
    var members: [(name: String, value: JSONValue)] = []
    if current == UInt8(ascii: "}") {
      position += 1
      return .object(JSONObject(distinct: members))
    }
    while true {
      guard current == UInt8(ascii: "\"") else { throw failure("expected a member name in double quotes") }
      let name = try string()
      skipWhiteSpace()
      guard current == UInt8(ascii: ":") else { throw failure("expected `:` after a member name") }
      position += 1
      skipWhiteSpace()
      members.append((name, try value()))
      skipWhiteSpace()
      switch current {
      case UInt8(ascii: ","):
        position += 1
        skipWhiteSpace()
      case UInt8(ascii: "}"):
        position += 1
        return .object(Self.distinct(members))
      default: throw failure("expected `,` or `}` in an object")
      }
    }
  }

  /// Duplicate names are rare: a scan for short objects, a set for long ones, and the slow path only where one is found.
  static func distinct(_ members: [(name: String, value: JSONValue)]) -> JSONObject {
    var repeated = false
    if members.count <= 16 {
      outer: for index in members.indices.dropFirst() {
        for earlier in 0..<index where members[earlier].name == members[index].name {
          repeated = true
          break outer
        }
      }
    } else {
      repeated = Set(members.map(\.name)).count != members.count
    }
    guard repeated else { return JSONObject(distinct: members) }
    var last: [String: Int] = [:]
    var kept: [(name: String, value: JSONValue)] = []
    for member in members {
      if let index = last[member.name] {
        kept[index].value = member.value
      } else {
        last[member.name] = kept.count
        kept.append(member)
      }
    }
    return JSONObject(distinct: kept)
  }

  mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    if current == UInt8(ascii: "-") { position += 1 }
    if current == UInt8(ascii: "0") {
      position += 1
    } else {
      try digits()
    }
    if current == UInt8(ascii: ".") {
      position += 1
      try digits()
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      position += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
      try digits()
    }
    guard position - start <= 1_024 else { throw failure("a number of more than 1024 characters") }
    return JSONNumber(unchecked: String(decoding: bytes[start..<position], as: UTF8.self))
  }

  mutating func digits() throws(JSONError) {
    let start = position
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(current) { position += 1 }
    if position == start { throw failure("expected a digit") }
  }

  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        let text = try text(start..<position)
        position += 1
        return text
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw failure("a control character inside a string; escape it") }
      position += 1
    }
    throw failure("a string without its closing quote")
  }

  func text(_ range: Range<Int>) throws(JSONError) -> String {
    guard let text = String(validating: UnsafeRawBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
      throw JSONError(reason: "a string that is not valid UTF-8", offset: range.lowerBound)
    }
    return text
  }

  /// The slow path, for a string that has at least one escape.
  mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var unescaped = Array(bytes[start..<position])
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: unescaped, as: UTF8.self) else {
          throw JSONError(reason: "a string that is not valid UTF-8", offset: start)
        }
        return text
      case UInt8(ascii: "\\"): try escape(into: &unescaped)
      case 0..<0x20: throw failure("a control character inside a string; escape it")
      default: unescaped.append(byte)
      }
    }
    throw failure("a string without its closing quote")
  }

  mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
    let letter = current
    position += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(letter)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0C)
    case UInt8(ascii: "n"): bytes.append(0x0A)
    case UInt8(ascii: "r"): bytes.append(0x0D)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if (0xD800..<0xDC00).contains(code) {
        guard current == UInt8(ascii: "\\"), position + 1 < self.bytes.count,
          self.bytes[position + 1] == UInt8(ascii: "u")
        else { throw failure("a high surrogate without a low one") }
        position += 2
        let low = try hexadecimal()
        guard (0xDC00..<0xE000).contains(low) else { throw failure("a high surrogate without a low one") }
        code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw failure("a low surrogate without a high one") }
      bytes.append(contentsOf: UTF8.encode(scalar) ?? .init())
    default:
      position -= 1
      throw failure("an unknown escape in a string")
    }
  }

  mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard bytes.count - position >= 4 else { throw failure("expected four hexadecimal digits") }
    var code: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch current {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = current - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = current - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = current - UInt8(ascii: "A") + 10
      default: throw failure("expected a hexadecimal digit")
      }
      code = code << 4 | UInt32(digit)
      position += 1
    }
    return code
  }
}
