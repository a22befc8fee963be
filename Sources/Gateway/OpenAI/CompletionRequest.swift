import ModelInterface

/// A request for completions, read and checked.
struct CompletionRequest: Sendable {
  /// One for each candidate: all of the first prompt, then all of the second, and so on.
  var candidates: [GenerationRequest]
  /// How many candidates each prompt has.
  var candidatesPerPrompt: Int
  /// How many of them are answered with, the likeliest first.
  var choicesPerPrompt: Int
  var isStreamed: Bool
  var includesUsage: Bool
  var hasLogprobs: Bool
  var echoes: Bool

  private static let known: Set<String> = SamplingReader.members.union(SamplingReader.passthrough).union([
    "model", "prompt", "suffix", "max_tokens", "n", "best_of", "stop", "stream", "stream_options", "logprobs", "echo",
    "response_format",
  ])

  /// - Throws: ``APIError`` 400 that names the member at fault.
  init(_ incoming: GatewayRequest, _ limits: RequestLimits) throws(APIError) {
    let members = try Members(try incoming.json())
    try members.refuseUnknown(besides: Self.known)
    if let suffix = try members.string("suffix"), !suffix.isEmpty {
      throw .invalid(
        "suffix", "'suffix' is not offered: no model here fills in the middle.", code: "unsupported_parameter")
    }
    var request = GenerationRequest(
      model: try members.requiredString("model"), prompt: .text(""), context: incoming.context)
    try SamplingReader.read(members, into: &request)
    (isStreamed, includesUsage) = try SamplingReader.stream(members)
    request.isStreamed = isStreamed
    request.stopSequences = try SamplingReader.stops(members, limits)
    request.maximumOutputTokens = try members.integer("max_tokens", in: 0...Int(Int32.max)) ?? 16
    request.responseFormat = try ToolReader.responseFormat(members)
    echoes = try members.bool("echo") ?? false
    let alternatives = try members.integer("logprobs", in: 0...20)
    hasLogprobs = alternatives != nil
    request.logprobs = alternatives
    request.echoesPrompt = echoes
    if request.maximumOutputTokens == 0, !echoes {
      throw .invalid("max_tokens", "Invalid 'max_tokens': 0 is only allowed with 'echo'.", code: "out_of_range")
    }
    let choices = try members.integer("n", in: 1...limits.choices) ?? 1
    let best = try members.integer("best_of", in: 1...limits.choices)
    choicesPerPrompt = choices
    let candidates = max(choices, best ?? 1)
    candidatesPerPrompt = candidates
    if candidatesPerPrompt > choicesPerPrompt {
      guard !isStreamed else { throw .invalid("best_of", "'best_of' above 'n' cannot be streamed.") }
      // The candidates are compared by the mean of these.
      request.logprobs = alternatives ?? 0
    }
    let prompts = try PromptReader.prompts(members, "prompt", limit: limits.promptBatch)
    let template = request
    self.candidates = prompts.flatMap { prompt in
      var each = template
      each.prompt = prompt
      return SamplingReader.choices(each, count: candidates)
    }
  }
}
