/// Parts what a reasoning model thinks, between `<think>` and `</think>`, from what it answers.
struct ReasoningSplitter {
  /// A run of one kind.
  enum Part: Equatable {
    case reasoning([UInt8])
    case answer([UInt8])
  }

  private enum Place {
    /// Nothing but white space so far, and perhaps the beginning of `<think>`.
    case beginning
    case reasoning
    /// Past `</think>`, before the answer's first character.
    case gap
    case answer
  }

  private static let opening = Array("<think>".utf8)
  private static let closing = Array("</think>".utf8)
  private var place: Place
  private var held: [UInt8] = []

  /// - Parameter isOpen: whether the prompt has opened the block already.
  init(isOpen: Bool) {
    place = isOpen ? .reasoning : .beginning
  }

  /// Whether the text just before belongs to the reasoning.
  var isReasoning: Bool { if case .reasoning = place { true } else { false } }

  mutating func append(_ bytes: [UInt8]) -> [Part] {
    if case .answer = place { return bytes.isEmpty ? [] : [.answer(bytes)] }
    held.append(contentsOf: bytes)
    var parts: [Part] = []
    while advance(&parts) {}
    return parts
  }

  /// What is left when nothing more comes.
  mutating func finish() -> [Part] {
    defer { held = [] }
    guard !held.isEmpty else { return [] }
    switch place {
    case .reasoning: return [.reasoning(held)]
    case .beginning, .answer: return [.answer(held)]
    case .gap: return []
    }
  }

  /// One move; false when more text is needed.
  private mutating func advance(_ parts: inout [Part]) -> Bool {
    switch place {
    case .beginning:
      let content = held.drop { Self.isSpace($0) }
      if content.isEmpty { return false }
      if content.count < Self.opening.count, Self.opening.starts(with: content) { return false }
      if content.starts(with: Self.opening) {
        held = Array(content.dropFirst(Self.opening.count))
        place = .reasoning
        return true
      }
      place = .answer
      return true
    case .reasoning:
      if let end = StopMatcher.firstIndex(of: Self.closing, in: held) {
        if end > 0 { parts.append(.reasoning(Array(held.prefix(end)))) }
        held.removeFirst(end + Self.closing.count)
        place = .gap
        return true
      }
      let certain = held.count - StopMatcher.overlap(of: held, with: Self.closing)
      if certain > 0 { parts.append(.reasoning(Array(held.prefix(certain)))) }
      held.removeFirst(certain)
      return false
    case .gap:
      held.removeFirst(held.prefix { Self.isSpace($0) }.count)
      if held.isEmpty { return false }
      place = .answer
      return true
    case .answer:
      if !held.isEmpty { parts.append(.answer(held)) }
      held = []
      return false
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
