import ModelInterface

/// A request for `/v1/responses`, read and checked.
struct ResponsesRequest: Sendable {
  var generation: GenerationRequest
  var isStreamed: Bool
  var isStored: Bool
  /// Whether the oldest turns may go where the conversation does not fit.
  var truncates: Bool
  /// The conversation without the instructions, which are not carried over to a next response.
  var conversation: [Message]
  /// Members that the answer repeats.
  var echo: JSONObject

  private static let known: Set<String> = SamplingReader.members.union(SamplingReader.passthrough).union([
    "model", "input", "instructions", "max_output_tokens", "top_logprobs", "stream", "stream_options", "tools",
    "tool_choice", "parallel_tool_calls", "text", "reasoning", "include", "previous_response_id", "truncation",
    "background", "max_tool_calls", "conversation", "prompt",
  ])

  /// - Parameter previous: finds the conversation of a stored response.
  /// - Throws: ``APIError`` 400 that names the member at fault.
  init(
    _ incoming: GatewayRequest, _ limits: RequestLimits, previous: (String) -> [Message]?
  ) throws(APIError) {
    let members = try Members(try incoming.json())
    try members.refuseUnknown(besides: Self.known)
    try Self.refuseUnoffered(members)
    let model = try members.requiredString("model")
    conversation = []
    if let id = try members.string("previous_response_id") {
      guard let earlier = previous(id) else {
        throw .invalid(
          "previous_response_id", "Previous response with id '\(id.prefix(100))' not found.",
          code: "previous_response_not_found")
      }
      conversation = earlier
    }
    conversation += try ResponsesInput.messages(members, limits)
    let instructions = try members.string("instructions")
    let messages = (instructions.map { [Message(role: .system, text: $0)] } ?? []) + conversation
    var request = GenerationRequest(model: model, prompt: .messages(messages), context: incoming.context)
    try SamplingReader.read(members, into: &request)
    request.maximumOutputTokens = try members.integer("max_output_tokens", in: 1...Int(Int32.max))
    isStreamed = try members.bool("stream") ?? false
    request.isStreamed = isStreamed
    if let options = try members.members("stream_options") {
      try options.refuseUnknown(besides: ["include_obfuscation"])
    }
    isStored = try members.bool("store") ?? true
    let alternatives = try members.integer("top_logprobs", in: 0...20)
    var included: [String] = []
    for (index, element) in (try members.array("include", count: 0...16) ?? []).enumerated() {
      guard case .string(let name) = element else {
        throw .wrongType("include[\(index)]", expected: "a string", found: element)
      }
      included.append(name)
    }
    let wantsLogprobs = included.contains("message.output_text.logprobs")
    if wantsLogprobs || (alternatives ?? 0) > 0 { request.logprobs = alternatives ?? 0 }
    request.tools = try ToolReader.tools(members, isNested: false, limits)
    let tools = request.tools
    request.toolChoice = try ToolReader.choice(members, isNested: false, tools: &request.tools)
    request.allowsParallelToolCalls = try members.bool("parallel_tool_calls") ?? true
    if let text = try members.members("text") { request.responseFormat = try Self.format(text) }
    if let reasoning = try members.members("reasoning") { request.reasoningEffort = try reasoning.string("effort") }
    truncates = try members.word("truncation", of: ["auto", "disabled"]) == "auto"
    _ = try members.integer("max_tool_calls", in: 1...1024)
    generation = request
    echo = Self.echo(members, tools)
  }

  private static func refuseUnoffered(_ members: Members) throws(APIError) {
    if try members.bool("background") == true {
      throw .invalid(
        "background", "Answering in the background is not offered; use 'stream'.", code: "unsupported_parameter")
    }
    for name in ["conversation", "prompt"] where members[name] != nil {
      throw .invalid(
        name, "'\(name)' is not offered; send the messages in 'input', or 'previous_response_id'.",
        code: "unsupported_parameter")
    }
  }

  private static func format(_ text: Members) throws(APIError) -> ResponseFormat {
    _ = try text.word("verbosity", of: ["low", "medium", "high"])
    guard let format = try text.members("format") else { return .text }
    switch try format.word("type", of: ["text", "json_object", "json_schema"]) {
    case nil: throw .missing(format.path(to: "type"))
    case "json_object": return .jsonObject
    case "json_schema": return try ToolReader.schema(format)
    default: return .text
    }
  }

  /// What a response repeats of its request, with the defaults where nothing was said.
  private static func echo(_ members: Members, _ offered: [Tool]) -> JSONObject {
    func value(_ name: String, _ otherwise: JSONValue) -> JSONValue { members[name] ?? otherwise }
    var text = members["text"]?.object ?? JSONObject()
    if text["format"] == nil { text["format"] = ["type": "text"] }
    var reasoning: JSONObject = ["effort": nil, "summary": nil]
    for (name, value) in members["reasoning"]?.object?.members ?? [] { reasoning[name] = value }
    var tools: [JSONValue] = []
    for tool in offered {
      tools.append([
        "type": "function", "name": .string(tool.name), "description": tool.summary.map { .string($0) } ?? nil,
        "parameters": tool.parameters ?? nil, "strict": .bool(tool.isStrict),
      ])
    }
    return [
      "background": false,
      "instructions": value("instructions", nil),
      "max_output_tokens": value("max_output_tokens", nil),
      "max_tool_calls": value("max_tool_calls", nil),
      "parallel_tool_calls": value("parallel_tool_calls", true),
      "previous_response_id": value("previous_response_id", nil),
      "prompt_cache_key": value("prompt_cache_key", nil),
      "reasoning": .object(reasoning),
      "safety_identifier": value("safety_identifier", nil),
      "service_tier": "default",
      "store": value("store", true),
      "temperature": value("temperature", 1.0),
      "text": .object(text),
      "tool_choice": value("tool_choice", "auto"),
      "tools": .array(tools),
      "top_logprobs": value("top_logprobs", 0),
      "top_p": value("top_p", 1.0),
      "truncation": value("truncation", "disabled"),
      "user": value("user", nil),
      "metadata": value("metadata", [:]),
    ]
  }
}
