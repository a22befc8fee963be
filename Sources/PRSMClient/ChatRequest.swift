public import ModelInterface

/// What to ask of a model, as a conversation.
public struct ChatRequest: Sendable {
  /// The model's name; nil leaves it to the node.
  public var model: String?
  /// The conversation so far.
  public var messages: [Message]
  /// How tokens are drawn. Only what differs from its default is sent.
  public var sampling = SamplingParameters()
  /// The temperature is sent only when set here or in ``sampling``.
  public var temperature: Float?
  /// The longest answer, in tokens; nil leaves it to the node.
  public var maximumOutputTokens: Int?
  /// Texts at which the answer ends.
  public var stopSequences: [String] = []
  /// What the answer has to look like.
  public var responseFormat: ResponseFormat = .text
  /// Functions that the model may call.
  public var tools: [Tool] = []
  /// Whether it may, must, or must not call one.
  public var toolChoice: ToolChoice = .automatic
  /// For each token, its log-probability and that of the so many likeliest alternatives; nil for none.
  public var logprobs: Int?
  /// Anything else to put into the request, as the API spells it. Beats what the members above say.
  public var extra: JSONObject = [:]

  /// A conversation.
  public init(model: String? = nil, messages: [Message]) {
    self.model = model
    self.messages = messages
  }

  /// One question.
  public init(model: String? = nil, _ question: String) {
    self.init(model: model, messages: [Message(role: .user, text: question)])
  }

  /// The request as the API spells it.
  func body(isStreaming: Bool) -> JSONValue {
    var body: JSONObject = ["messages": .array(messages.map(\.json))]
    if let model { body["model"] = .string(model) }
    body.add(sampling)
    if let temperature { body["temperature"] = .double(Double(temperature)) }
    if let maximumOutputTokens { body["max_completion_tokens"] = .integer(maximumOutputTokens) }
    if !stopSequences.isEmpty { body["stop"] = .array(stopSequences.map { .string($0) }) }
    if let format = responseFormat.json { body["response_format"] = format }
    if !tools.isEmpty {
      body["tools"] = .array(tools.map(\.json))
      body["tool_choice"] = toolChoice.json
    }
    if let logprobs {
      body["logprobs"] = true
      body["top_logprobs"] = .integer(logprobs)
    }
    body.addStreaming(isStreaming)
    for (name, value) in extra.members { body[name] = value }
    return .object(body)
  }
}

/// A text for a model to continue.
public struct CompletionRequest: Sendable {
  /// The model's name; nil leaves it to the node.
  public var model: String?
  /// What to continue.
  public var prompt: String
  /// How tokens are drawn. Only what differs from its default is sent.
  public var sampling = SamplingParameters()
  /// The temperature is sent only when set here or in ``sampling``.
  public var temperature: Float?
  /// The longest continuation, in tokens; nil leaves it to the node (OpenAI's default is 16).
  public var maximumOutputTokens: Int?
  /// Texts at which it ends.
  public var stopSequences: [String] = []
  /// For each token, its log-probability and that of the so many likeliest alternatives; nil for none.
  public var logprobs: Int?
  /// Whether the prompt is given back in front of the continuation.
  public var echoesPrompt = false
  /// Anything else to put into the request, as the API spells it. Beats what the members above say.
  public var extra: JSONObject = [:]

  /// A text to continue.
  public init(model: String? = nil, prompt: String) {
    self.model = model
    self.prompt = prompt
  }

  /// The request as the API spells it.
  func body(isStreaming: Bool) -> JSONValue {
    var body: JSONObject = ["prompt": .string(prompt)]
    if let model { body["model"] = .string(model) }
    body.add(sampling)
    if let temperature { body["temperature"] = .double(Double(temperature)) }
    if let maximumOutputTokens { body["max_tokens"] = .integer(maximumOutputTokens) }
    if !stopSequences.isEmpty { body["stop"] = .array(stopSequences.map { .string($0) }) }
    if let logprobs { body["logprobs"] = .integer(logprobs) }
    if echoesPrompt { body["echo"] = true }
    body.addStreaming(isStreaming)
    for (name, value) in extra.members { body[name] = value }
    return .object(body)
  }
}
