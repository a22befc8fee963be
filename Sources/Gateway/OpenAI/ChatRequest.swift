import ModelInterface

/// A request for chat completions, read and checked.
struct ChatRequest: Sendable {
  /// One for each choice.
  var choices: [GenerationRequest]
  var isStreamed: Bool
  var includesUsage: Bool
  var hasLogprobs: Bool

  private static let known: Set<String> = SamplingReader.members.union(SamplingReader.passthrough).union([
    "model", "messages", "max_tokens", "max_completion_tokens", "n", "stop", "stream", "stream_options", "logprobs",
    "top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "modalities",
  ]).union(thoughts)

  /// How other APIs than OpenAI's are told to think: Anthropic's word for it and OpenRouter's. They concern no local model, and
  /// are handed to upstream providers that know them.
  private static let thoughts: Set<String> = ["thinking", "reasoning"]

  /// - Throws: ``APIError`` 400 that names the member at fault.
  init(_ incoming: GatewayRequest, _ limits: RequestLimits) throws(APIError) {
    let members = try Members(try incoming.json())
    for name in ["functions", "function_call"] where members[name] != nil {
      throw .invalid(
        name, "'\(name)' is no longer offered; use 'tools' and 'tool_choice'.", code: "unsupported_parameter")
    }
    try members.refuseUnknown(besides: Self.known)
    let model = try members.requiredString("model")
    let messages = try MessageReader.messages(members, limits)
    var request = GenerationRequest(model: model, prompt: .messages(messages), context: incoming.context)
    try SamplingReader.read(members, into: &request)
    (isStreamed, includesUsage) = try SamplingReader.stream(members)
    request.isStreamed = isStreamed
    request.stopSequences = try SamplingReader.stops(members, limits)
    let maximum = try members.integer("max_completion_tokens", in: 1...Int(Int32.max))
    let formerMaximum = try members.integer("max_tokens", in: 1...Int(Int32.max))
    request.maximumOutputTokens = maximum ?? formerMaximum
    hasLogprobs = try members.bool("logprobs") ?? false
    let alternatives = try members.integer("top_logprobs", in: 0...20)
    if alternatives != nil, !hasLogprobs {
      throw .invalid("top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is true.")
    }
    if hasLogprobs { request.logprobs = alternatives ?? 0 }
    request.tools = try ToolReader.tools(members, isNested: true, limits)
    request.toolChoice = try ToolReader.choice(members, isNested: true, tools: &request.tools)
    request.allowsParallelToolCalls = try members.bool("parallel_tool_calls") ?? true
    request.responseFormat = try ToolReader.responseFormat(members)
    request.reasoningEffort = try members.string("reasoning_effort")
    for name in Self.thoughts {
      if let value = try members.members(name) { request.passthrough[name] = .object(value.object) }
    }
    try Self.checkModalities(members)
    let count = try members.integer("n", in: 1...limits.choices) ?? 1
    choices = SamplingReader.choices(request, count: count)
  }

  private static func checkModalities(_ members: Members) throws(APIError) {
    for (index, modality) in (try members.array("modalities", count: 0...4) ?? []).enumerated()
    where modality.string != "text" {
      throw .invalid("modalities[\(index)]", "Only the modality 'text' is offered.", code: "invalid_value")
    }
  }
}
