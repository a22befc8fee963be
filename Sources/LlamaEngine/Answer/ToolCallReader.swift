import ModelInterface

/// Finds function calls in a model's text, in the notations that models are trained on.
struct ToolCallReader {
  /// How a call is written.
  enum Notation: Sendable, Equatable {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>` (Hermes, Qwen).
    case tagged
    /// `[TOOL_CALLS][{"name": …, "arguments": {…}}, …]` (Mistral).
    case bracketed
    /// `{"name": …, "parameters": {…}}`, with or without `<|python_tag|>` in front (Llama 3), and what a grammar enforces.
    case plain
  }

  private static let openings: [(Notation, [UInt8])] = [
    (.tagged, Array("<tool_call>".utf8)), (.bracketed, Array("[TOOL_CALLS]".utf8)),
    (.plain, Array("<|python_tag|>".utf8)),
  ]
  private static let closing = Array("</tool_call>".utf8)
  /// The most text of one call; a longer one is given out as text.
  static let maximumCallBytes = 1 << 20

  private let names: Set<String>
  private let isSingle: Bool
  private let makeID: @Sendable () -> String
  private var held: [UInt8] = []
  private var open: Notation?
  private var isAtStart = true
  /// The calls found so far.
  private(set) var callCount = 0
  /// Whether one call has been made three times in a row. Small models go on so until their limit; the answer is over, and
  /// what follows is left out.
  private(set) var isRepeating = false
  /// Whether the last call was cut off, so that its arguments are only a beginning.
  private(set) var isCutOff = false
  private static let mostRepeats = 3
  private var last: (name: String, arguments: String, count: Int)?

  /// - Parameters:
  ///   - names: the functions there are; anything else is text.
  ///   - isSingle: whether only the first call counts.
  init(names: Set<String>, isSingle: Bool, makeID: @escaping @Sendable () -> String) {
    self.names = names
    self.isSingle = isSingle
    self.makeID = makeID
  }

  /// An identifier of a call, unique enough within a conversation.
  static func newID() -> String {
    let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    return "call_" + String((0..<24).map { _ in letters[Int.random(in: 0..<letters.count)] })
  }

  /// Takes text; gives back what is no call, and the calls that are complete.
  mutating func append(_ text: [UInt8], isLast: Bool) -> (text: [UInt8], events: [GenerationEvent]) {
    held += text
    var answer: [UInt8] = []
    var events: [GenerationEvent] = []
    while !isRepeating, advance(&answer, &events, isLast: isLast) {}
    if isRepeating { held = [] }
    // White space between and after calls is no answer.
    if callCount > 0, answer.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) { answer = [] }
    return (answer, events)
  }

  private mutating func advance(_ answer: inout [UInt8], _ events: inout [GenerationEvent], isLast: Bool) -> Bool {
    guard let open else { return findOpening(&answer, isLast: isLast) }
    guard held.count <= Self.maximumCallBytes else { return giveUp(&answer) }
    switch open {
    case .tagged:
      if let end = StopMatcher.firstIndex(of: Self.closing, in: held) {
        let calls = parse(Array(held.prefix(end)))
        if calls.isEmpty {
          answer += Array("<tool_call>".utf8) + held.prefix(end) + Self.closing
        }
        events += emit(calls)
        held.removeFirst(end + Self.closing.count)
        self.open = nil
        return true
      }
      return isLast ? finishOpen(&answer, &events, prefix: "<tool_call>") : false
    case .bracketed:
      return isLast ? finishOpen(&answer, &events, prefix: "") : false
    case .plain:
      return isLast ? finishOpen(&answer, &events, prefix: "") : false
    }
  }

  private mutating func findOpening(_ answer: inout [UInt8], isLast: Bool) -> Bool {
    if isAtStart {
      let content = held.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
      guard let first = content.first else {
        if isLast { answer += held; held = [] }
        return false
      }
      isAtStart = false
      if first == UInt8(ascii: "{") {
        open = .plain
        return true
      }
    }
    var earliest: (start: Int, notation: Notation, length: Int)?
    for (notation, opening) in Self.openings {
      if let start = StopMatcher.firstIndex(of: opening, in: held), start < earliest?.start ?? .max {
        earliest = (start, notation, opening.count)
      }
    }
    if let earliest {
      answer += held.prefix(earliest.start)
      held.removeFirst(earliest.start + earliest.length)
      open = earliest.notation
      return true
    }
    let waiting = isLast ? 0 : Self.openings.map { StopMatcher.overlap(of: held, with: $0.1) }.max() ?? 0
    // After a call, the beginning of another that was cut off is no answer.
    let unfinished =
      isLast && callCount > 0 ? Self.openings.map { StopMatcher.overlap(of: held, with: $0.1) }.max() ?? 0 : 0
    answer += held.dropLast(max(waiting, unfinished))
    held.removeFirst(held.count - waiting)
    return false
  }

  private mutating func finishOpen(
    _ answer: inout [UInt8], _ events: inout [GenerationEvent], prefix: String
  ) -> Bool {
    let text = open == .tagged ? Array(held.dropLast(StopMatcher.overlap(of: held, with: Self.closing))) : held
    var calls = parse(text)
    // After a call, another that was cut off is no answer.
    if calls.isEmpty, callCount == 0 {
      if open != .plain, text.first(where: { !Self.isBlank($0) }) ?? UInt8(ascii: "{") == UInt8(ascii: "{") {
        calls = begun(text)
        isCutOff = !calls.isEmpty
      } else {
        answer += Array(prefix.utf8) + held
      }
    }
    events += emit(calls)
    held = []
    open = nil
    return false
  }

  private mutating func giveUp(_ answer: inout [UInt8]) -> Bool {
    answer += held
    held = []
    open = nil
    return false
  }

  /// The call that a text begins, with what there is of its arguments; none before its name is whole.
  private func begun(_ bytes: [UInt8]) -> [(name: String, arguments: String)] {
    let text = String(decoding: bytes, as: UTF8.self)
    let beginning = /\s*\{\s*"name"\s*:\s*"([^"\\]+)"\s*,\s*"(?:arguments|parameters)"\s*:\s*/
    guard let match = text.prefixMatch(of: beginning), names.contains(String(match.1)) else { return [] }
    return [(String(match.1), String(text[match.range.upperBound...]))]
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// The calls of a JSON text: one object, an array of objects, or objects parted by `;` or line ends.
  private func parse(_ bytes: [UInt8]) -> [(name: String, arguments: String)] {
    if let value = try? JSONValue.parse(bytes) { return calls(in: value) }
    let parts = bytes.split { $0 == UInt8(ascii: ";") || $0 == 0x0A }
    guard parts.count > 1 else { return [] }
    var found: [(name: String, arguments: String)] = []
    for part in parts {
      guard let value = try? JSONValue.parse(Array(part)) else { return [] }
      found += calls(in: value)
    }
    return found
  }

  private func calls(in value: JSONValue) -> [(name: String, arguments: String)] {
    if let list = value.array { return list.flatMap { calls(in: $0) } }
    if let list = value["tool_calls"]?.array { return list.flatMap { calls(in: $0) } }
    let function = value["function"]?.object == nil ? value : value["function"] ?? value
    guard let name = function["name"]?.string, names.contains(name) else { return [] }
    let arguments = function["arguments"] ?? function["parameters"] ?? .object([:])
    return [(name, arguments.string ?? arguments.text)]
  }

  private mutating func emit(_ calls: [(name: String, arguments: String)]) -> [GenerationEvent] {
    var events: [GenerationEvent] = []
    for call in calls where !(isSingle && callCount > 0) && !isRepeating {
      let repeats = last.map { $0.name == call.name && $0.arguments == call.arguments ? $0.count : 0 } ?? 0
      last = (call.name, call.arguments, repeats + 1)
      isRepeating = repeats + 1 == Self.mostRepeats
      events.append(
        .toolCall(ToolCallPiece(index: callCount, id: makeID(), name: call.name, arguments: call.arguments)))
      callCount += 1
    }
    return events
  }
}
