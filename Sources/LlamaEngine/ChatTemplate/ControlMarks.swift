/// Keeps what people write from being read as control tokens: each spelling of one is replaced by a mark before the
/// template is rendered, and put back afterwards as mere text.
struct ControlMarks {
  /// A part of a rendered conversation.
  enum Part: Equatable {
    /// The template's own words, in which control tokens count.
    case template(String)
    /// What somebody wrote.
    case written(String)
  }

  // Private-use characters: no template looks at them, and none is trimmed.
  private static let opening: Character = "\u{F8F0}"
  private static let closing: Character = "\u{F8F1}"

  private let spellings: [String]
  private(set) var found: [String] = []

  /// - Parameter spellings: longest first.
  init(spellings: [String]) {
    self.spellings = spellings
  }

  /// The text with marks.
  mutating func guarded(_ text: String) -> String {
    var text = text
    guard !spellings.isEmpty else { return text }
    for sentinel in [String(Self.opening), String(Self.closing)] where text.contains(sentinel) {
      text = TemplateFunctions.replace(text, sentinel, "\u{FFFD}")
    }
    // Nearly every spelling begins with one of few characters; most text holds none of them.
    guard text.utf8.contains(where: { Self.suspects.contains($0) || $0 >= 0x80 }) else { return text }
    for spelling in spellings where text.contains(spelling) {
      let mark = "\(Self.opening)\(found.count)\(Self.closing)"
      found.append(spelling)
      text = TemplateFunctions.replace(text, spelling, mark)
    }
    return text
  }

  /// A value with marks in all its texts.
  mutating func guarded(_ value: TemplateValue) -> TemplateValue {
    switch value {
    case .string(let text): return .string(guarded(text))
    case .list(let values): return .list(values.map { guarded($0) })
    case .dictionary(let members): return .dictionary(members.map { (guarded($0.name), guarded($0.value)) })
    default: return value
    }
  }

  private static let suspects = Set("<[|{".utf8)

  /// A rendered text cut at its marks.
  static func parts(of text: String, _ spellings: [String]) -> [Part] {
    var parts: [Part] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: opening), let end = rest[start...].firstIndex(of: closing) {
      parts.append(.template(String(rest[..<start])))
      if let number = Int(rest[rest.index(after: start)..<end]), spellings.indices.contains(number) {
        parts.append(.written(spellings[number]))
      }
      rest = rest[rest.index(after: end)...]
    }
    parts.append(.template(String(rest)))
    return parts
  }
}
