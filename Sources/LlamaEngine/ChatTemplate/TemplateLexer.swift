/// Cuts a template into text, `{{ … }}` and `{% … %}`, with `trim_blocks` and `lstrip_blocks` as Hugging Face sets them.
struct TemplateLexer {
  enum Segment: Equatable {
    case text(String)
    case output([Token])
    case block([Token])
  }

  enum Token: Equatable {
    case name(String)
    case string(String)
    case integer(Int)
    case double(Double)
    case symbol(String)
  }

  /// The longest template that is read, in bytes.
  static let maximumBytes = 1 << 20

  private let source: [UInt8]
  private var place = 0
  private var segments: [Segment] = []

  static func segments(of template: String) throws(TemplateError) -> [Segment] {
    guard template.utf8.count <= maximumBytes else {
      throw TemplateError("the template has \(template.utf8.count) bytes; at most \(maximumBytes) are read")
    }
    var lexer = TemplateLexer(source: Array(template.utf8))
    try lexer.run()
    return lexer.segments
  }

  private init(source: [UInt8]) {
    self.source = source
  }

  private func at(_ index: Int) -> UInt8 { index < source.count ? source[index] : 0 }

  private mutating func run() throws(TemplateError) {
    var text: [UInt8] = []
    while place < source.count {
      let next = at(place + 1)
      guard at(place) == UInt8(ascii: "{"),
        next == UInt8(ascii: "{") || next == UInt8(ascii: "%") || next == UInt8(ascii: "#")
      else {
        text.append(source[place])
        place += 1
        continue
      }
      let isOutput = next == UInt8(ascii: "{")
      place += 2
      var keepsSpace = false
      if at(place) == UInt8(ascii: "-") {
        place += 1
        while let last = text.last, Self.isSpace(last) { text.removeLast() }
      } else if at(place) == UInt8(ascii: "+") {
        place += 1
        keepsSpace = true
      }
      if !isOutput, !keepsSpace { Self.stripLineStart(&text, isFirst: segments.isEmpty) }
      if !text.isEmpty { segments.append(.text(String(decoding: text, as: UTF8.self))) }
      text = []
      if next == UInt8(ascii: "#") {
        try skipComment()
      } else {
        let tokens = try tokens(until: isOutput ? UInt8(ascii: "}") : UInt8(ascii: "%"))
        segments.append(isOutput ? .output(tokens) : .block(tokens))
        if !isOutput, tokens == [.name("raw")] {
          segments.removeLast()
          try raw()
        }
      }
    }
    if !text.isEmpty { segments.append(.text(String(decoding: text, as: UTF8.self))) }
  }

  /// Blanks between the start of a line and a block go.
  private static func stripLineStart(_ text: inout [UInt8], isFirst: Bool) {
    var end = text.count
    while end > 0, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
    if end == 0 ? isFirst : text[end - 1] == 0x0A { text.removeLast(text.count - end) }
  }

  /// After a block: `-` takes all white space that follows, and otherwise the first line end goes.
  private mutating func endBlock(isTrimmed: Bool, isOutput: Bool) {
    if isTrimmed {
      while place < source.count, Self.isSpace(source[place]) { place += 1 }
    } else if !isOutput, at(place) == 0x0A {
      place += 1
    }
  }

  private mutating func skipComment() throws(TemplateError) {
    while place < source.count {
      if at(place) == UInt8(ascii: "#"), at(place + 1) == UInt8(ascii: "}") {
        let isTrimmed = at(place - 1) == UInt8(ascii: "-")
        place += 2
        return endBlock(isTrimmed: isTrimmed, isOutput: false)
      }
      place += 1
    }
    throw TemplateError("a comment of the template does not end")
  }

  private mutating func raw() throws(TemplateError) {
    let rest = Array(source[place...])
    guard let end = StopMatcher.firstIndex(of: Array("endraw".utf8), in: rest) else {
      throw TemplateError("a raw block of the template does not end")
    }
    var text = Array(rest.prefix(end))
    while let last = text.last, last != UInt8(ascii: "{") { text.removeLast() }
    if !text.isEmpty { text.removeLast() }
    segments.append(.text(String(decoding: text, as: UTF8.self)))
    place += end + 6
    _ = try tokens(until: UInt8(ascii: "%"))
  }

  private mutating func tokens(until closing: UInt8) throws(TemplateError) -> [Token] {
    var tokens: [Token] = []
    var depth = 0
    while place < source.count {
      let byte = source[place]
      if Self.isSpace(byte) {
        place += 1
        continue
      }
      let isTrimmed = byte == UInt8(ascii: "-")
      let close = isTrimmed ? place + 1 : place
      if depth == 0, at(close) == closing, at(close + 1) == UInt8(ascii: "}") {
        place = close + 2
        endBlock(isTrimmed: isTrimmed, isOutput: closing == UInt8(ascii: "}"))
        return tokens
      }
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""): tokens.append(.string(try string(byte)))
      case UInt8(ascii: "0")...UInt8(ascii: "9"): tokens.append(number())
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
        let start = place
        while Self.isWord(at(place)) { place += 1 }
        tokens.append(.name(String(decoding: source[start..<place], as: UTF8.self)))
      default:
        let pair = String(decoding: source[place..<min(place + 2, source.count)], as: UTF8.self)
        if ["==", "!=", "<=", ">=", "//", "**"].contains(pair) {
          tokens.append(.symbol(pair))
          place += 2
        } else {
          if "{[(".utf8.contains(byte) { depth += 1 }
          if "}])".utf8.contains(byte) { depth -= 1 }
          tokens.append(.symbol(String(UnicodeScalar(byte))))
          place += 1
        }
      }
    }
    throw TemplateError("a block of the template does not end")
  }

  private mutating func string(_ quote: UInt8) throws(TemplateError) -> String {
    place += 1
    var bytes: [UInt8] = []
    while place < source.count, source[place] != quote {
      if source[place] == UInt8(ascii: "\\") {
        place += 1
        switch at(place) {
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(at(place))
        case UInt8(ascii: "u"):
          let digits = String(
            decoding: source[min(place + 1, source.count)..<min(place + 5, source.count)], as: UTF8.self)
          guard let code = UInt32(digits, radix: 16), let scalar = Unicode.Scalar(code) else {
            throw TemplateError("\\u\(digits) is no character")
          }
          bytes += Array(String(Character(scalar)).utf8)
          place += 4
        default: bytes += [UInt8(ascii: "\\"), at(place)]
        }
        place += 1
      } else {
        bytes.append(source[place])
        place += 1
      }
    }
    guard place < source.count else { throw TemplateError("a string of the template does not end") }
    place += 1
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func number() -> Token {
    let start = place
    while Self.isDigit(at(place)) { place += 1 }
    if at(place) == UInt8(ascii: "."), Self.isDigit(at(place + 1)) {
      place += 1
      while Self.isDigit(at(place)) { place += 1 }
    }
    let text = String(decoding: source[start..<place], as: UTF8.self)
    return Int(text).map { .integer($0) } ?? .double(Double(text) ?? .infinity)
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "_") || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
