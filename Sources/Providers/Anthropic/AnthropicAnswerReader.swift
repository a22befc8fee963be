import ModelInterface

/// Reads the events out of what Anthropic's Messages API answers, whole or event by event.
struct AnthropicAnswerReader: AnswerReader {
  /// A block of the answer that is being written.
  private struct Block {
    enum Kind {
      case text, thinking, redacted, call(Int), answer, unknown
    }

    var kind: Kind
    var thought = ""
    var signature: String?
    var hasInput = false
    var value: JSONValue

    /// The arguments with which it began; an empty object where it had none.
    var firstInput: String { value["input"]?.object.map { JSONValue.object($0).text } ?? "{}" }
  }

  private let endpoint: String
  /// The tool through which a structured answer comes.
  private let answerTool: String?
  private let thoughts: ThoughtMemory
  private var blocks: [Int: Block] = [:]
  private var calls = 0
  private var firstCall: String?
  private var thoughtBlocks: [JSONValue] = []
  private var thoughtText = ""
  private var usage: JSONObject = [:]
  private var stopReason: String?
  private var stopSequence: String?
  private(set) var isDone = false
  private(set) var tellsUsage = false

  init(endpoint: String, answerTool: String?, thoughts: ThoughtMemory) {
    self.endpoint = endpoint
    self.answerTool = answerTool
    self.thoughts = thoughts
  }

  // MARK: In one piece

  mutating func read(whole value: JSONValue) throws(GenerationError) -> [GenerationEvent] {
    try refuseError(value)
    guard let content = value["content"]?.array else {
      throw GenerationError(.unavailable, "`\(endpoint)` answered without `content`: \(value.text.prefix(200))")
    }
    var events: [GenerationEvent] = []
    for (index, block) in content.enumerated() {
      events += start(index, block)
      switch blocks[index]?.kind {
      case .call(let call)?:
        events.append(.toolCall(ToolCallPiece(index: call, arguments: (block["input"] ?? [:]).text)))
        blocks[index]?.hasInput = true
      case .answer?:
        events.append(.text(TextPiece((block["input"] ?? [:]).text)))
        blocks[index]?.hasInput = true
      default: break
      }
      events += stop(index)
    }
    note(usage: value["usage"])
    tellsUsage = true
    stopReason = value["stop_reason"]?.string
    stopSequence = value["stop_sequence"]?.string
    isDone = true
    return events
  }

  // MARK: In events

