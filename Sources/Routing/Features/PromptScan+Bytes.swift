/// The classes of byte that the scanner tells apart; bytes of multi-byte characters count as letters.
enum ByteKind {
  case mark, letter, digit, space

  @inline(__always)
  init(_ byte: UInt8) {
    self = Self.isLetter(byte) ? .letter : Self.isSpace(byte) ? .space : Self.isDigit(byte) ? .digit : .mark
  }

  /// For each byte of a letter, its lower case; 0 for any other byte.
  static let foldedLetters: [UInt8] = (0...255).map { isLetter($0) ? $0 &- 0x41 < 26 ? $0 | 0x20 : $0 : 0 }

  @inline(__always)
  static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte >= 0x80 }

  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  /// The space, and every control character before it.
  @inline(__always)
  static func isSpace(_ byte: UInt8) -> Bool { byte <= 0x20 }
}

extension PromptScan {
  /// Counts a finished word of `length` bytes whose folded hash is `hash`.
  ///
  /// - Returns: its form.
  @inline(__always)
  mutating func note(_ hash: UInt64, length: Int, _ words: WordTable<Lexicon.Entry>.Loan) -> UInt8 {
    self.words &+= 1
    wordBytes &+= length
    longWords &+= length >= 8 ? 1 : 0
    // Which words are known cannot be foretold, so nothing branches on it: the others add nothing.
    let entry = words.entry(for: hash)
    keywordCounts[unchecked: Int(entry.keyword)] &+= 1
    quantities &+= Int(entry.quantity)
    reasoningWords &+= Int(entry.reasoning)
    domainVotes &+= entry.domains
    languageVotes &+= entry.languages
    return entry.form
  }

  /// Counts a word towards each of its subjects.
  @inline(__always)
  mutating func voteForSubjects(_ mask: UInt32) {
    var rest = mask
    while rest != 0 {
      subjectVotes[rest.trailingZeroBitCount] += 1
      rest &= rest - 1
    }
  }

  /// Counts a byte that is neither letter, digit nor space.
  @inline(__always)
  mutating func note(mark: UInt8, next: UInt8, inQuestion: Bool, _ atBoundary: inout Bool) {
    switch mark {
    case UInt8(ascii: "."), UInt8(ascii: "?"), UInt8(ascii: "!"):
      if ByteKind.isSpace(next) {
        sentences += 1
        atBoundary = true
      }
    case UInt8(ascii: ","): commas += 1
    case UInt8(ascii: "%"): percents += 1
    case UInt8(ascii: "$"): dollars += 1
    case UInt8(ascii: "/"):
      slashes += 1
      symbols += 1
    case UInt8(ascii: "="), UInt8(ascii: "+"), UInt8(ascii: "^"), UInt8(ascii: "*"), UInt8(ascii: "("),
      UInt8(ascii: ")"):
      symbols += 1
    case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: ";"), UInt8(ascii: "`"), UInt8(ascii: "<"),
      UInt8(ascii: ">"):
      codeMarks += 1
    case UInt8(ascii: "_"):
      if next == mark, inQuestion { hasBlank = true }
    default: break
    }
  }

  /// Where the answer option that a newline at `position` introduces ("A. …", "b) …") ends, if it introduces one.
  @inline(__always)
  func optionEnd(_ text: UnsafeBufferPointer<UInt8>, after position: Int, length: Int) -> Int? {
    guard position + 4 < length, (text[position + 1] | 0x20) &- 0x61 < 10,
      text[position + 2] == UInt8(ascii: ".") || text[position + 2] == UInt8(ascii: ")"),
      text[position + 3] == UInt8(ascii: " ")
    else { return nil }
    var end = position + 4
    while end < length, text[end] != UInt8(ascii: "\n") { end += 1 }
    return end
  }

  /// Whether the upper-case word at `start` turns the question round ("NOT", "EXCEPT").
  @inline(__always)
  func isExclusion(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Bool {
    (count == 3 && text[start] == UInt8(ascii: "N") && text[start + 1] == UInt8(ascii: "O")
      && text[start + 2] == UInt8(ascii: "T"))
      || (count == 6 && text[start] == UInt8(ascii: "E") && text[start + 1] == UInt8(ascii: "X"))
  }

  /// Reads a number with thousands separators and a decimal point, moving `position` past it.
  @inline(__always)
  func number(_ text: UnsafeBufferPointer<UInt8>, _ position: inout Int, _ length: Int) -> Double {
    var value = 0.0
    var scale = 0.0
    while position < length {
      let byte = text[position]
      if ByteKind.isDigit(byte) {
        let digit = Double(byte - 0x30)
        if scale == 0 {
          value = value * 10 + digit
        } else {
          value += digit * scale
          scale /= 10
        }
      } else if ByteKind.isDigit(text[position + 1]), byte == UInt8(ascii: ",") && scale == 0 {
        // A thousands separator.
      } else if ByteKind.isDigit(text[position + 1]), byte == UInt8(ascii: ".") && scale == 0 {
        scale = 0.1
      } else {
        break
      }
      position += 1
    }
    return min(value, 1e15)
  }

  /// Counts a byte of a character beyond ASCII towards its writing system; continuation bytes count for nothing.
  mutating func voteForScript(_ lead: UInt8, _ next: UInt8) {
    guard lead >= 0xC2 else { return }
    nonASCII += 1
    let script: Script? =
      switch lead {
      case 0xCD...0xCF: .greek
      case 0xD0...0xD3: .cyrillic
      case 0xD6, 0xD7: .hebrew
      case 0xD8...0xDB: .arabic
      case 0xE0 where next & 0xFC == 0xA4: .devanagari
      case 0xE3 where next == 0x81 || next == 0x82 || next == 0x83: .kana
      case 0xE4...0xE9: .han
      case 0xEA...0xED: .hangul
      default: nil
      }
    if let script { scriptVotes[script.rawValue] += 1 }
  }
}
