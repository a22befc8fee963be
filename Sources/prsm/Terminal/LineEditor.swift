/// Edits one line of input: keys go in, and what to do comes out. Touches no terminal.
struct LineEditor: Sendable {
  /// A line longer than this, in characters, takes no more.
  static let maximumLength = 1 << 20

  /// What follows from a key.
  enum Outcome: Sendable, Equatable {
    /// The line has changed, or the cursor has moved: draw it again.
    case redraw
    /// Nothing to see.
    case nothing
    /// The line is complete.
    case accepted(String)
    /// Ctrl-C; whether the line was empty.
    case interrupted(wasEmpty: Bool)
    /// Ctrl-D on an empty line.
    case ended
    /// Several things could be meant: show them.
    case candidates([String])
    case clearScreen
    case suspend
  }

  private(set) var text: [Character] = []
  private(set) var cursor = 0
  /// Earlier lines, the oldest first.
  let history: [String]
  /// Completes the word before the cursor: whole lines that could be meant.
  let completions: @Sendable (String) -> [String]
  private var historyIndex: Int
  /// What was typed before the history was looked at.
  private var draft = ""
  private var killed: [Character] = []
  private var search: Search?

  private struct Search: Sendable {
    var pattern = ""
    var index: Int
    var before: [Character]
  }

  init(history: [String] = [], completions: @escaping @Sendable (String) -> [String] = { _ in [] }) {
    self.history = history
    self.completions = completions
    historyIndex = history.count
  }

  /// The line.
  var line: String { String(text) }
  /// What is being searched for in the history, if anything is.
  var searchPattern: String? { search?.pattern }

  mutating func press(_ key: Key) -> Outcome {
    if search != nil, let outcome = pressWhileSearching(key) { return outcome }
    switch key {
    case .text(let typed): return insert(typed)
    case .paste(let pasted): return insert(pasted)
    case .enter: return .accepted(line)
    case .interrupt:
      let wasEmpty = text.isEmpty
      text = []
      cursor = 0
      return .interrupted(wasEmpty: wasEmpty)
    case .endOfInput: return text.isEmpty ? .ended : delete(cursor..<min(cursor + 1, text.count))
    case .backspace: return delete(max(0, cursor - 1)..<cursor)
    case .delete: return delete(cursor..<min(cursor + 1, text.count))
    case .left: return move(to: cursor - 1)
    case .right: return move(to: cursor + 1)
    case .home: return move(to: startOfLine)
    case .end: return move(to: endOfLine)
    case .wordLeft: return move(to: wordStart(before: cursor))
    case .wordRight: return move(to: wordEnd(after: cursor))
    case .killToEnd: return kill(cursor..<max(cursor, endOfLine))
    case .killToStart: return kill(startOfLine..<cursor)
    case .killWord: return kill(blankSeparatedStart(before: cursor)..<cursor)
    case .killWordForward: return kill(cursor..<wordEnd(after: cursor))
    case .yank: return insert(String(killed))
    case .transpose: return transpose()
    case .up: return recall(historyIndex - 1)
    case .down: return recall(historyIndex + 1)
    case .tab: return complete()
    case .clearScreen: return .clearScreen
    case .suspend: return .suspend
    case .searchHistory:
      guard !history.isEmpty else { return .nothing }
      search = Search(index: history.count, before: text)
      return .redraw
    case .ignored: return .nothing
    }
  }

  private mutating func insert(_ inserted: String) -> Outcome {
    let room = max(0, Self.maximumLength - text.count)
    // Other control characters would move the cursor of the terminal under our feet.
    let characters = inserted.prefix(room).filter { $0 == "\n" || $0 == "\t" || !$0.isControl }.map {
      $0 == "\t" ? " " : $0
    }
    guard !characters.isEmpty else { return .nothing }
    text.insert(contentsOf: characters, at: cursor)
    cursor += characters.count
    return .redraw
  }

  private mutating func delete(_ range: Range<Int>) -> Outcome {
    guard !range.isEmpty else { return .nothing }
    text.removeSubrange(range)
    cursor = range.lowerBound
    return .redraw
  }

  private mutating func kill(_ range: Range<Int>) -> Outcome {
    guard !range.isEmpty else { return .nothing }
    killed = Array(text[range])
    return delete(range)
  }

  private mutating func move(to position: Int) -> Outcome {
    let target = min(max(0, position), text.count)
    guard target != cursor else { return .nothing }
    cursor = target
    return .redraw
  }

  private var startOfLine: Int {
    (text[..<cursor].lastIndex(of: "\n").map { $0 + 1 }) ?? 0
  }

  private var endOfLine: Int {
    text[cursor...].firstIndex(of: "\n") ?? text.count
  }

  private func wordStart(before position: Int) -> Int {
    var index = position
    while index > 0, !text[index - 1].isWordPart { index -= 1 }
    while index > 0, text[index - 1].isWordPart { index -= 1 }
    return index
  }

  private func wordEnd(after position: Int) -> Int {
    var index = position
    while index < text.count, !text[index].isWordPart { index += 1 }
    while index < text.count, text[index].isWordPart { index += 1 }
    return index
  }

  private func blankSeparatedStart(before position: Int) -> Int {
    var index = position
    while index > 0, text[index - 1].isWhitespace { index -= 1 }
    while index > 0, !text[index - 1].isWhitespace { index -= 1 }
    return index
  }

  private mutating func transpose() -> Outcome {
    guard text.count >= 2, cursor > 0 else { return .nothing }
    let right = min(cursor, text.count - 1)
    text.swapAt(right - 1, right)
    cursor = right + 1
    return .redraw
  }

  private mutating func recall(_ index: Int) -> Outcome {
    guard index >= 0, index <= history.count, index != historyIndex else { return .nothing }
    if historyIndex == history.count { draft = line }
    historyIndex = index
    text = Array(index == history.count ? draft : history[index])
    cursor = text.count
    return .redraw
  }

  private mutating func complete() -> Outcome {
    guard cursor == text.count else { return .nothing }
    let candidates = completions(line)
    guard let first = candidates.first else { return .nothing }
    let common = candidates.dropFirst().reduce(first) { $0.commonPrefix(with: $1) }
    if common.count > text.count {
      text = Array(common)
      cursor = text.count
      return .redraw
    }
    return candidates.count > 1 ? .candidates(candidates) : .nothing
  }

  /// Ctrl-R: every key narrows the search until one takes what was found. Nil hands the key on.
  private mutating func pressWhileSearching(_ key: Key) -> Outcome? {
    switch key {
    case .text(let typed):
      search?.pattern += typed
      find(before: history.count)
      return .redraw
    case .backspace:
      if search?.pattern.isEmpty == false { search?.pattern.removeLast() }
      find(before: history.count)
      return .redraw
    case .searchHistory:
      find(before: search?.index ?? history.count)
      return .redraw
    case .interrupt:
      text = search?.before ?? []
      cursor = text.count
      search = nil
      return .redraw
    default:
      search = nil
      return nil
    }
  }

  private mutating func find(before index: Int) {
    guard let pattern = search?.pattern, !pattern.isEmpty else { return }
    guard let found = history[..<index].lastIndex(where: { $0.contains(pattern) }) else { return }
    search?.index = found
    historyIndex = found
    text = Array(history[found])
    cursor = text.count
  }
}

extension Character {
  fileprivate var isWordPart: Bool { isLetter || isNumber || self == "_" }
  fileprivate var isControl: Bool { unicodeScalars.contains { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) } }
}

extension String {
  fileprivate func commonPrefix(with other: String) -> String {
    String(zip(self, other).prefix { $0 == $1 }.map(\.0))
  }
}
