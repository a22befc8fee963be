import ModelInterface

/// Code as it is being written, token by token, and where it ends.
struct CodeDraft: Sendable, Hashable {
  /// Why writing ended.
  enum Ending: String, Sendable, Hashable {
    /// The model ended its answer.
    case endOfAnswer
    /// The code block was closed.
    case fence
    /// The function is complete, and something else would follow.
    case complete
    /// As many lines as were wanted.
    case lines
    /// As many tokens as were allowed.
    case tokens
    /// The same line again and again.
    case repetition
  }

  /// The code in UTF-8, without the fence.
  private(set) var bytes: [UInt8]
  /// The tokens that stand for it behind the prompt's opening, and where each of them ends in ``bytes``.
  private(set) var tokens: [TokenID] = []
  private(set) var ends: [Int] = []
  /// The tokens' log-probabilities under the plain prompt, and their sum.
  private(set) var logprobs: [Float] = []
  private(set) var logprob = 0.0
  /// Line ends since the draft was begun.
  private(set) var newLines = 0
  private(set) var ending: Ending?
  private let entryPoint: String?
  private let openingBytes: Int
  /// Where the last line begins that has been looked at.
  private var lineStart = 0
  private var hasBody = false
  private var recentLines: [ArraySlice<UInt8>] = []
  private var isInString = false

  /// A draft that begins with the given code.
  init(opening: String, entryPoint: String?) {
    bytes = Array(opening.utf8)
    openingBytes = bytes.count
    self.entryPoint = entryPoint
    lookAtLines(isFinal: false)
  }

  /// An empty draft that nothing ends but what ends the answer; for measurements.
  init(unending: Bool) {
    bytes = []
    openingBytes = 0
    entryPoint = nil
    isUnending = unending
  }

  private var isUnending = false

  /// The code so far. What a token has begun but not finished is left out.
  var code: String { String(decoding: bytes, as: UTF8.self) }

  /// The last line as far as it is written, where no function's body was begun before it; nil else.
  var openLine: ArraySlice<UInt8>? { hasBody || isUnending ? nil : bytes[lineStart...] }

  /// Adds a token.
  mutating func append(_ token: TokenID, bytes more: [UInt8], logprob: Float) {
    guard ending == nil else { return }
    tokens.append(token)
    logprobs.append(logprob)
    self.logprob += Double(logprob)
    bytes += more
    ends.append(bytes.count)
    newLines += more.count { $0 == UInt8(ascii: "\n") }
    lookAtLines(isFinal: false)
  }

  /// Ends it.
  mutating func end(_ reason: Ending) {
    if ending == nil { ending = reason }
  }

  /// Goes on after an ending that was only a limit.
  mutating func reopen() {
    if ending == .lines || ending == .tokens { ending = nil }
  }

  /// The draft as it was with fewer tokens.
  func prefix(_ count: Int, opening: String) -> CodeDraft {
    var shorter = CodeDraft(opening: opening, entryPoint: entryPoint)
    var start = shorter.bytes.count
    for index in 0..<min(count, tokens.count) {
      let end = max(start, min(ends[index], bytes.count))
      shorter.append(tokens[index], bytes: Array(bytes[min(start, end)..<end]), logprob: logprobs[index])
      start = end
    }
    shorter.newLines = 0
    return shorter
  }

  /// The tokens from a place on, as far as to the next line end.
  func line(from start: Int) -> [TokenID] {
    guard start < tokens.count else { return [] }
    var from = start == 0 ? openingBytes : ends[start - 1]
    var count = 0
    for end in ends[start...] {
      count += 1
      if from < end, end <= bytes.count, bytes[from..<end].contains(UInt8(ascii: "\n")) { break }
      from = end
    }
    return Array(tokens[start..<start + count])
  }

  /// For each beginning that stops before a line end: the number of tokens, and the number of whole lines before it.
  func lineCuts(openingBytes: Int) -> [(tokens: Int, line: Int)] {
    var cuts: [(tokens: Int, line: Int)] = []
    var line = bytes[..<openingBytes].count { $0 == UInt8(ascii: "\n") } + 1
    var start = openingBytes
    for (index, end) in ends.enumerated() {
      let piece = bytes[min(start, bytes.count)..<max(min(start, bytes.count), min(end, bytes.count))]
      let breaks = piece.count { $0 == UInt8(ascii: "\n") }
      if breaks > 0 {
        line += breaks
        cuts.append((index, line))
      }
      start = end
    }
    return cuts
  }

  private mutating func lookAtLines(isFinal: Bool) {
    while ending == nil, !isUnending {
      let end = bytes[lineStart...].firstIndex(of: UInt8(ascii: "\n"))
      look(at: bytes[lineStart..<(end ?? bytes.count)], isWhole: end != nil)
      guard ending == nil, let end else { return }
      lineStart = end + 1
    }
  }

  private mutating func look(at line: ArraySlice<UInt8>, isWhole: Bool) {
    let rest = line.drop { $0 == 0x20 || $0 == 0x09 }
    if rest.starts(with: "```".utf8) { return cut(.fence) }
    // The beginning of a fence: the next token says.
    if !isWhole, !rest.isEmpty, "```".utf8.starts(with: rest) { return }
    if isWhole {
      let quotes = Self.tripleQuotes(in: line)
      defer { if quotes % 2 == 1 { isInString.toggle() } }
      guard !rest.isEmpty, !isInString else { return }
      if rest.startIndex > line.startIndex { hasBody = hasBody || definesEntry }
      recentLines.append(line)
      if recentLines.count > 6 { recentLines.removeFirst() }
      if recentLines.count == 6, recentLines.allSatisfy({ $0.elementsEqual(line) }) { return end(.repetition) }
    }
    // At the left margin after the function's body: another helper may follow, anything else is not wanted.
    guard hasBody, !isInString, let first = line.first, first != 0x20, first != 0x09 else { return }
    let text = String(decoding: line.prefix(80), as: UTF8.self)
    guard isWhole || line.count >= 8 || !Self.beginnings.contains(where: { $0.hasPrefix(text) }) else { return }
    if let beginning = Self.beginnings.first(where: text.hasPrefix) {
      guard beginning == "def " else { return }
      guard isWhole || text.contains("(") else { return }
      let name = text.dropFirst(4).prefix(while: PythonText.isIdentifier)
      if String(decoding: bytes[..<lineStart], as: UTF8.self).contains(name + "(") { return }
    }
    cut(.complete)
  }

  private var definesEntry: Bool {
    let code = String(decoding: bytes, as: UTF8.self)
    return entryPoint.map { code.contains("def \($0)") } ?? code.contains("def ")
  }

  private mutating func cut(_ reason: Ending) {
    bytes.removeLast(bytes.count - lineStart)
    end(reason)
  }

  private static let beginnings = ["def ", "class ", "import ", "from ", "@", ")", "]", "}"]

  private static func tripleQuotes(in line: ArraySlice<UInt8>) -> Int {
    var count = 0
    var index = line.startIndex
    while index + 2 < line.endIndex {
      let byte = line[index]
      if byte == 0x22 || byte == 0x27, line[index + 1] == byte, line[index + 2] == byte {
        count += 1
        index += 3
      } else {
        index += 1
      }
    }
    return count
  }
}
