internal import Content
internal import ModelInterface

/// A ``GenerationRequest`` as DAG-CBOR, with what differs from the defaults and nothing of who asks.
enum RequestCoding {
  /// The request as a map with short, sorted keys, so that equal requests have equal bytes.
  static func node(_ request: GenerationRequest) -> Node {
    var map: [String: Node] = ["model": .string(request.model), "prompt": node(request.prompt)]
    var sampling: JSONObject = [:]
    sampling.add(request.sampling)
    if !sampling.isEmpty { map["sampling"] = text(.object(sampling)) }
    // The JSON form has only 63 bits of it.
    if let seed = request.sampling.seed { map["seed"] = .unsigned(seed) }
    if let limit = request.maximumOutputTokens { map["limit"] = .int(limit) }
    if !request.stopSequences.isEmpty { map["stop"] = .list(request.stopSequences.map { .string($0) }) }
    switch request.responseFormat {
    case .text: break
    case .grammar(let grammar): map["grammar"] = .string(grammar)
    default: if let json = request.responseFormat.json { map["format"] = text(json) }
    }
    if !request.tools.isEmpty { map["tools"] = text(.array(request.tools.map(\.json))) }
    if request.toolChoice != .automatic { map["choice"] = text(request.toolChoice.json) }
    if !request.allowsParallelToolCalls { map["parallel"] = .bool(false) }
    if let logprobs = request.logprobs { map["logprobs"] = .int(logprobs) }
    if request.echoesPrompt { map["echo"] = .bool(true) }
    if let effort = request.reasoningEffort { map["effort"] = .string(effort) }
    if let extra = request.passthrough["chat_template_kwargs"] { map["template"] = text(extra) }
    if !request.continuation.isEmpty { map["continue"] = .list(request.continuation.map { .int(Int($0)) }) }
    return .map(map)
  }

  private static func text(_ value: JSONValue) -> Node {
    var bytes: [UInt8] = []
    value.write(into: &bytes)
    return .string(String(decoding: bytes, as: UTF8.self))
  }

  private static func node(_ prompt: Prompt) -> Node {
    switch prompt {
    case .text(let value): .map(["text": .string(value)])
    case .tokens(let tokens): .map(["tokens": .list(tokens.map { .int(Int($0)) })])
    case .messages(let messages): .map(["messages": text(.array(messages.map(\.json)))])
    }
  }

  /// Reads a request.
  ///
  /// - Throws: ``GenerationError`` of kind `invalidRequest` that names the member at fault.
  static func request(_ node: Node, context: RequestContext) throws(GenerationError) -> GenerationRequest {
    guard let model = node["model"]?.stringValue, let prompt = node["prompt"] else { throw fault("model") }
    var request = GenerationRequest(model: model, prompt: try self.prompt(prompt), context: context)
    if let sampling = node["sampling"] { request.sampling = try self.sampling(try json(sampling, "sampling")) }
    if let seed = node["seed"]?.unsignedValue { request.sampling.seed = seed }
    request.maximumOutputTokens = node["limit"]?.intValue
    request.stopSequences = node["stop"]?.listValue?.compactMap(\.stringValue) ?? []
    if let grammar = node["grammar"]?.stringValue { request.responseFormat = .grammar(grammar) }
    if let format = node["format"] { request.responseFormat = try self.format(try json(format, "format")) }
    if let tools = node["tools"] { request.tools = try self.tools(try json(tools, "tools")) }
    if let choice = node["choice"] { request.toolChoice = try self.choice(try json(choice, "choice")) }
    if case .bool(false)? = node["parallel"] { request.allowsParallelToolCalls = false }
    request.logprobs = node["logprobs"]?.intValue
    if case .bool(true)? = node["echo"] { request.echoesPrompt = true }
    request.reasoningEffort = node["effort"]?.stringValue
    if let extra = node["template"] { request.passthrough["chat_template_kwargs"] = try json(extra, "template") }
    request.continuation = try tokens(node["continue"], "continue")
    return request
  }

  private static func fault(_ member: String) -> GenerationError {
    GenerationError(.invalidRequest(parameter: member), "a peer's request has no usable `\(member)`")
  }

  private static func json(_ node: Node, _ member: String) throws(GenerationError) -> JSONValue {
    guard let text = node.stringValue, let value = try? JSONValue.parse(text) else { throw fault(member) }
    return value
  }

  static func tokens(_ node: Node?, _ member: String) throws(GenerationError) -> [TokenID] {
    guard let node else { return [] }
    guard let list = node.listValue else { throw fault(member) }
    var tokens: [TokenID] = []
    tokens.reserveCapacity(list.count)
    for element in list {
      guard let value = element.intValue, let token = TokenID(exactly: value) else { throw fault(member) }
      tokens.append(token)
    }
    return tokens
  }

