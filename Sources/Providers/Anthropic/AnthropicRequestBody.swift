import ModelInterface

/// A request in the words of Anthropic's Messages API (version 2023-06-01).
struct AnthropicRequestBody {
  /// The output limit where neither client nor configuration gives one: the API demands one.
  static let usualOutputTokens = 4_096
  /// Members of the API's own that clients may send and PRSM does not interpret; of others the API says that they are wrong.
  private static let knownMembers = [
    "thinking", "metadata", "service_tier", "container", "mcp_servers", "context_management", "output_config",
  ]
  /// Of a thinking budget the API demands at least so much.
  private static let smallestThinkingBudget = 1_024

  private let request: GenerationRequest
  private let thoughts: ThoughtMemory
  private var system: [JSONValue] = []
  private var turns: [(role: String, blocks: [JSONValue])] = []

  /// The body that asks for this.
  ///
  /// - Returns: the body, and the name of the tool through which a structured answer comes; nil where it comes as text.
  /// - Throws: ``GenerationError`` of kind `invalidRequest` where the API has no word for what is asked.
  static func encode(
    _ request: GenerationRequest, model: UpstreamEndpoint.Model, thoughts: ThoughtMemory
  ) throws(GenerationError) -> (body: [UInt8], answerTool: String?) {
    var encoder = AnthropicRequestBody(request: request, thoughts: thoughts)
    try encoder.refuseWhatHasNoWord()
    switch request.prompt {
    case .messages(let messages): for message in messages { try encoder.add(message) }
    case .text(let text): encoder.append(["type": "text", "text": .string(text)], role: "user")
    case .tokens:
      throw encoder.refusal("prompt", "takes no token numbers; send the prompt as text")
    }
    return encoder.body(model)
  }

  private init(request: GenerationRequest, thoughts: ThoughtMemory) {
    self.request = request
    self.thoughts = thoughts
  }

  private func refusal(_ parameter: String, _ reason: String) -> GenerationError {
    GenerationError(
      .invalidRequest(parameter: parameter), "`\(request.model)` is answered by Anthropic's API, which \(reason)")
  }

  private func refuseWhatHasNoWord() throws(GenerationError) {
    if request.logprobs != nil { throw refusal("logprobs", "reports no log-probabilities; leave `logprobs` out") }
    if request.echoesPrompt { throw refusal("echo", "does not echo prompts; leave `echo` out") }
    if !request.sampling.logitBias.isEmpty { throw refusal("logit_bias", "has no logit bias; leave it out") }
    if case .grammar = request.responseFormat {
      throw refusal("response_format", "takes no grammar; use a JSON schema instead")
    }
  }

  // MARK: Messages

  private mutating func add(_ message: Message) throws(GenerationError) {
    switch message.role {
    case .system, .developer:
      for part in message.content {
        guard case .text(let text) = part else {
          throw refusal("messages", "takes only text in a system message")
        }
        if !text.isEmpty { system.append(["type": "text", "text": .string(text)]) }
      }
    case .user:
      if let name = message.name { append(["type": "text", "text": .string("\(name):")], role: "user") }
      for part in message.content { if let block = try block(part) { append(block, role: "user") } }
    case .assistant: try addAssistant(message)
    case .tool:
      guard let id = message.toolCallID else {
        throw refusal("messages", "needs the `tool_call_id` of a tool's answer")
      }
      var blocks: [JSONValue] = []
      for part in message.content { if let block = try block(part) { blocks.append(block) } }
      append(["type": "tool_result", "tool_use_id": .string(id), "content": .array(blocks)], role: "user")
    }
  }

  private mutating func addAssistant(_ message: Message) throws(GenerationError) {
    // The API takes thoughts back only with the signature that it gave them.
    for block in thoughts.blocks(of: message.reasoning, call: message.toolCalls.first?.id) {
      append(block, role: "assistant")
    }
    for part in message.content { if let block = try block(part) { append(block, role: "assistant") } }
    for call in message.toolCalls {
      let parsed = try? JSONValue.parse(call.arguments.isEmpty ? "{}" : call.arguments)
      let input = parsed?.object.map { .object($0) } ?? JSONValue.object(["invalid_json": .string(call.arguments)])
      append(
        ["type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": input], role: "assistant")
    }
  }

  /// Turns of one role are one turn: all answers of tools have to stand in the turn after the calls.
  private mutating func append(_ block: JSONValue, role: String) {
    if turns.last?.role == role {
      turns[turns.count - 1].blocks.append(block)
    } else {
      turns.append((role, [block]))
    }
  }

  private func block(_ part: ContentPart) throws(GenerationError) -> JSONValue? {
    switch part {
    case .text(let text): return text.isEmpty ? nil : ["type": "text", "text": .string(text)]
    case .image(let url, _): return ["type": "image", "source": try source(url, parameter: "image_url")]
    case .other(let value):
      switch value["type"]?.string {
      case "refusal": return ["type": "text", "text": .string(value["refusal"]?.string ?? "")]
      case "file":
        guard let data = value["file"]?["file_data"]?.string else {
          throw refusal("messages", "cannot fetch a file by `file_id`; send `file_data`")
        }
        return ["type": "document", "source": try source(data, parameter: "file_data")]
      case "input_audio", "audio", "video_url":
        throw refusal("messages", "understands text, images and documents, but no `\(value["type"]?.string ?? "")`")
      default: return value
      }
    }
  }

