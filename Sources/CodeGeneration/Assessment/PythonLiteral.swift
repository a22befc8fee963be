/// A value as Python spells it: numbers, texts, the constants, and lists, tuples, sets and dictionaries of them.
indirect enum PythonLiteral: Sendable, Hashable {
  case integer(Int)
  case real(Double)
  case text(String)
  /// True, False or None.
  case constant(String)
  case list([PythonLiteral])
  case tuple([PythonLiteral])
  case set([PythonLiteral])
  case dictionary([Pair])

  /// An entry of a dictionary.
  struct Pair: Sendable, Hashable {
    var key: PythonLiteral
    var value: PythonLiteral
  }

  /// The value that a text spells; nil where it is more than a value, or nested deeper than 8.
  init?(_ text: some StringProtocol) {
    var reader = PythonLiteralReader(text)
    guard let value = reader.value(depth: 0), reader.isAtEnd else { return nil }
    self = value
  }

  /// As Python would write it.
  var spelled: String {
    switch self {
    case .integer(let number): return String(number)
    case .real(let number): return String(number)
    case .constant(let name): return name
    case .text(let text):
      var spelled = "'"
      for character in text {
        switch character {
        case "'", "\\": spelled += "\\" + String(character)
        case "\n": spelled += "\\n"
        case "\t": spelled += "\\t"
        default: spelled.append(character)
        }
      }
      return spelled + "'"
    case .list(let items): return "[" + items.map(\.spelled).joined(separator: ", ") + "]"
    case .tuple(let items):
      return "(" + items.map(\.spelled).joined(separator: ", ") + (items.count == 1 ? ",)" : ")")
    case .set(let items): return items.isEmpty ? "set()" : "{" + items.map(\.spelled).joined(separator: ", ") + "}"
    case .dictionary(let pairs):
      return "{" + pairs.map { $0.key.spelled + ": " + $0.value.spelled }.joined(separator: ", ") + "}"
    }
  }

  /// Other values of the same sort, the nearest first: what a function that works should also be able to take.
  var variants: [PythonLiteral] {
    switch self {
    case .integer(let number):
      return [
        .integer(number &+ 1), .integer(max(0, number / 2)), .integer(number &* 2 &+ 3), .integer(max(0, number &- 2)),
      ]
    case .real(let number): return [.real(number + 1), .real(number / 2), .real(number * 3 + 0.5)]
    case .constant(let name):
      return name == "True" ? [.constant("False")] : name == "False" ? [.constant("True")] : []
    case .text(let text):
      guard !text.isEmpty else { return [.text("a")] }
      let middle = text.index(text.startIndex, offsetBy: text.count / 2)
      return [
        .text(String(text.reversed())), .text(String(text.dropFirst())), .text(String(text[..<middle])),
        .text(text + String(text.prefix(2))),
      ]
    case .list(let items): return Self.variants(of: items).map { .list($0) }
    case .tuple(let items): return Self.variants(of: items).map { .tuple($0) }
    case .set(let items): return Self.variants(of: items).map { .set($0) }
    case .dictionary(let pairs):
      guard let last = pairs.last else { return [] }
      let values = pairs.map(\.value)
      return [.dictionary(pairs.dropLast())]
        + [Array(values.reversed()), values.dropLast() + (last.value.variants.first.map { [$0] } ?? [last.value])].map {
          .dictionary(zip(pairs, $0).map { Pair(key: $0.key, value: $1) })
        }
    }
  }

  private static func variants(of items: [PythonLiteral]) -> [[PythonLiteral]] {
    guard let first = items.first, let last = items.last else { return [] }
    var variants = [Array(items.reversed()), Array(items.dropLast())]
    if let other = first.variants.first { variants.append([other] + items.dropFirst()) }
    variants.append(items + [first])
    if let other = last.variants.dropFirst().first { variants.append(items.dropLast() + [other]) }
    // Where all items are of one sort, all of them may change at once.
    let changed = items.compactMap { $0.variants.first }
    if changed.count == items.count { variants.append(changed) }
    return variants
  }
}

/// Reads one value from its spelling.
struct PythonLiteralReader {
  private let text: [Character]
  private var place = 0

  init(_ text: some StringProtocol) {
    self.text = Array(text.prefix(4_000))
  }

  var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return place == text.count
    }
  }

  /// The next value; nil where there is none.
  mutating func value(depth: Int) -> PythonLiteral? {
    guard depth <= 8 else { return nil }
    skipBlanks()
    guard place < text.count else { return nil }
    switch text[place] {
    case "[":
      place += 1
      return items(until: "]", depth).map { .list($0.items) }
    case "(":
      place += 1
      guard let (items, hasComma) = items(until: ")", depth) else { return nil }
      return items.count == 1 && !hasComma ? items[0] : .tuple(items)
    case "{":
      place += 1
      return braces(depth)
    case "'", "\"": return string()
    default: return word()
    }
  }

  private mutating func skipBlanks() {
    while place < text.count, text[place].isWhitespace { place += 1 }
  }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard place < text.count, text[place] == character else { return false }
    place += 1
    return true
  }

  private mutating func items(
    until end: Character, _ depth: Int
  ) -> (items: [PythonLiteral], hasComma: Bool)? {
    var items: [PythonLiteral] = []
    var hasComma = false
    while !take(end) {
      guard items.isEmpty || hasComma, let item = value(depth: depth + 1) else { return nil }
      items.append(item)
      hasComma = take(",")
    }
    return (items, hasComma)
  }

  private mutating func braces(_ depth: Int) -> PythonLiteral? {
    var items: [PythonLiteral] = []
    var pairs: [PythonLiteral.Pair] = []
    var isOpen = true
    while !take("}") {
      guard isOpen, let item = value(depth: depth + 1) else { return nil }
      if take(":") {
        guard let value = value(depth: depth + 1) else { return nil }
        pairs.append(PythonLiteral.Pair(key: item, value: value))
      } else {
        items.append(item)
      }
      isOpen = take(",")
    }
    if !items.isEmpty { return pairs.isEmpty ? .set(items) : nil }
    return .dictionary(pairs)
  }

  private mutating func string() -> PythonLiteral? {
    let quote = text[place]
    place += 1
    var content = ""
    while place < text.count, text[place] != quote {
      if text[place] == "\\" {
        guard place + 1 < text.count else { return nil }
        switch text[place + 1] {
        case "n": content.append("\n")
        case "t": content.append("\t")
        case "\\", "'", "\"": content.append(text[place + 1])
        default: return nil
        }
        place += 2
      } else {
        content.append(text[place])
        place += 1
      }
    }
    guard place < text.count else { return nil }
    place += 1
    return .text(content)
  }

  private mutating func word() -> PythonLiteral? {
    let start = place
    while place < text.count, text[place].isLetter || text[place].isNumber || "+-._".contains(text[place]) {
      place += 1
    }
    let word = String(text[start..<place])
    if word == "True" || word == "False" || word == "None" { return .constant(word) }
    if word == "set", take("("), take(")") { return .set([]) }
    guard word.allSatisfy({ $0.isNumber || "+-.eE".contains($0) }) else { return nil }
    if let number = Int(word) { return .integer(number) }
    return Double(word).map { .real($0) }
  }
}
