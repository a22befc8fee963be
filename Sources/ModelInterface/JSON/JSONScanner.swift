/// Reads over a JSON text (RFC 8259) without making values of it, as strictly as ``JSONValue/parse(_:)-(UnsafeRawBufferPointer)``.
///
/// For bytes that are looked at and passed on as they are: what is accepted here is exactly what the parser accepts.
/// Its methods are inlined where they are used, so that a reader of one kind of object becomes one loop over its bytes. Every
/// method leaves the position behind what it read, and says by nil or false that the text is not what was asked for;
/// nothing more can be read then.
public struct JSONScanner {
  /// A string as it stands in the text.
  public struct Text {
    /// The bytes between the quotes.
    public let range: Range<Int>
    /// Whether it is written with escapes, so that the bytes are not the text itself.
    public let hasEscapes: Bool

    /// A string of these bytes.
    @inlinable public init(range: Range<Int>, hasEscapes: Bool) {
      self.range = range
      self.hasEscapes = hasEscapes
    }
  }

  @usableFromInline let bytes: UnsafeRawBufferPointer
  @usableFromInline var place = 0
  @usableFromInline var depth = 0

  /// A scanner at the start of a text, which is borrowed for the scanner's lifetime.
  @inlinable public init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
  }

  /// The offset of the next byte.
  @inlinable public var position: Int { place }

  /// The next byte; 0 at the end.
  @inlinable @inline(__always) public var current: UInt8 { place < bytes.count ? bytes[place] : 0 }

  /// Whether nothing but white space follows.
  @inlinable public mutating func isAtEnd() -> Bool {
    skipWhiteSpace()
    return place == bytes.count
  }

  /// Whether a string's bytes are those of a word.
  @inlinable @inline(__always) public func equals(_ text: Text, _ word: StaticString) -> Bool {
    guard text.range.count == word.utf8CodeUnitCount, !text.hasEscapes else { return false }
    for index in 0..<word.utf8CodeUnitCount where bytes[text.range.lowerBound + index] != word.utf8Start[index] {
      return false
    }
    return true
  }

  /// A string's bytes as text; nil where it has escapes.
  public func string(_ text: Text) -> String? {
    text.hasEscapes ? nil : String(decoding: UnsafeRawBufferPointer(rebasing: bytes[text.range]), as: UTF8.self)
  }

  /// Skips white space.
  @inlinable @inline(__always) public mutating func skipWhiteSpace() {
    while place < bytes.count {
      switch bytes[place] {
      case 0x20, 0x0A, 0x0D, 0x09: place += 1
      default: return
      }
    }
  }

  /// Whether an array begins here that ends at once. Reads nothing.
  @inlinable public var isEmptyArray: Bool {
    var copy = self
    guard copy.current == UInt8(ascii: "["), copy.enter() else { return false }
    return copy.current == UInt8(ascii: "]")
  }

  // MARK: values

  /// Reads an object; `member` is called at each member's value and has to read it.
  @inlinable @inline(__always) public mutating func object(_ member: (inout JSONScanner, Text) -> Bool) -> Bool {
    guard current == UInt8(ascii: "{"), enter() else { return false }
    if current == UInt8(ascii: "}") { return leave() }
    while true {
      guard let name = string() else { return false }
      skipWhiteSpace()
      guard current == UInt8(ascii: ":") else { return false }
      place += 1
      skipWhiteSpace()
      guard member(&self, name) else { return false }
      skipWhiteSpace()
      switch current {
      case UInt8(ascii: ","):
        place += 1
        skipWhiteSpace()
      case UInt8(ascii: "}"): return leave()
      default: return false
      }
    }
  }

  /// Reads an array; `element` is called at each element and has to read it.
  @inlinable @inline(__always) public mutating func array(_ element: (inout JSONScanner) -> Bool) -> Bool {
    guard current == UInt8(ascii: "["), enter() else { return false }
    if current == UInt8(ascii: "]") { return leave() }
    while true {
      guard element(&self) else { return false }
      skipWhiteSpace()
      switch current {
      case UInt8(ascii: ","):
        place += 1
        skipWhiteSpace()
      case UInt8(ascii: "]"): return leave()
      default: return false
      }
    }
  }

  @inlinable mutating func enter() -> Bool {
    depth += 1
    place += 1
    skipWhiteSpace()
    return depth <= JSONValue.maximumDepth
  }

  @inlinable mutating func leave() -> Bool {
    depth -= 1
    place += 1
    return true
  }

  /// Reads any value.
  @inlinable public mutating func skip() -> Bool {
    switch current {
    case UInt8(ascii: "\""): string() != nil
    case UInt8(ascii: "{"): object { scanner, _ in scanner.skip() }
    case UInt8(ascii: "["): array { scanner in scanner.skip() }
    case UInt8(ascii: "t"): word("true")
    case UInt8(ascii: "f"): word("false")
    case UInt8(ascii: "n"): word("null")
    default: number() != nil
    }
  }

  /// Reads `true` or `false`.
  @inlinable public mutating func bool() -> Bool? {
    if word("true") { return true }
    return word("false") ? false : nil
  }

  /// Reads a word where it stands here.
  @inlinable public mutating func word(_ spelling: StaticString) -> Bool {
    let length = spelling.utf8CodeUnitCount
    guard bytes.count - place >= length else { return false }
    for index in 0..<length where bytes[place + index] != spelling.utf8Start[index] { return false }
    place += length
    return true
  }

  /// Reads a number.
  ///
  /// - Returns: the place of its literal.
  public mutating func number() -> Range<Int>? {
    let start = place
    if current == UInt8(ascii: "-") { place += 1 }
    if current == UInt8(ascii: "0") {
      place += 1
    } else if !digits() {
      return nil
    }
    if current == UInt8(ascii: ".") {
      place += 1
      guard digits() else { return nil }
    }
    if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
      place += 1
      if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { place += 1 }
      guard digits() else { return nil }
    }
    return place - start <= 1_024 ? start..<place : nil
  }

  private mutating func digits() -> Bool {
    let start = place
    while place < bytes.count, bytes[place] &- UInt8(ascii: "0") < 10 { place += 1 }
    return place > start
  }

  /// Reads a number that is an integer of at most 18 digits, written without fraction or exponent.
  @inlinable public mutating func integer() -> Int? {
    guard let range = number(), range.count <= 18 else { return nil }
    var value = 0
    let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
    for index in (range.lowerBound + (isNegative ? 1 : 0))..<range.upperBound {
      let digit = bytes[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return isNegative ? -value : value
  }

  /// Reads a number of at most 15 digits without an exponent, which a `Double` holds to the last digit that was written.
  public mutating func decimal() -> Double? {
    guard let range = number(), range.count <= 16 else { return nil }
    var value = 0
    var scale = 1.0
    var hasPoint = false
    let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
    for index in (range.lowerBound + (isNegative ? 1 : 0))..<range.upperBound {
      if bytes[index] == UInt8(ascii: ".") {
        hasPoint = true
        continue
      }
      let digit = bytes[index] &- UInt8(ascii: "0")
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
      if hasPoint { scale *= 10 }
    }
    return (isNegative ? -Double(value) : Double(value)) / scale
  }

  // MARK: strings

  /// Reads a string, escapes and UTF-8 checked.
  @inlinable public mutating func string() -> Text? {
    guard current == UInt8(ascii: "\"") else { return nil }
    place += 1
    let start = place
    var hasEscapes = false
    while true {
      skipPlain()
      guard place < bytes.count else { return nil }
      switch bytes[place] {
      case UInt8(ascii: "\""):
        place += 1
        return Text(range: start..<place - 1, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        guard escape() else { return nil }
      case 0x80...: guard character() else { return nil }
      default: return nil
      }
    }
  }

  /// Whether all these bytes stand for themselves in a string: ASCII but for control characters, quotes and backslashes.
  @inlinable public static func isPlain(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var scanner = JSONScanner(bytes)
    scanner.skipPlain()
    return scanner.place == bytes.count
  }

  /// Skips what stands for itself in a string: ASCII but for control characters, quotes and backslashes. Eight bytes at a
  /// time (Mycroft's tests for a byte below a value and for a zero byte).
  @inlinable mutating func skipPlain() {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    while bytes.count - place >= 8 {
      let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      let quotes = word ^ (ones &* 0x22)
      let slashes = word ^ (ones &* 0x5C)
      let special =
        word | (word &- ones &* 0x20) & ~word | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes
      guard special & highs == 0 else { break }
      place += 8
    }
    while place < bytes.count {
      let byte = bytes[place]
      guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return }
      place += 1
    }
  }

  /// One character of more than one byte (Unicode 16, table 3-7).
  @usableFromInline mutating func character() -> Bool {
    let lead = bytes[place]
    let (length, low, high): (Int, UInt8, UInt8) =
      switch lead {
      case 0xC2...0xDF: (2, 0x80, 0xBF)
      case 0xE0: (3, 0xA0, 0xBF)
      case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80, 0xBF)
      case 0xED: (3, 0x80, 0x9F)
      case 0xF0: (4, 0x90, 0xBF)
      case 0xF1...0xF3: (4, 0x80, 0xBF)
      case 0xF4: (4, 0x80, 0x8F)
      default: (0, 0, 0)
      }
    guard length > 0, bytes.count - place >= length, bytes[place + 1] >= low, bytes[place + 1] <= high else {
      return false
    }
    for index in 2..<max(2, length) where bytes[place + index] & 0xC0 != 0x80 { return false }
    place += length
    return true
  }

  @usableFromInline mutating func escape() -> Bool {
    place += 1
    let letter = current
    place += 1
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return true
    case UInt8(ascii: "u"):
      guard let code = hexadecimal() else { return false }
      guard (0xD800..<0xE000).contains(code) else { return true }
      // A high surrogate has to be followed by a low one.
      guard code < 0xDC00, word("\\u"), let low = hexadecimal() else { return false }
      return (0xDC00..<0xE000).contains(low)
    default: return false
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    guard bytes.count - place >= 4 else { return nil }
    var code: UInt32 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch bytes[place] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[place] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[place] - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[place] - UInt8(ascii: "A") + 10
      default: return nil
      }
      code = code << 4 | UInt32(digit)
      place += 1
    }
    return code
  }
}
