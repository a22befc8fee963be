import ModelInterface

extension OrchestrationRun {
  func perform(_ work: MapReduce) async throws(GenerationError) -> Chosen {
    try requireWords()
    let input = question
    let parts = try await parts(of: input, work)
    let calls = parts.enumerated().map { index, part in
      let text = work.task.filled([
        "part": part, "input": isShared(work) ? input : "", "index": String(index + 1), "count": String(parts.count),
      ])
      return Call(
        role: .part,
        request: other(for: work.worker, instructions + [Message(role: .user, text: text)], isFinal: false),
        label: "part \(index + 1) of \(parts.count)")
    }
    let quorum = max(1, Int((work.quorum * Double(calls.count)).rounded(.up)))
    let results = try await gather(calls, quorum: quorum)
    let listed = results.enumerated().map { "Result \($0.offset + 1):\n\($0.element.text)" }
    let text = work.combination.filled([
      "results": listed.joined(separator: "\n\n"), "input": isShared(work) ? input : "", "count": String(results.count),
    ])
    return try await askFinal(
      Call(
        role: .combine,
        request: other(for: work.combiner, instructions + [Message(role: .user, text: text)], isFinal: true),
        label: "combine"))
  }

  /// Whether every worker sees the whole task. Where a long text was cut up, that would defeat the purpose.
  private func isShared(_ work: MapReduce) -> Bool {
    if case .model = work.split { true } else { false }
  }

  private func parts(of input: String, _ work: MapReduce) async throws(GenerationError) -> [String] {
    switch work.split {
    case .text(let characters):
      let parts = TextPieces.cut(input, characters: characters, atMost: work.maximumParts)
      record(TraceEvent.Verdict("split", holds: true, value: Double(parts.count), steps: []))
      return parts
    case .model(let splitter, let prompt):
      var request = other(
        for: splitter,
        instructions + [
          Message(role: .user, text: prompt.filled(["input": input, "count": String(work.maximumParts)]))
        ], isFinal: false)
      request.sampling = .greedy
      // The client's limit is meant for its answer, and a list that is cut off is none.
      request.maximumOutputTokens = request.maximumOutputTokens.map { max($0, JudgePrompt.outputTokens) }
      request.responseFormat = .jsonSchema(
        name: "parts",
        schema: [
          "type": "object",
          "properties": [
            "parts": [
              "type": "array", "items": ["type": "string"], "minItems": 1, "maxItems": .integer(work.maximumParts),
            ]
          ],
          "required": ["parts"], "additionalProperties": false,
        ], isStrict: true)
      let answer = try await ask(Call(role: .split, request: request, label: "split"))
      let named = JudgePrompt.object(in: answer.text)?["parts"]?.array?.compactMap(\.string) ?? []
      let parts = named.filter { $0.contains { !$0.isWhitespace } }.prefix(work.maximumParts)
      // A task that could not be taken apart is done as one.
      record(
        TraceEvent.Verdict(
          "split", holds: !parts.isEmpty, value: Double(max(1, parts.count)), steps: [answer.step],
          note: parts.isEmpty ? "no parts were named; the task is done as one" : nil))
      return parts.isEmpty ? [input] : Array(parts)
    }
  }
}

/// Cuts long texts at the best places.
enum TextPieces {
  /// Pieces of at most so many characters, cut after paragraphs where there are any, else after lines, else after words. Of
  /// more than `limit` pieces the last gets the rest, however long.
  static func cut(_ text: String, characters: Int, atMost limit: Int) -> [String] {
    var pieces: [String] = []
    var rest = text[...]
    while !rest.isEmpty {
      guard pieces.count < limit - 1,
        let end = rest.index(rest.startIndex, offsetBy: max(1, characters), limitedBy: rest.endIndex),
        end < rest.endIndex
      else {
        pieces.append(String(rest))
        break
      }
      let window = rest[..<end]
      let cut = lastCut(in: window) ?? end
      pieces.append(String(rest[..<cut]))
      rest = rest[cut...]
    }
    return pieces.isEmpty ? [text] : pieces
  }

  /// The end of the last paragraph, line or word in the second half of the window.
  private static func lastCut(in window: Substring) -> Substring.Index? {
    let middle = window.index(window.startIndex, offsetBy: window.count / 2)
    var (paragraph, line, word): (Substring.Index?, Substring.Index?, Substring.Index?) = (nil, nil, nil)
    var index = middle
    var previous: Character = " "
    while index < window.endIndex {
      let character = window[index]
      let next = window.index(after: index)
      if character.isNewline {
        if previous.isNewline { paragraph = next }
        line = next
      } else if character.isWhitespace {
        word = next
      }
      previous = character
      index = next
    }
    return paragraph ?? line ?? word
  }
}
