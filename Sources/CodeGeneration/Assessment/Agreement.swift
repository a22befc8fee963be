/// Which of several programs that pass to submit: the one that most others agree with on inputs near the tests'.
///
/// One test often leaves room for wrong programs; they tend to differ from each other, and right ones do not.
enum Agreement {
  /// The most inputs that are tried.
  static let mostCalls = 6

  /// The candidate in the largest group of equal behaviour; the first of the earliest group among equals.
  static func choose(among passing: [Candidate], _ assessor: Assessor) async throws -> Candidate? {
    guard passing.count > 2, let call = assessor.firstInvocation else { return passing.first }
    let calls = neighbours(of: call)
    guard !calls.isEmpty else { return passing.first }
    let behaviours = try await assessor.behaviours(passing.map(\.source), on: calls)
    var groups: [(behaviour: [String], members: [Int])] = []
    for (index, behaviour) in behaviours.enumerated() {
      if let group = groups.firstIndex(where: { $0.behaviour == behaviour }) {
        groups[group].members.append(index)
      } else {
        groups.append((behaviour, [index]))
      }
    }
    var best = groups[0]
    for group in groups where group.members.count > best.members.count { best = group }
    return passing[best.members[0]]
  }

  /// Calls like the given one with one argument's value changed: numbers by one, doubled, strings reversed or shortened.
  static func neighbours(of call: String) -> [String] {
    guard let open = call.firstIndex(of: "(") else { return [] }
    let head = String(call[...open])
    let body = Array(call[call.index(after: open)...])
    var calls: [String] = []
    var index = 0
    func replacing(_ range: Range<Int>, _ text: String) -> String {
      head + String(body[..<range.lowerBound]) + text + String(body[range.upperBound...])
    }
    while index < body.count, calls.count < mostCalls * 4 {
      let character = body[index]
      if character == "'" || character == "\"" {
        let end = body[(index + 1)...].firstIndex(of: character) ?? body.count - 1
        let content = String(body[(index + 1)..<max(index + 1, end)])
        if !content.contains("\\") {
          calls.append(replacing(index + 1..<max(index + 1, end), String(content.reversed())))
          calls.append(replacing(index + 1..<max(index + 1, end), String(content.dropFirst())))
        }
        index = end + 1
      } else if character.isNumber {
        let isWord = index > 0 && (PythonText.isIdentifier(body[index - 1]) || body[index - 1] == ".")
        let end = body[index...].firstIndex { !$0.isNumber } ?? body.count
        if !isWord, let number = Int(String(body[index..<end])), number < 1_000_000 {
          calls.append(replacing(index..<end, String(number + 1)))
          calls.append(replacing(index..<end, String(number * 2 + 3)))
        }
        index = max(end, index + 1)
      } else {
        index += 1
      }
    }
    let distinct = calls.reduce(into: [String]()) { if !$0.contains($1), $1 != call { $0.append($1) } }
    guard distinct.count > mostCalls else { return distinct }
    // Spread over the arguments rather than all in the first.
    return (0..<mostCalls).map { distinct[$0 * distinct.count / mostCalls] }
  }
}
