import ModelInterface

/// Reads the events out of what an OpenAI-compatible endpoint answers, whole or chunk by chunk.
struct OpenAIAnswerReader: AnswerReader {
  private let endpoint: String
  private var usage = Usage()
  private var reason: Completion.Reason?
  private var calls: [Int] = []
  private(set) var isDone = false

  /// - Parameter endpoint: for messages.
  init(endpoint: String) {
    self.endpoint = endpoint
  }

  mutating func read(_ event: EventStreamReader.Event) throws(GenerationError) -> [GenerationEvent] {
    if event.data.elementsEqual("[DONE]".utf8) {
      isDone = true
      return []
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(event.data)
    } catch {
      let text = String(decoding: event.data.prefix(200), as: UTF8.self)
      guard event.name != "error" else {
        throw GenerationError(.unavailable, "`\(endpoint)` reported an error inside its answer: \(text)")
      }
      throw GenerationError(.unavailable, "`\(endpoint)` sent an event that is not JSON (\(error)): \(text)")
    }
    if event.name == "error" { throw UpstreamFailure.reported(inside: value["error"] ?? value, endpoint: endpoint) }
    return try read(value)
  }

  mutating func read(whole value: JSONValue) throws(GenerationError) -> [GenerationEvent] {
    let events = try read(value)
    guard let choices = value["choices"]?.array, !choices.isEmpty else {
      throw GenerationError(.unavailable, "`\(endpoint)` answered without `choices`: \(value.text.prefix(200))")
    }
    isDone = true
    return events
  }

  private mutating func read(_ value: JSONValue) throws(GenerationError) -> [GenerationEvent] {
    guard let object = value.object else {
      throw GenerationError(.unavailable, "`\(endpoint)` answered \(value.kind) where an object was expected")
    }
    if let error = object["error"], !error.isNull { throw UpstreamFailure.reported(inside: error, endpoint: endpoint) }
    if object["object"]?.string == "error" { throw UpstreamFailure.reported(inside: value, endpoint: endpoint) }
    if let usage = object["usage"], !usage.isNull { self.usage = Usage(openAI: usage) }
    guard let choice = object["choices"]?.array?.first else { return [] }
    if let error = choice["error"], !error.isNull { throw UpstreamFailure.reported(inside: error, endpoint: endpoint) }
    var events: [GenerationEvent] = []
    if let body = choice["delta"] ?? choice["message"] {
      try read(body, logprobs: choice["logprobs"], into: &events)
    } else if let text = choice["text"]?.string {
      let tokens = choice["logprobs"].map(TokenLogprob.completion(openAI:)) ?? []
      if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    }
    if let word = choice["finish_reason"]?.string { try end(word) }
    return events
  }

  private mutating func read(
    _ body: JSONValue, logprobs: JSONValue?, into events: inout [GenerationEvent]
  ) throws(GenerationError) {
    if let thought = (body["reasoning_content"]?.string ?? body["reasoning"]?.string), !thought.isEmpty {
      events.append(.reasoning(thought))
    }
    let listed = logprobs?["content"]?.array ?? logprobs?["refusal"]?.array ?? []
    let tokens = listed.map(TokenLogprob.init(openAI:))
    let text = Self.text(of: body["content"]) + (body["refusal"]?.string ?? "")
    if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    for (position, call) in (body["tool_calls"]?.array ?? []).enumerated() {
      events.append(.toolCall(try piece(call, position: position)))
    }
    // The form before `tool_calls`, which some servers still speak.
    if let call = body["function_call"], !call.isNull {
      events.append(.toolCall(try piece(["index": 0, "function": call], position: 0)))
    }
  }

  /// Some servers send parts where OpenAI sends a text.
  private static func text(of content: JSONValue?) -> String {
    if let text = content?.string { return text }
    return (content?.array ?? []).map { $0["text"]?.string ?? "" }.joined()
  }

  /// A whole answer's calls carry no index, so their position is it. A server that leaves out the identifier gets one,
  /// because the tool's answer must name it.
  private mutating func piece(_ call: JSONValue, position: Int) throws(GenerationError) -> ToolCallPiece {
    let index = call["index"]?.integer ?? position
    guard (0..<4_096).contains(index) else {
      throw GenerationError(.unavailable, "`\(endpoint)` sent a tool call of index \(index)")
    }
    let function = call["function"]
    var id = call["id"]?.string
    if !calls.contains(index) {
      calls.append(index)
      if id == nil || id == "" { id = "call_\(index)" }
    }
    let name = function?["name"]?.string
    // Arguments are a JSON text; a server that sends the object itself means the same.
    let arguments = function?["arguments"].map { $0.string ?? ($0.isNull ? "" : $0.text) } ?? ""
    return ToolCallPiece(
      index: index, id: id == "" ? nil : id, name: name == "" ? nil : name, arguments: arguments)
  }

  private mutating func end(_ word: String) throws(GenerationError) {
    switch word {
    case "": break
    case "length", "max_tokens", "model_length": reason = .length
    case "tool_calls", "function_call": reason = .toolCalls
    case "content_filter": reason = .contentFilter
    case "error", "abort":
      throw GenerationError(.unavailable, "`\(endpoint)` ended its answer with the reason `\(word)`")
    default: reason = .stop
    }
  }

  /// A stream that says that it is done but not why has stopped; one that says neither has broken off.
  func finish() throws(GenerationError) -> GenerationEvent {
    guard let reason = reason ?? (isDone ? .stop : nil) else {
      throw GenerationError(.unavailable, "the answer of `\(endpoint)` broke off before its end")
    }
    return .finished(
      Completion(reason: !calls.isEmpty && reason == .stop ? .toolCalls : reason, usage: usage.consistent()))
  }
}

extension Usage {
  /// From the `usage` member of an answer.
  init(openAI value: JSONValue) {
    self.init(
      promptTokens: Self.count(value["prompt_tokens"]),
      cachedPromptTokens: Self.count(
        value["prompt_tokens_details"]?["cached_tokens"] ?? value["prompt_cache_hit_tokens"]),
      completionTokens: Self.count(value["completion_tokens"]),
      reasoningTokens: Self.count(value["completion_tokens_details"]?["reasoning_tokens"]))
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
