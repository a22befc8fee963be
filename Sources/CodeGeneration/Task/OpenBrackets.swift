/// Whether a statement of Python goes on in the next line: brackets and triple quotes that are open, a backslash at the end.
/// What stands in strings and comments does not count.
package struct OpenBrackets: Sendable {
  private var depth = 0
  private var quote: (mark: Character, count: Int)?
  private var isContinued = false

  /// Nothing is open.
  package init() {}

  /// Whether the next line belongs to the same statement.
  package var isOpen: Bool { depth > 0 || quote != nil || isContinued }

  /// Takes in one line, without its end.
  package mutating func read(_ line: some StringProtocol) {
    let characters = Array(line)
    var index = 0
    isContinued = false
    func count(_ mark: Character) -> Int {
      index + 2 < characters.count && characters[index + 1] == mark && characters[index + 2] == mark ? 3 : 1
    }
    scan: while index < characters.count {
      let character = characters[index]
      if let open = quote {
        if character == "\\" {
          index += 1
        } else if character == open.mark, open.count == 1 || count(character) == 3 {
          index += open.count - 1
          quote = nil
        }
      } else {
        switch character {
        case "\"", "'":
          let marks = count(character)
          quote = (character, marks)
          index += marks - 1
        case "(", "[", "{": depth += 1
        case ")", "]", "}": depth = max(0, depth - 1)
        case "#": break scan
        case "\\" where index == characters.count - 1: isContinued = true
        default: break
        }
      }
      index += 1
    }
    // A string in single quotes ends with its line.
    if quote?.count == 1 { quote = nil }
  }
}