  private func source(_ url: String, parameter: String) throws(GenerationError) -> JSONValue {
    guard url.hasPrefix("data:") else { return ["type": "url", "url": .string(url)] }
    guard let comma = url.firstIndex(of: ",") else {
      throw refusal("messages", "needs data in `\(parameter)` as `data:TYPE;base64,…`")
    }
    let words = url[url.index(url.startIndex, offsetBy: 5)..<comma].split(separator: ";")
    guard words.last == "base64", let type = words.first, words.count > 1 else {
      throw refusal("messages", "needs data in `\(parameter)` as `data:TYPE;base64,…`")
    }
    return [
      "type": "base64", "media_type": .string(String(type)), "data": .string(String(url[url.index(after: comma)...])),
    ]
  }

  // MARK: The whole

  private func body(_ model: UpstreamEndpoint.Model) -> (body: [UInt8], answerTool: String?) {
    let limit = max(1, request.maximumOutputTokens ?? model.maximumOutputTokens ?? Self.usualOutputTokens)
    var body: JSONObject = ["model": .string(model.upstreamName), "max_tokens": .integer(limit)]
    for name in Self.knownMembers { if let value = request.passthrough[name] { body[name] = value } }
    if let user = request.passthrough["user"]?.string { body["metadata"] = ["user_id": .string(user)] }
    var system = system
    var answerTool: JSONObject?
    switch request.responseFormat {
    case .jsonSchema(let name, let schema, _) where !Self.isForced(request.toolChoice):
      answerTool = [
        "name": .string(name), "description": "Gives the answer. Call it exactly once, with the whole answer.",
        "input_schema": schema,
      ]
    case .jsonObject:
      system.append(["type": "text", "text": "Answer with one JSON object and nothing else, no fence around it."])
    default: break
    }
    // The API demands a turn; where there are only instructions, they are what is asked.
    let hasOnlyInstructions = turns.isEmpty && !system.isEmpty
    if !hasOnlyInstructions, !system.isEmpty { body["system"] = .array(system) }
    let asked = hasOnlyInstructions ? [(role: "user", blocks: system)] : turns
    body["messages"] = .array(asked.map { ["role": .string($0.role), "content": .array($0.blocks)] })
    addTools(answerTool, to: &body)
    // A tool that has to be called leaves no room for thoughts, so the API refuses both together.
    if answerTool == nil { addThinking(limit, to: &body) } else { body["thinking"] = nil }
    addSampling(to: &body)
    if request.isStreamed { body["stream"] = true }
    return (JSONValue.object(body).bytes, answerTool?["name"]?.string)
  }

  private static func isForced(_ choice: ToolChoice) -> Bool {
    switch choice {
    case .required, .function: true
    case .automatic, .none: false
    }
  }

  private func addTools(_ answerTool: JSONObject?, to body: inout JSONObject) {
    // With an answer by tool, "no tools" cannot be said by `tool_choice`; they are left out instead.
    var tools = answerTool != nil && request.toolChoice == .none ? [] : request.tools.map(Self.tool)
    if let answerTool { tools.append(.object(answerTool)) }
    guard !tools.isEmpty else { return }
    body["tools"] = .array(tools)
    var choice: JSONObject
    switch request.toolChoice {
    case .automatic, .none:
      if let answerTool, tools.count == 1 {
        choice = ["type": "tool", "name": answerTool["name"] ?? .null]
      } else {
        choice = ["type": answerTool != nil ? "any" : request.toolChoice == .none ? "none" : "auto"]
      }
    case .required: choice = ["type": "any"]
    case .function(let name): choice = ["type": "tool", "name": .string(name)]
    }
    if !request.allowsParallelToolCalls, choice["type"] != "none" { choice["disable_parallel_tool_use"] = true }
    if choice != ["type": "auto"] { body["tool_choice"] = .object(choice) }
  }

  private static func tool(_ tool: Tool) -> JSONValue {
    var object: JSONObject = ["name": .string(tool.name)]
    if let summary = tool.summary { object["description"] = .string(summary) }
    object["input_schema"] = tool.parameters ?? ["type": "object", "properties": [:]]
    return .object(object)
  }

  private func addThinking(_ limit: Int, to body: inout JSONObject) {
    guard body["thinking"] == nil, !Self.isForced(request.toolChoice), let effort = request.reasoningEffort,
      !callsWithoutThoughts
    else { return }
    let wanted: Int
    switch effort {
    case "none", "minimal": return
    case "low": wanted = 2_048
    case "high", "xhigh", "max": wanted = 24_576
    default: wanted = 8_192
    }
    // The budget is part of the output limit, and the answer needs its share.
    let budget = min(wanted, limit / 2)
    guard budget >= Self.smallestThinkingBudget else { return }
    body["thinking"] = ["type": "enabled", "budget_tokens": .integer(budget)]
  }

  /// Whether the last turn of the assistant calls tools and does not begin with thoughts, because they are unknown. The API
  /// demands them there of somebody who thinks.
  private var callsWithoutThoughts: Bool {
    guard let turn = turns.last(where: { $0.role == "assistant" }), let first = turn.blocks.first else { return false }
    return turn.blocks.contains { $0["type"] == "tool_use" }
      && first["type"] != "thinking" && first["type"] != "redacted_thinking"
  }

  private func addSampling(to body: inout JSONObject) {
    let standard = SamplingParameters()
    // Of somebody who thinks the API takes no temperature.
    let thinks = body["thinking"]?["type"]?.string == "enabled"
    if request.sampling.temperature != standard.temperature, !thinks {
      body["temperature"] = .double(Double("\(min(max(request.sampling.temperature, 0), 1))") ?? 1)
    }
    if request.sampling.topP != standard.topP {
      body["top_p"] = .double(Double("\(request.sampling.topP)") ?? 1)
    }
    if request.sampling.topK != standard.topK, !thinks { body["top_k"] = .integer(request.sampling.topK) }
    if !request.stopSequences.isEmpty {
      body["stop_sequences"] = .array(request.stopSequences.map { .string($0) })
    }
  }
}
