import ModelInterface

/// What an answer says, freed of how it says it, so that two answers can be compared by equality.
///
/// Numbers compare by value, JSON by content, function calls by name and arguments; other text without case, spacing,
/// emphasis, articles and closing punctuation. Where an answer names its result (`\boxed{…}`, `#### …`, "the answer is …"),
/// only that counts.
enum AnswerKey {
  /// A text longer than this is compared by judges only, or as it is.
  static let longestShortAnswer = 80

  static func key(_ answer: MemberAnswer) -> String {
    guard answer.calls.isEmpty else {
      return "call:" + answer.calls.map { "\($0.name)(\(canonical($0.arguments)))" }.sorted().joined(separator: ";")
    }
    return key(ofText: answer.text)
  }

  static func key(ofText text: String) -> String {
    let text = withoutFence(trimmed(text[...]))
    if let first = text.first, first == "{" || first == "[", let value = try? JSONValue.parse(String(text)) {
      return "json:" + canonical(value)
    }
    let result = named(text) ?? text
    let words = plain(result)
    if let number = number(words) { return "number:\(number)" }
    return "text:" + words
  }

  /// Whether an answer is so short that equality says all there is to say.
  static func isShort(_ key: String) -> Bool {
    !key.hasPrefix("text:") || key.utf8.count <= longestShortAnswer
  }

  // MARK: - Parts

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.first?.isWhitespace == true { text.removeFirst() }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  private static func withoutFence(_ text: Substring) -> Substring {
    guard text.hasPrefix("```"), text.hasSuffix("```"), text.count > 6, let line = text.firstIndex(of: "\n") else {
      return text
    }
    return trimmed(text[text.index(after: line)...].dropLast(3))
  }

  /// The result where the answer names one.
  private static func named(_ text: Substring) -> Substring? {
    if let boxed = lastRange(of: "\\boxed{", in: text) {
      var depth = 1
      var index = boxed.upperBound
      while index < text.endIndex {
        if text[index] == "{" { depth += 1 }
        if text[index] == "}" { depth -= 1 }
        if depth == 0 { return text[boxed.upperBound..<index] }
        index = text.index(after: index)
      }
    }
    if let mark = lastRange(of: "####", in: text) { return line(after: mark.upperBound, in: text) }
    let lowered = Substring(text.lowercased())
    guard lowered.count == text.count else { return nil }
    for phrase in ["answer is", "answer:", "answer**:", "result is"] {
      guard let found = lastRange(of: phrase, in: lowered) else { continue }
      let rest = line(after: found.upperBound, in: lowered)
      if rest.contains(where: { $0.isLetter || $0.isNumber }) { return rest }
    }
    return nil
  }

  private static func line(after index: Substring.Index, in text: Substring) -> Substring {
    trimmed(text[index...].prefix { $0 != "\n" })
  }

  private static func lastRange(of word: String, in text: Substring) -> Range<Substring.Index>? {
    var found: Range<Substring.Index>?
    var rest = text
    while let next = rest.firstRange(of: word) {
      found = next
      rest = rest[next.upperBound...]
    }
    return found
  }

  /// Lower case, single spaces, no emphasis, no articles, no punctuation at the ends.
  private static func plain(_ text: Substring) -> String {
    let kept = text.lowercased().map { character -> Character in
      "*_`\"'“”‘’()[]".contains(character) ? " " : character
    }
    var words = String(kept).split(whereSeparator: \.isWhitespace)
    if words.count > 2, ["it is", "it s", "this is", "that is", "they are"].contains("\(words[0]) \(words[1])") {
      words.removeFirst(2)
    }
    if words.count > 1, ["a", "an", "the"].contains(words[0]) { words.removeFirst() }
    var result = words.joined(separator: " ")
    while let last = result.last, ".,;:!?…".contains(last) { result.removeLast() }
    while let first = result.first, ".,;:".contains(first), result.count > 1,
      !(result.dropFirst().first?.isNumber ?? false)
    {
      result.removeFirst()
    }
    return result
  }

  /// A number in one spelling: without currency, unit signs, grouping commas and trailing zeros.
  private static func number(_ words: String) -> String? {
    var digits = words.filter { !"$€£% ".contains($0) }
    let parts = digits.split(separator: ",", omittingEmptySubsequences: false)
    if parts.count > 1, parts.dropFirst().allSatisfy({ $0.prefix { $0 != "." }.count == 3 }) {
      digits = parts.joined()
    }
    guard let first = digits.first, first.isNumber || first == "-" || first == "+" || first == ".",
      digits.allSatisfy({ $0.isASCII && ($0.isNumber || ".-+e".contains($0)) })
    else { return nil }
    return canonicalNumber(digits)
  }

  private static func canonicalNumber(_ literal: String) -> String? {
    if let whole = Int(literal) { return String(whole) }
    guard let value = Double(literal), value.isFinite else { return nil }
    return Int(exactly: value).map(String.init) ?? "\(value)"
  }

  private static func canonical(_ text: String) -> String {
    (try? JSONValue.parse(text)).map(canonical) ?? text
  }

  /// Members in order of name, numbers in one spelling.
  static func canonical(_ value: JSONValue) -> String {
    switch value {
    case .null: return "null"
    case .bool(let truth): return truth ? "true" : "false"
    case .number(let number): return canonicalNumber(number.literal) ?? number.literal
    case .string: return value.text
    case .array(let elements): return "[" + elements.map(canonical).joined(separator: ",") + "]"
    case .object(let object):
      let members = object.members.sorted { $0.name < $1.name }
      return "{" + members.map { JSONValue.string($0.name).text + ":" + canonical($0.value) }.joined(separator: ",")
        + "}"
    }
  }
}

/// Answers that say the same, with the weight of those who say so.
struct AnswerGroup: Sendable {
  var answers: [MemberAnswer]
  var weight: Double

  /// Groups by key, the heaviest first; among equals the one that was there first.
  static func groups(
    _ answers: [MemberAnswer], keys: [String], weight: (MemberAnswer) -> Double
  ) -> [AnswerGroup] {
    var order: [String] = []
    var groups: [String: AnswerGroup] = [:]
    for (answer, key) in zip(answers, keys) {
      if groups[key] == nil { order.append(key) }
      groups[key, default: AnswerGroup(answers: [], weight: 0)].answers.append(answer)
      groups[key]?.weight += weight(answer)
    }
    let all = order.compactMap { groups[$0] }
    return all.enumerated().sorted {
      $0.element.weight == $1.element.weight ? $0.offset < $1.offset : $0.element.weight > $1.element.weight
    }.map(\.element)
  }

  /// The one of the group that its model was surest of; without that, the first.
  var best: MemberAnswer? {
    answers.enumerated().max {
      let (left, right) = ($0.element.confidence ?? 0, $1.element.confidence ?? 0)
      return left == right ? $0.offset > $1.offset : left < right
    }?.element
  }
}
