import ModelInterface

/// Reads the events out of what an OpenAI-compatible endpoint answers, whole or chunk by chunk.
struct OpenAIAnswerReader: AnswerReader {
  /// A function call, by what the endpoint knows it.
  private struct Call {
    var index: Int?
    var id: String?
    var name: String?
  }

  private let endpoint: String
  private var usage = Usage()
  private var reason: Completion.Reason?
  private var calls: [Call] = []
  private var hasChoice = false
  /// The number of the choice that is read, once one has come.
  private var choice: Int?
  private(set) var isDone = false
  private(set) var tellsUsage = false

  /// - Parameter endpoint: for messages.
  init(endpoint: String) {
    self.endpoint = endpoint
  }

  /// A reader of the rest of a stream.
  ///
  /// - Parameters:
  ///   - usage: what has been told so far.
  ///   - reason: why it ended, where that has been told.
  init(endpoint: String, after usage: Usage, _ reason: Completion.Reason?) {
    self.endpoint = endpoint
    self.usage = usage
    self.reason = reason
    (hasChoice, choice) = (true, 0)
  }

  mutating func read(_ event: EventStreamReader.Event) throws(GenerationError) -> [GenerationEvent] {
    tellsUsage = false
    if event.isDone {
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
    if let usage = object["usage"], !usage.isNull {
      self.usage = Usage(openAI: usage)
      tellsUsage = true
    }
    guard let choice = own(of: object["choices"]?.array ?? []) else { return [] }
    if let error = choice["error"], !error.isNull { throw UpstreamFailure.reported(inside: error, endpoint: endpoint) }
    hasChoice = true
    var events: [GenerationEvent] = []
    if let body = choice["delta"] ?? choice["message"] {
      try read(body, isWhole: choice["delta"] == nil, logprobs: choice["logprobs"], into: &events)
    } else if let text = choice["text"]?.string {
      let tokens = choice["logprobs"].map(TokenLogprob.completion(openAI:)) ?? []
      if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    }
    if let word = choice["finish_reason"]?.string { try end(word) }
    return events
  }

  /// The choice that the answer is made of. One is asked for; of several, the first is taken and the others are left out.
  private mutating func own(of choices: [JSONValue]) -> JSONValue? {
    if choice == nil, let first = choices.first {
      choice = choices.contains { $0["index"]?.integer == 0 } ? 0 : first["index"]?.integer ?? 0
    }
    return choices.first { ($0["index"]?.integer ?? choice) == choice }
  }

  private mutating func read(
    _ body: JSONValue, isWhole: Bool, logprobs: JSONValue?, into events: inout [GenerationEvent]
  ) throws(GenerationError) {
    if let thought = (body["reasoning_content"]?.string ?? body["reasoning"]?.string), !thought.isEmpty {
      events.append(.reasoning(thought))
    }
    let listed = logprobs?["content"]?.array ?? logprobs?["refusal"]?.array ?? []
    let tokens = listed.map(TokenLogprob.init(openAI:))
    let text = Self.text(of: body["content"]) + (body["refusal"]?.string ?? "")
    if !text.isEmpty || !tokens.isEmpty { events.append(.text(TextPiece(text, tokens: tokens))) }
    for (place, call) in (body["tool_calls"]?.array ?? []).enumerated() {
      events.append(.toolCall(try piece(call, place: place, isWhole: isWhole)))
    }
    // The form before `tool_calls`, which some servers still speak.
    if let call = body["function_call"], !call.isNull {
      events.append(.toolCall(try piece(["index": 0, "function": call], place: 0, isWhole: isWhole)))
    }
  }

  /// Some servers send parts where OpenAI sends a text.
  private static func text(of content: JSONValue?) -> String {
    if let text = content?.string { return text }
    return (content?.array ?? []).map { $0["text"]?.string ?? "" }.joined()
  }

  /// Calls are numbered as they come, because an endpoint's own numbers may be missing, have gaps, or be the same for all. A
  /// name and an identifier are handed on once, though some servers repeat them: clients join what they are given.
  private mutating func piece(
    _ value: JSONValue, place: Int, isWhole: Bool
  ) throws(GenerationError) -> ToolCallPiece {
    let index = value["index"]?.integer
    let function = value["function"]
    let id = Self.word(value["id"])
    let name = Self.word(function?["name"])
    // Arguments are a JSON text; a server that sends the object itself means the same.
    let arguments = function?["arguments"].map { $0.string ?? ($0.isNull ? "" : $0.text) } ?? ""
    guard !isWhole, let place = begun(index, id: id, isNamed: name != nil, place: place) else {
      calls.append(Call(index: index, id: id, name: name))
      guard calls.count <= 4_096 else { throw GenerationError(.unavailable, "`\(endpoint)` sent too many tool calls") }
      // The tool's answer must name the call, so one without an identifier gets one.
      return ToolCallPiece(
        index: calls.count - 1, id: id ?? "call_\(calls.count - 1)", name: name, arguments: arguments)
    }
    let isNew = calls[place].name != name
    if isNew, let name { calls[place].name = (calls[place].name ?? "") + name }
    return ToolCallPiece(index: place, name: isNew ? name : nil, arguments: arguments)
  }

  /// The call that a part belongs to; nil where it begins one. With another identifier and a name it does, whatever its index.
  private func begun(_ index: Int?, id: String?, isNamed: Bool, place: Int) -> Int? {
    if let index {
      guard let found = calls.lastIndex(where: { $0.index == index }) else { return nil }
      return isNamed && id != nil && calls[found].id != nil && calls[found].id != id ? nil : found
    }
    if let id, let found = calls.lastIndex(where: { $0.id == id }) { return found }
    if isNamed || calls.isEmpty { return nil }
    return place > 0 && place < calls.count ? place : calls.count - 1
  }

  private static func word(_ value: JSONValue?) -> String? {
    value?.string.flatMap { $0.isEmpty ? nil : $0 }
  }

  private mutating func end(_ word: String) throws(GenerationError) {
    switch word.lowercased() {
    case "": break
    case "length", "max_tokens", "model_length", "model_context_window_exceeded": reason = .length
    case "tool_calls", "function_call", "tool_use": reason = .toolCalls
    case "content_filter", "safety", "sensitive", "refusal", "recitation", "blocklist", "prohibited_content":
      reason = .contentFilter
    case "error", "abort", "insufficient_system_resource", "network_error":
      throw GenerationError(.unavailable, "`\(endpoint)` ended its answer with the reason `\(word)`")
    default: reason = .stop
    }
  }

  /// A stream that says that it is done but not why has stopped; one that says neither, or has no answer in it, has broken
  /// off.
  func finish() throws(GenerationError) -> GenerationEvent {
    guard let reason = reason ?? (isDone && hasChoice ? .stop : nil) else {
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
