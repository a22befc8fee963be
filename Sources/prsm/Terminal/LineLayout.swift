/// Where a line stands on a terminal of some width, and the bytes that draw it there.
struct LineLayout: Sendable, Equatable {
  /// Rows and columns from where the prompt begins, from 0.
  struct Position: Sendable, Equatable {
    var row = 0
    var column = 0
  }

  let end: Position
  let cursor: Position

  init(prompt: String, text: [Character], cursor: Int, width: Int) {
    let width = max(2, width)
    var position = Position()
    var found: Position?
    func advance(_ character: Character) {
      if character == "\n" {
        position.row += 1
        position.column = 0
        return
      }
      let cells = Self.cells(of: character)
      if position.column + cells > width {
        position.row += 1
        position.column = 0
      }
      position.column += cells
    }
    for character in prompt { advance(character) }
    for (index, character) in text.enumerated() {
      if index == cursor { found = position }
      advance(character)
    }
    end = Self.wrapped(position, width)
    self.cursor = Self.wrapped(found ?? position, width)
  }

  /// A full row puts the cursor at the start of the next.
  private static func wrapped(_ position: Position, _ width: Int) -> Position {
    position.column < width ? position : Position(row: position.row + 1, column: 0)
  }

  /// What draws the line anew, from wherever the cursor was left by the layout before.
  ///
  /// - Parameters:
  ///   - shownPrompt: the prompt with its colours, which take no room.
  func drawing(shownPrompt: String, text: [Character], from previous: LineLayout?) -> String {
    var output = ""
    if let row = previous?.cursor.row, row > 0 { output += "\u{1B}[\(row)A" }
    output += "\r\u{1B}[J" + shownPrompt
    // In raw mode a line feed does not return the carriage.
    output += String(text).replacing("\n", with: "\r\n")
    if end.column == 0, end.row > 0, text.last != "\n" { output += "\r\n" }
    if end.row > cursor.row { output += "\u{1B}[\(end.row - cursor.row)A" }
    output += "\r"
    if cursor.column > 0 { output += "\u{1B}[\(cursor.column)C" }
    return output
  }

  /// How many cells of a terminal a character takes: two for what East Asian typography calls wide, and for emoji.
  static func cells(of character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    let value = scalar.value
    if value < 0x300 { return 1 }
    if scalar.properties.isEmojiPresentation || character.unicodeScalars.contains(where: { $0.value == 0xFE0F }) {
      return 2
    }
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
      0x20000...0x3FFFD:
      return 2
    default:
      return scalar.properties.generalCategory == .nonspacingMark ? 0 : 1
    }
  }
}
