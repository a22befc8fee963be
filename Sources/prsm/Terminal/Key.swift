/// What somebody does at a keyboard.
enum Key: Sendable, Equatable {
  case text(String)
  /// Text that came in one piece from the clipboard; its line ends are kept.
  case paste(String)
  case enter, tab, backspace, delete
  case left, right, up, down, home, end
  case wordLeft, wordRight
  case killToEnd, killToStart, killWord, killWordForward, yank, transpose
  case clearScreen, interrupt, endOfInput, suspend
  case searchHistory
  case ignored
}

/// Turns the bytes of a terminal in raw mode into keys. Sequences may be cut anywhere between two reads.
struct KeyDecoder: Sendable {
  /// A paste longer than this is cut; the rest is thrown away.
  static let maximumPaste = 1 << 20

  private var pending: [UInt8] = []
  private var pasted: [UInt8]?

  private static let pasteStart = Array("\u{1B}[200~".utf8)
  private static let pasteEnd = Array("\u{1B}[201~".utf8)

  /// Whether a sequence has begun that more bytes may complete. A lone Escape looks like this, too.
  var isIncomplete: Bool { !pending.isEmpty || pasted != nil }

  /// The keys that are complete with these bytes.
  mutating func read(_ bytes: some Sequence<UInt8>) -> [Key] {
    pending.append(contentsOf: bytes)
    var keys: [Key] = []
    while let key = next() { keys.append(key) }
    return keys
  }

  /// Nothing came after an Escape: it stands for itself, and means nothing here.
  mutating func flush() {
    if pasted == nil { pending = [] }
  }

  private mutating func next() -> Key? {
    if pasted != nil { return nextPaste() }
    guard let first = pending.first else { return nil }
    if first == 0x1B { return escape() }
    if first < 0x20 || first == 0x7F {
      pending.removeFirst()
      return Self.control(first)
    }
    return nextText()
  }

  /// All whole characters up to the next control byte, as one key.
  private mutating func nextText() -> Key? {
    let run = pending.prefix { $0 >= 0x20 && $0 != 0x7F }
    var usable = run.count
    if run.count == pending.count { usable -= Self.incompleteTail(run) }
    guard usable > 0 else { return nil }
    let text = String(decoding: pending.prefix(usable), as: UTF8.self)
    pending.removeFirst(usable)
    return .text(text)
  }

  /// How many bytes at the end begin a character that is not complete.
  private static func incompleteTail(_ bytes: ArraySlice<UInt8>) -> Int {
    var length = 0
    for byte in bytes.reversed().prefix(4) {
      length += 1
      if byte < 0x80 { return 0 }
      if byte >= 0xC0 {
        let needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
        return length < needed ? length : 0
      }
    }
    return 0
  }

  private mutating func nextPaste() -> Key? {
    let end = Self.pasteEnd
    if let range = pending.firstRange(of: end) {
      let rest = pending[..<range.lowerBound]
      let all = ((pasted ?? []) + rest).prefix(Self.maximumPaste)
      pending.removeFirst(range.upperBound)
      pasted = nil
      let text = String(decoding: all, as: UTF8.self)
      return .paste(text.replacing("\r\n", with: "\n").replacing("\r", with: "\n"))
    }
    // What may be the beginning of the end mark stays; the rest is taken.
    let keep = (1..<end.count).reversed().first { pending.suffix($0).elementsEqual(end.prefix($0)) } ?? 0
    let taken = pending.count - keep
    if (pasted?.count ?? 0) < Self.maximumPaste { pasted?.append(contentsOf: pending.prefix(taken)) }
    pending.removeFirst(taken)
    return nil
  }

  private mutating func escape() -> Key? {
    guard pending.count >= 2 else { return nil }
    let second = pending[1]
    switch second {
    case UInt8(ascii: "["):
      guard let final = pending.dropFirst(2).firstIndex(where: { (0x40...0x7E).contains($0) }) else {
        if pending.count > 32 { pending = [] }
        return nil
      }
      let sequence = Array(pending[...final])
      pending.removeFirst(final + 1)
      if sequence == Self.pasteStart {
        pasted = []
        return .ignored
      }
      return Self.sequence(String(decoding: sequence.dropFirst(2), as: UTF8.self))
    case UInt8(ascii: "O"):
      guard pending.count >= 3 else { return nil }
      let final = pending[2]
      pending.removeFirst(3)
      return Self.sequence(String(decoding: [final], as: UTF8.self))
    default:
      pending.removeFirst(2)
      switch second {
      case UInt8(ascii: "b"): return .wordLeft
      case UInt8(ascii: "f"): return .wordRight
      case UInt8(ascii: "d"): return .killWordForward
      case 0x7F, 0x08: return .killWord
      case 0x0D, 0x0A: return .paste("\n")
      default: return .ignored
      }
    }
  }

  private static func sequence(_ text: String) -> Key {
    switch text {
    case "A": .up
    case "B": .down
    case "C": .right
    case "D": .left
    case "H", "1~", "7~": .home
    case "F", "4~", "8~": .end
    case "3~": .delete
    case "1;5C", "1;3C", "5C": .wordRight
    case "1;5D", "1;3D", "5D": .wordLeft
    case "3;5~": .killWordForward
    default: .ignored
    }
  }

  private static func control(_ byte: UInt8) -> Key {
    switch byte {
    case 0x01: .home
    case 0x02: .left
    case 0x03: .interrupt
    case 0x04: .endOfInput
    case 0x05: .end
    case 0x06: .right
    case 0x08, 0x7F: .backspace
    case 0x09: .tab
    case 0x0A, 0x0D: .enter
    case 0x0B: .killToEnd
    case 0x0C: .clearScreen
    case 0x0E: .down
    case 0x10: .up
    case 0x12: .searchHistory
    case 0x14: .transpose
    case 0x15: .killToStart
    case 0x17: .killWord
    case 0x19: .yank
    case 0x1A: .suspend
    default: .ignored
    }
  }
}
