import ModelInterface

/// Reads the events out of what an OpenAI-compatible endpoint answers, whole or chunk by chunk.
struct OpenAIAnswerReader {
  private var usage = Usage()
  private var reason: Completion.Reason?
  private var hasToolCalls = false
  /// Whether anything of the answer was seen, after which no other model may take over.
  private(set) var hasBegun = false

  /// The events of one chunk of a stream, or of a whole answer.
  ///
  /// - Throws: ``GenerationError`` where the endpoint reports an error inside, or speaks another language.
  mutating func read(_ value: JSONValue) throws(GenerationError) -> [GenerationEvent] {
    if let error = value["error"], !error.isNull { throw Self.reported(error) }
    guard let object = value.object else {
      throw GenerationError(.unavailable, "the upstream answered \(value.kind) where an object was expected")
    }
    if let usage = object["usage"], !usage.isNull { self.usage = Usage(openAI: usage) }
    guard let choice = object["choices"]?.array?.first else { return [] }
    hasBegun = true
    var events: [GenerationEvent] = []
    let body = choice["delta"] ?? choice["message"]
    if let body {
      if let thought = (body["reasoning_content"] ?? body["reasoning"])?.string, !thought.isEmpty {
        events.append(.reasoning(thought))
      }
      let tokens = choice["logprobs"]?["content"]?.array.map { $0.map(TokenLogprob.init(openAI:)) } ?? []
      let text = body["content"]?.string ?? body["refusal"]?.string ?? ""
      if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
      for (position, call) in (body["tool_calls"]?.array ?? []).enumerated() {
        hasToolCalls = true
        events.append(.toolCall(ToolCallPiece(openAI: call, position: position)))
      }
    } else if let text = choice["text"]?.string {
      let tokens = choice["logprobs"].map(TokenLogprob.completion(openAI:)) ?? []
      if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    }
    if let word = choice["finish_reason"]?.string { reason = Self.reason(word) }
    return events
  }

  /// The last event.
  ///
  /// - Throws: ``GenerationError`` of kind `unavailable` where the answer broke off before it said that it was done.
  func finish() throws(GenerationError) -> GenerationEvent {
    guard let reason else {
      throw GenerationError(.unavailable, "the upstream's answer broke off before its end")
    }
    return .finished(Completion(reason: hasToolCalls && reason == .stop ? .toolCalls : reason, usage: usage))
  }

  private static func reason(_ word: String) -> Completion.Reason {
    switch word {
    case "length", "max_tokens": .length
    case "tool_calls", "function_call": .toolCalls
    case "content_filter": .contentFilter
    default: .stop
    }
  }

  private static func reported(_ error: JSONValue) -> GenerationError {
    let message = error["message"]?.string ?? error.string ?? error.text
    return GenerationError(.unavailable, "the upstream reported an error inside its answer: \(message.prefix(500))")
  }
}

extension Usage {
  /// From the `usage` member of an answer.
  init(openAI value: JSONValue) {
    func count(_ value: JSONValue?) -> Int { max(0, value?.integer ?? 0) }
    self.init(
      promptTokens: count(value["prompt_tokens"]),
      cachedPromptTokens: count(value["prompt_tokens_details"]?["cached_tokens"]),
      completionTokens: count(value["completion_tokens"]),
      reasoningTokens: count(value["completion_tokens_details"]?["reasoning_tokens"]))
  }
}

extension ToolCallPiece {
  /// From an element of `tool_calls`; a whole answer's calls carry no index, so their position is it.
  init(openAI value: JSONValue, position: Int) {
    self.init(
      index: value["index"]?.integer ?? position,
      id: value["id"]?.string,
      name: value["function"]?["name"]?.string,
      arguments: value["function"]?["arguments"]?.string ?? "")
  }
}

extension TokenLogprob {
  /// An upstream does not say which token it was, only how it reads.
  private static let unknownToken: TokenID = -1

  /// From an element of a chat answer's `logprobs.content`.
  init(openAI value: JSONValue) {
    self.init(
      chosen: Self.candidate(value),
      alternatives: (value["top_logprobs"]?.array ?? []).map(Self.candidate))
  }

  private static func candidate(_ value: JSONValue) -> Candidate {
    let text = value["token"]?.string ?? ""
    let bytes = value["bytes"]?.array?.compactMap { $0.integer.flatMap(UInt8.init(exactly:)) } ?? Array(text.utf8)
    return Candidate(token: unknownToken, bytes: bytes, logprob: Float(value["logprob"]?.double ?? -.infinity))
  }

  /// From a completion's `logprobs`: parallel arrays of tokens, log-probabilities and alternatives.
  static func completion(openAI value: JSONValue) -> [TokenLogprob] {
    let texts = value["tokens"]?.array ?? []
    let logprobs = value["token_logprobs"]?.array ?? []
    let alternatives = value["top_logprobs"]?.array ?? []
    return texts.indices.map { index in
      let logprob = index < logprobs.count ? logprobs[index].double : nil
      let others = index < alternatives.count ? alternatives[index].object?.members ?? [] : []
      return TokenLogprob(
        chosen: Candidate(
          token: unknownToken, bytes: Array((texts[index].string ?? "").utf8), logprob: logprob.map(Float.init) ?? .nan),
        alternatives: others.map {
          Candidate(token: unknownToken, bytes: Array($0.name.utf8), logprob: Float($0.value.double ?? -.infinity))
        }
        .sorted { $0.logprob > $1.logprob })
    }
  }
}
