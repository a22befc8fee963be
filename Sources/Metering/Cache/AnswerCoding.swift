import ModelInterface

/// The events of an answer as JSON text, for a cache that several nodes share.
enum AnswerCoding {
  static func text(_ events: [GenerationEvent]) -> String {
    JSONValue.array(events.map(json)).text
  }

  /// The events; nil where the text was not written by ``text(_:)``.
  static func events(_ text: String) -> [GenerationEvent]? {
    guard let values = (try? JSONValue.parse(text))?.array else { return nil }
    var events: [GenerationEvent] = []
    for value in values {
      guard let event = event(value) else { return nil }
      events.append(event)
    }
    return events
  }

  private static func json(_ event: GenerationEvent) -> JSONValue {
    switch event {
    case .started(let start): ["s": .string(start.model), "p": .string(start.provider)]
    case .prompt(let tokens): ["e": .array(tokens.map(token))]
    case .text(let piece):
      piece.tokens.isEmpty
        ? ["t": .string(piece.text)] : ["t": .string(piece.text), "k": .array(piece.tokens.map(token))]
    case .reasoning(let text): ["r": .string(text)]
    case .toolCall(let piece):
      [
        "c": .integer(piece.index), "id": piece.id.map { .string($0) } ?? .null,
        "n": piece.name.map { .string($0) } ?? .null, "a": .string(piece.arguments),
      ]
    case .finished(let completion):
      [
        "f": .string(completion.reason.rawValue), "q": completion.stopSequence.map { .string($0) } ?? .null,
        "u": [
          .integer(completion.usage.promptTokens), .integer(completion.usage.cachedPromptTokens),
          .integer(completion.usage.completionTokens), .integer(completion.usage.reasoningTokens),
        ],
      ]
    }
  }

  private static func token(_ token: TokenLogprob) -> JSONValue {
    .array(([token.chosen] + token.alternatives).map(candidate))
  }

  /// The bytes of a token need not be whole characters; a probability need not be a number.
  private static func candidate(_ candidate: TokenLogprob.Candidate) -> JSONValue {
    [
      .integer(candidate.token), .array(candidate.bytes.map { .integer($0) }),
      .integer(candidate.logprob.bitPattern),
    ]
  }

  private static func event(_ value: JSONValue) -> GenerationEvent? {
    if let model = value["s"]?.string, let provider = value["p"]?.string {
      return .started(GenerationStart(model: model, provider: provider))
    }
    if let values = value["e"]?.array { return tokens(values).map { .prompt($0) } }
    if let text = value["t"]?.string {
      guard let tokens = tokens(value["k"]?.array ?? []) else { return nil }
      return .text(TextPiece(text, tokens: tokens))
    }
    if let text = value["r"]?.string { return .reasoning(text) }
    if let index = value["c"]?.integer, let arguments = value["a"]?.string {
      return .toolCall(
        ToolCallPiece(index: index, id: value["id"]?.string, name: value["n"]?.string, arguments: arguments))
    }
    guard let word = value["f"]?.string, let reason = Completion.Reason(rawValue: word),
      let counts = value["u"]?.array?.compactMap(\.integer), counts.count == 4
    else { return nil }
    return .finished(
      Completion(
        reason: reason, stopSequence: value["q"]?.string,
        usage: Usage(
          promptTokens: counts[0], cachedPromptTokens: counts[1], completionTokens: counts[2],
          reasoningTokens: counts[3])))
  }

  private static func tokens(_ values: [JSONValue]) -> [TokenLogprob]? {
    var tokens: [TokenLogprob] = []
    for value in values {
      let candidates = (value.array ?? []).compactMap { value -> TokenLogprob.Candidate? in
        guard let parts = value.array, parts.count == 3, let token = parts[0].integer,
          let bytes = parts[1].array, let bits = parts[2].integer.flatMap({ UInt32(exactly: $0) })
        else { return nil }
        return TokenLogprob.Candidate(
          token: TokenID(truncatingIfNeeded: token),
          bytes: bytes.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } },
          logprob: Float(bitPattern: bits))
      }
      guard let chosen = candidates.first else { return nil }
      tokens.append(TokenLogprob(chosen: chosen, alternatives: Array(candidates.dropFirst())))
    }
    return tokens
  }
}