  private static func prompt(_ node: Node) throws(GenerationError) -> Prompt {
    if let text = node["text"]?.stringValue { return .text(text) }
    if let tokens = node["tokens"] { return .tokens(try self.tokens(tokens, "prompt")) }
    guard let messages = node["messages"], case .array(let turns) = try json(messages, "prompt") else {
      throw fault("prompt")
    }
    var result: [Message] = []
    for turn in turns { result.append(try message(turn)) }
    return .messages(result)
  }

  private static func message(_ value: JSONValue) throws(GenerationError) -> Message {
    guard let object = value.object, let role = object["role"]?.string.flatMap(Message.Role.init(rawValue:)) else {
      throw fault("messages")
    }
    var parts: [ContentPart] = []
    switch object["content"] {
    case .string(let text)?: parts = [.text(text)]
    case .array(let elements)?: parts = elements.map(part)
    default: break
    }
    var message = Message(role: role, content: parts, toolCallID: object["tool_call_id"]?.string)
    message.name = object["name"]?.string
    message.reasoning = object["reasoning_content"]?.string
    if case .array(let calls)? = object["tool_calls"] {
      for call in calls {
        guard let id = call.object?["id"]?.string, let function = call.object?["function"]?.object,
          let name = function["name"]?.string
        else { throw fault("tool_calls") }
        message.toolCalls.append(ToolCall(id: id, name: name, arguments: function["arguments"]?.string ?? ""))
      }
    }
    return message
  }

  private static func part(_ value: JSONValue) -> ContentPart {
    guard let object = value.object else { return .other(value) }
    if object["type"]?.string == "text", let text = object["text"]?.string { return .text(text) }
    if object["type"]?.string == "image_url", let image = object["image_url"]?.object, let url = image["url"]?.string {
      return .image(url: url, detail: image["detail"]?.string)
    }
    return .other(value)
  }

  private static func sampling(_ value: JSONValue) throws(GenerationError) -> SamplingParameters {
    guard let object = value.object else { throw fault("sampling") }
    var sampling = SamplingParameters()
    func number(_ name: String) -> Float? { object[name]?.number.map { Float($0.double) } }
    sampling.temperature = number("temperature") ?? sampling.temperature
    sampling.topP = number("top_p") ?? sampling.topP
    sampling.minP = number("min_p") ?? sampling.minP
    sampling.typicalP = number("typical_p") ?? sampling.typicalP
    sampling.repetitionPenalty = number("repetition_penalty") ?? sampling.repetitionPenalty
    sampling.frequencyPenalty = number("frequency_penalty") ?? sampling.frequencyPenalty
    sampling.presencePenalty = number("presence_penalty") ?? sampling.presencePenalty
    sampling.topK = object["top_k"]?.number?.integer ?? sampling.topK
    for member in object["logit_bias"]?.object?.members ?? [] {
      if let token = TokenID(member.name), let bias = member.value.number {
        sampling.logitBias[token] = Float(bias.double)
      }
    }
    return sampling
  }

  private static func format(_ value: JSONValue) throws(GenerationError) -> ResponseFormat {
    switch value.object?["type"]?.string {
    case "json_object": return .jsonObject
    case "json_schema":
      guard let schema = value.object?["json_schema"]?.object, let body = schema["schema"] else {
        throw fault("format")
      }
      return .jsonSchema(
        name: schema["name"]?.string ?? "answer", schema: body, isStrict: schema["strict"] == .bool(true))
    default: throw fault("format")
    }
  }

  private static func tools(_ value: JSONValue) throws(GenerationError) -> [Tool] {
    guard case .array(let elements) = value else { throw fault("tools") }
    var tools: [Tool] = []
    for element in elements {
      guard let function = element.object?["function"]?.object, let name = function["name"]?.string else {
        throw fault("tools")
      }
      tools.append(
        Tool(
          name: name, summary: function["description"]?.string, parameters: function["parameters"],
          isStrict: function["strict"] == .bool(true)))
    }
    return tools
  }

  private static func choice(_ value: JSONValue) throws(GenerationError) -> ToolChoice {
    switch value {
    case .string("auto"): return .automatic
    case .string("none"): return .none
    case .string("required"): return .required
    default:
      guard let name = value.object?["function"]?.object?["name"]?.string else { throw fault("choice") }
      return .function(name)
    }
  }
}

extension Node {
  /// An integer of Swift's range.
  var intValue: Int? {
    switch self {
    case .unsigned(let value): Int(exactly: value)
    case .negative(let value): Int(exactly: value).map { -1 - $0 }
    default: nil
    }
  }

  /// A finite number.
  var doubleValue: Double? {
    if case .float(let value) = self { return value }
    return intValue.map(Double.init)
  }
}