  mutating func read(_ event: EventStreamReader.Event) throws(GenerationError) -> [GenerationEvent] {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(event.data)
    } catch {
      throw GenerationError(
        .unavailable,
        "`\(endpoint)` sent an event that is not JSON (\(error)): "
          + String(decoding: event.data.prefix(200), as: UTF8.self))
    }
    try refuseError(value)
    tellsUsage = false
    if event.name == "error" { throw UpstreamFailure.reported(inside: value["error"] ?? value, endpoint: endpoint) }
    switch value["type"]?.string {
    case "message_start":
      note(usage: value["message"]?["usage"])
      tellsUsage = true
      return []
    case "content_block_start": return start(try index(value), value["content_block"] ?? [:])
    case "content_block_delta": return try delta(try index(value), value["delta"] ?? [:])
    case "content_block_stop": return stop(try index(value))
    case "message_delta":
      if let reason = value["delta"]?["stop_reason"]?.string { stopReason = reason }
      if let sequence = value["delta"]?["stop_sequence"]?.string { stopSequence = sequence }
      note(usage: value["usage"])
      if value["usage"]?["output_tokens"] != nil { tellsUsage = true }
      return []
    case "message_stop":
      isDone = true
      return []
    // `ping`, and what later versions of the API may add.
    default: return []
    }
  }

  private func refuseError(_ value: JSONValue) throws(GenerationError) {
    guard value.object != nil else {
      throw GenerationError(.unavailable, "`\(endpoint)` answered \(value.kind) where an object was expected")
    }
    if value["type"]?.string == "error" || !(value["error"] ?? .null).isNull {
      throw UpstreamFailure.reported(inside: value["error"] ?? value, endpoint: endpoint)
    }
  }

  private func index(_ value: JSONValue) throws(GenerationError) -> Int {
    guard let index = value["index"]?.integer, (0..<65_536).contains(index) else {
      throw GenerationError(.unavailable, "`\(endpoint)` sent a block without a usable `index`")
    }
    return index
  }

  private mutating func start(_ index: Int, _ block: JSONValue) -> [GenerationEvent] {
    switch block["type"]?.string {
    case "text":
      blocks[index] = Block(kind: .text, value: block)
      return Self.text(block["text"]?.string)
    case "thinking":
      let thought = block["thinking"]?.string ?? ""
      blocks[index] = Block(
        kind: .thinking, thought: thought, signature: block["signature"]?.string, value: block)
      return thought.isEmpty ? [] : [.reasoning(thought)]
    case "redacted_thinking":
      blocks[index] = Block(kind: .redacted, value: block)
      return []
    case "tool_use" where block["name"]?.string == answerTool && answerTool != nil:
      blocks[index] = Block(kind: .answer, value: block)
      return []
    case "tool_use":
      let call = calls
      calls += 1
      if call == 0 { firstCall = block["id"]?.string }
      blocks[index] = Block(kind: .call(call), value: block)
      return [
        .toolCall(
          ToolCallPiece(index: call, id: block["id"]?.string ?? "call_\(call)", name: block["name"]?.string ?? ""))
      ]
    default:
      blocks[index] = Block(kind: .unknown, value: block)
      return []
    }
  }

  private mutating func delta(_ index: Int, _ delta: JSONValue) throws(GenerationError) -> [GenerationEvent] {
    switch delta["type"]?.string {
    case "text_delta": return Self.text(delta["text"]?.string)
    case "thinking_delta":
      let thought = delta["thinking"]?.string ?? ""
      blocks[index]?.thought += thought
      return thought.isEmpty ? [] : [.reasoning(thought)]
    case "signature_delta":
      if let signature = delta["signature"]?.string {
        let earlier = blocks[index]?.signature ?? ""
        blocks[index]?.signature = earlier + signature
      }
      return []
    case "input_json_delta":
      let part = delta["partial_json"]?.string ?? ""
      guard !part.isEmpty else { return [] }
      guard let block = blocks[index] else {
        throw GenerationError(.unavailable, "`\(endpoint)` sent arguments of a call that it has not begun")
      }
      blocks[index]?.hasInput = true
      switch block.kind {
      case .call(let call): return [.toolCall(ToolCallPiece(index: call, arguments: part))]
      case .answer: return Self.text(part)
      default: return []
      }
    default: return []
    }
  }

  private mutating func stop(_ index: Int) -> [GenerationEvent] {
    guard let block = blocks.removeValue(forKey: index) else { return [] }
    switch block.kind {
    case .thinking:
      thoughtText += block.thought
      if let signature = block.signature, !signature.isEmpty {
        thoughtBlocks.append(
          ["type": "thinking", "thinking": .string(block.thought), "signature": .string(signature)])
      }
    case .redacted: thoughtBlocks.append(block.value)
    // A call without arguments writes none; the OpenAI API has an empty object there.
    // One that is there from the beginning has them there.
    case .call(let call) where !block.hasInput:
      return [.toolCall(ToolCallPiece(index: call, arguments: block.firstInput))]
    case .answer where !block.hasInput: return Self.text(block.firstInput)
    default: break
    }
    return []
  }

  private static func text(_ text: String?) -> [GenerationEvent] {
    guard let text, !text.isEmpty else { return [] }
    return [.text(TextPiece(text))]
  }

  /// Counts come in the first event and again, in part, in the last.
  private mutating func note(usage value: JSONValue?) {
    for (name, count) in value?.object?.members ?? [] where count.number != nil { usage[name] = count }
  }

  // MARK: The end

  mutating func finish() throws(GenerationError) -> GenerationEvent {
    guard isDone || stopReason != nil else {
      throw GenerationError(.unavailable, "the answer of `\(endpoint)` broke off before its end")
    }
    thoughts.remember(thoughtBlocks, text: thoughtText, call: firstCall)
    let reason: Completion.Reason =
      switch stopReason {
      case "max_tokens", "model_context_window_exceeded": .length
      case "refusal": .contentFilter
      case "tool_use": calls > 0 ? .toolCalls : .stop
      default: calls > 0 ? .toolCalls : .stop
      }
    let cached = Usage.count(usage["cache_read_input_tokens"])
    let total = Usage(
      // The API counts what it read from and wrote to its cache apart.
      promptTokens: Usage.count(usage["input_tokens"]) + cached + Usage.count(usage["cache_creation_input_tokens"]),
      cachedPromptTokens: cached, completionTokens: Usage.count(usage["output_tokens"]))
    return .finished(Completion(reason: reason, stopSequence: stopSequence, usage: total.consistent()))
  }
}
