internal import Multiformats

/// A JSON parser (RFC 8259) into the IPLD data model.
struct JSONReader {
  /// Whether `{"/": …}` is a link or bytes.
  let reserved: Bool
  private(set) var offset = 0
  private var items = 0

  init(reserved: Bool) { self.reserved = reserved }

  private func fault(_ detail: String) -> ContentError {
    ContentError(.malformed, "dag-json at byte \(offset): \(detail)")
  }

  private func peek(_ span: RawSpan) -> UInt8? { offset < span.byteCount ? span.byte(at: offset) : nil }

  mutating func skipSpace(_ span: RawSpan) {
    while let byte = peek(span), byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { offset += 1 }
  }

  private mutating func take(_ character: UInt8, _ span: RawSpan) -> Bool {
    skipSpace(span)
    guard peek(span) == character else { return false }
    offset += 1
    return true
  }

  private mutating func word(_ word: StaticString, _ span: RawSpan) throws(ContentError) {
    for index in 0..<word.utf8CodeUnitCount {
      guard peek(span) == word.utf8Start[index] else { throw fault("expected \(word)") }
      offset += 1
    }
  }

  mutating func node(_ span: RawSpan, depth: Int) throws(ContentError) -> Node {
    guard depth <= CodecLimits.depth else {
      throw ContentError(.tooLarge, "dag-json: deeper than \(CodecLimits.depth)")
    }
    items += 1
    guard items <= CodecLimits.items else {
      throw ContentError(.tooLarge, "dag-json: more than \(CodecLimits.items) items in one block")
    }
    skipSpace(span)
    switch peek(span) {
    case nil: throw fault("the bytes end where a value is expected")
    case UInt8(ascii: "n"):
      try word("null", span)
      return .null
    case UInt8(ascii: "t"):
      try word("true", span)
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false", span)
      return .bool(false)
    case UInt8(ascii: "\""): return .string(try string(span))
    case UInt8(ascii: "["): return try list(span, depth)
    case UInt8(ascii: "{"): return try map(span, depth)
    default: return try number(span)
    }
  }

  private mutating func list(_ span: RawSpan, _ depth: Int) throws(ContentError) -> Node {
    offset += 1
    var elements: [Node] = []
    if take(UInt8(ascii: "]"), span) { return .list([]) }
    while true {
      elements.append(try node(span, depth: depth + 1))
      if take(UInt8(ascii: "]"), span) { return .list(elements) }
      guard take(UInt8(ascii: ","), span) else { throw fault("expected a comma or the end of the list") }
    }
  }

  private mutating func map(_ span: RawSpan, _ depth: Int) throws(ContentError) -> Node {
    offset += 1
    var entries: [String: Node] = [:]
    if take(UInt8(ascii: "}"), span) { return .map([:]) }
    repeat {
      skipSpace(span)
      guard peek(span) == UInt8(ascii: "\"") else { throw fault("expected a key") }
      let key = try string(span)
      guard take(UInt8(ascii: ":"), span) else { throw fault("expected a colon") }
      guard entries.updateValue(try node(span, depth: depth + 1), forKey: key) == nil else {
        throw fault("key \(key.debugDescription) is there twice")
      }
    } while take(UInt8(ascii: ","), span)
    guard take(UInt8(ascii: "}"), span) else { throw fault("expected a comma or the end of the map") }
    guard reserved, let slash = entries["/"] else { return .map(entries) }
    guard entries.count == 1 else { throw fault("the key / stands alone") }
    switch slash {
    case .string(let text): return .link(try parsing { () throws(MultiformatError) in try CID(text) })
    case .map(let inner):
      guard inner.count == 1, case .string(let text)? = inner["bytes"] else {
        throw fault("expected {\"/\":{\"bytes\":…}}")
      }
      return .bytes(try parsing { () throws(MultiformatError) in try Multibase.base64.decodeBody(text) })
    default: throw fault("the key / holds a CID or bytes")
    }
  }

  private mutating func string(_ span: RawSpan) throws(ContentError) -> String {
    offset += 1
    var bytes: [UInt8] = []
    while let byte = peek(span) {
      offset += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: bytes, as: UTF8.self) else { throw fault("a string is not UTF-8") }
        return text
      case UInt8(ascii: "\\"): try escape(span, &bytes)
      case 0..<0x20: throw fault("a control character inside a string")
      default: bytes.append(byte)
      }
    }
    throw fault("the bytes end inside a string")
  }

  private mutating func escape(_ span: RawSpan, _ bytes: inout [UInt8]) throws(ContentError) {
    guard let byte = peek(span) else { throw fault("the bytes end inside a string") }
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
    case UInt8(ascii: "b"): bytes.append(0x08)
    case UInt8(ascii: "f"): bytes.append(0x0c)
    case UInt8(ascii: "n"): bytes.append(0x0a)
    case UInt8(ascii: "r"): bytes.append(0x0d)
    case UInt8(ascii: "t"): bytes.append(0x09)
    case UInt8(ascii: "u"):
      var code = try hex(span)
      if (0xd800..<0xdc00).contains(code) {
        try word("\\u", span)
        let low = try hex(span)
        guard (0xdc00..<0xe000).contains(low) else { throw fault("half a surrogate pair") }
        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
      }
      guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
      bytes += String(Character(scalar)).utf8
    default: throw fault("an unknown escape")
    }
  }

  private mutating func hex(_ span: RawSpan) throws(ContentError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek(span), let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
        throw fault("expected four hex digits")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }

  private mutating func number(_ span: RawSpan) throws(ContentError) -> Node {
    let start = offset
    let negative = peek(span) == UInt8(ascii: "-")
    if negative { offset += 1 }
    let digits = try digits(span)
    if digits > 1, span.byte(at: offset - digits) == UInt8(ascii: "0") { throw fault("a number with a leading zero") }
    var isFloat = false
    if peek(span) == UInt8(ascii: ".") {
      isFloat = true
      offset += 1
      _ = try self.digits(span)
    }
    if peek(span) == UInt8(ascii: "e") || peek(span) == UInt8(ascii: "E") {
      isFloat = true
      offset += 1
      if peek(span) == UInt8(ascii: "+") || peek(span) == UInt8(ascii: "-") { offset += 1 }
      _ = try self.digits(span)
    }
    guard offset - start <= 1_100 else {
      throw ContentError(.tooLarge, "dag-json: a number of \(offset - start) digits")
    }
    let text = String(decoding: span.copy(from: start, count: offset - start) ?? [], as: UTF8.self)
    if isFloat {
      guard let value = Double(text), value.isFinite else { throw fault("\(text) is beyond a 64-bit float") }
      return .float(value)
    }
    if negative {
      guard let magnitude = UInt128(text.dropFirst()), magnitude <= UInt128(UInt64.max) + 1 else {
        throw fault("\(text) is beyond 64 bits")
      }
      return magnitude == 0 ? .unsigned(0) : .negative(UInt64(magnitude - 1))
    }
    guard let value = UInt64(text) else { throw fault("\(text) is beyond 64 bits") }
    return .unsigned(value)
  }

  private mutating func digits(_ span: RawSpan) throws(ContentError) -> Int {
    let start = offset
    while let byte = peek(span), (0x30...0x39).contains(byte) { offset += 1 }
    guard offset > start else { throw fault("expected a digit") }
    return offset - start
  }
}
