import ModelInterface

/// Checks a request against a model and works out how to answer it.
struct RequestPlanner: Sendable {
  let model: LlamaModel
  let contextLength: Int

  /// The most alternatives that are reported for a token.
  static let maximumAlternatives = 128
  /// The most calls that one answer is made to hold.
  static let maximumCalls = 8

  /// - Throws: ``GenerationError``: `invalidRequest` naming the member at fault, or `contextLengthExceeded`.
  func plan(_ request: GenerationRequest) throws(GenerationError) -> GenerationPlan {
    try SamplingCheck.check(request.sampling, model)
    var reading = AnswerText.Reading(stops: request.stopSequences)
    let tools = request.toolChoice == .none ? [] : try offered(request)
    let prompt: [TokenID]
    var grammar: Grammar?
    switch request.prompt {
    case .messages(let messages):
      // Before a template spends seconds on it.
      try checkLength(bytes: messages.reduce(0) { $0 + Self.textBytes($1) })
      let chat = ChatPrompt(model: model)
      let rendered = try chat.render(messages, tools: tools, extra: extra(request))
      try checkLength(bytes: rendered.text.utf8.count)
      prompt = chat.tokens(rendered)
      reading.hasReasoning = true
      reading.isReasoningOpen = rendered.text.suffix(16).reversed().drop(while: \.isWhitespace).starts(with: ">kniht<")
      if !tools.isEmpty {
        reading.toolCalls = ToolCallReader(
          names: Set(tools.map(\.name)), isSingle: !request.allowsParallelToolCalls, makeID: { ToolCallReader.newID() })
        grammar = try callGrammar(request, tools, describesTools: rendered.describesTools)
      }
    case .text(let text):
      try checkLength(bytes: text.utf8.count)
      prompt = model.tokenize(text, addsSpecial: true, parsesSpecial: false)
    case .tokens(let tokens):
      prompt = tokens
    }
    if !request.continuation.isEmpty { resume(&reading, request.continuation) }
    let checked = try check(prompt + request.continuation)
    let limit = try limit(request, promptCount: checked.count)
    if grammar == nil { grammar = try formatGrammar(request.responseFormat) }
    return GenerationPlan(
      context: request.context, model: model.name, prompt: checked, sampling: request.sampling, limit: limit,
      reading: reading, grammar: grammar,
      logprobs: request.logprobs.map { min(max(0, $0), Self.maximumAlternatives) }, echoesPrompt: request.echoesPrompt,
      showsControlTokens: reading.toolCalls != nil)
  }

  private static func textBytes(_ message: Message) -> Int {
    message.content.reduce(0) { count, part in
      if case .text(let text) = part { count + text.utf8.count } else { count }
    }
  }

  /// Refuses a text of megabytes, which takes seconds to cut into tokens, where its length alone is too much.
  private func checkLength(bytes: Int) throws(GenerationError) {
    guard bytes > contextLength else { return }
    let least = model.leastTokens(bytes: bytes)
    guard least > contextLength else { return }
    throw GenerationError(
      .contextLengthExceeded(limit: contextLength, requested: least),
      "the prompt has \(bytes) bytes, which is at least \(least) tokens, and the context window of \(model.name) is "
        + "\(contextLength), answer included; shorten the prompt")
  }

  /// An answer that is gone on with may have thought already.
  private func resume(_ reading: inout AnswerText.Reading, _ tokens: [TokenID]) {
    let given = String(decoding: tokens.lazy.filter(model.contains).flatMap { model.bytes(of: $0) }, as: UTF8.self)
    if given.contains("</think>") {
      reading.isReasoningOpen = false
    } else if given.contains("<think>") {
      reading.isReasoningOpen = true
    }
  }

  private func offered(_ request: GenerationRequest) throws(GenerationError) -> [Tool] {
    guard case .function(let name) = request.toolChoice else { return request.tools }
    guard let tool = request.tools.first(where: { $0.name == name }) else {
      throw GenerationError(
        .invalidRequest(parameter: "tool_choice"), "tool_choice names \(name), which is not among the tools")
    }
    return [tool]
  }

  /// What a request says to the template beside the conversation.
  private func extra(_ request: GenerationRequest) -> JSONObject {
    var extra = request.passthrough["chat_template_kwargs"]?.object ?? [:]
    if let effort = request.reasoningEffort {
      if extra["enable_thinking"] == nil { extra["enable_thinking"] = .bool(effort != "none" && effort != "minimal") }
      if extra["reasoning_effort"] == nil { extra["reasoning_effort"] = .string(effort) }
    }
    return extra
  }

  private func callGrammar(
    _ request: GenerationRequest, _ tools: [Tool], describesTools: Bool
  ) throws(GenerationError) -> Grammar? {
    switch request.toolChoice {
    case .automatic, .none: return nil
    case .required, .function: break
    }
    let isTagged = describesTools || model.chatTemplate?.source.contains("<tool_call>") == true
    let calls = request.allowsParallelToolCalls && isTagged && request.toolChoice == .required ? Self.maximumCalls : 1
    let text: String
    do throws(GrammarError) {
      text = try ToolCallGrammar.grammar(
        for: tools, opening: isTagged ? "<tool_call>\n" : "", closing: isTagged ? "\n</tool_call>" : "",
        maximumCalls: calls)
    } catch {
      throw GenerationError(.invalidRequest(parameter: "tools"), "\(error)")
    }
    return try grammar(text, "tools")
  }

  private func formatGrammar(_ format: ResponseFormat) throws(GenerationError) -> Grammar? {
    switch format {
    case .text: return nil
    case .jsonObject: return try grammar(JSONSchemaGrammar.anyObject, "response_format")
    case .grammar(let text):
      do throws(GrammarError) {
        try GrammarText.check(text)
      } catch {
        throw GenerationError(.invalidRequest(parameter: "grammar"), "\(error.reason). \(error.advice)")
      }
      return try grammar(text, "grammar")
    case .jsonSchema(_, let schema, let isStrict):
      let text: String
      do throws(GrammarError) {
        text = try JSONSchemaGrammar.grammar(for: schema, isStrict: isStrict)
      } catch {
        throw GenerationError(.invalidRequest(parameter: "response_format"), "\(error)")
      }
      return try grammar(text, "response_format")
    }
  }

  private func grammar(_ text: String, _ parameter: String) throws(GenerationError) -> Grammar {
    try Grammar(text, parameter: parameter, model: model)
  }

  private func check(_ prompt: [TokenID]) throws(GenerationError) -> [TokenID] {
    if let wrong = prompt.firstIndex(where: { !model.contains($0) }) {
      throw GenerationError(
        .invalidRequest(parameter: "prompt"),
        "token \(prompt[wrong]) at place \(wrong) is not in the vocabulary of \(model.name), which ends at "
          + "\(model.vocabularySize - 1)")
    }
    guard !prompt.isEmpty else {
      // An empty prompt is the beginning of any text.
      if let start = model.startToken { return [start] }
      throw GenerationError(
        .invalidRequest(parameter: "prompt"),
        "the prompt is empty, and \(model.name) has no token for the start of a text")
    }
    return prompt
  }

  private func limit(_ request: GenerationRequest, promptCount: Int) throws(GenerationError) -> Int {
    if let wanted = request.maximumOutputTokens, wanted < 0 || (wanted == 0 && !request.echoesPrompt) {
      throw GenerationError(.invalidRequest(parameter: "max_tokens"), "max_tokens is \(wanted); at least 1 is needed")
    }
    let room = contextLength - promptCount
    guard room > 0 || (room == 0 && request.maximumOutputTokens == 0) else {
      let requested = promptCount.addingReportingOverflow(request.maximumOutputTokens ?? 1)
      throw GenerationError(
        .contextLengthExceeded(limit: contextLength, requested: requested.overflow ? .max : requested.partialValue),
        "the prompt has \(promptCount) tokens and the context window of \(model.name) is \(contextLength), answer "
          + "included; shorten the prompt")
    }
    return min(request.maximumOutputTokens ?? room, room)
  }
}

/// Checks the ranges of sampling parameters.
enum SamplingCheck {
  /// - Throws: ``GenerationError`` of kind `invalidRequest` naming the parameter and its range.
  static func check(_ sampling: SamplingParameters, _ model: LlamaModel) throws(GenerationError) {
    try need((0...100).contains(sampling.temperature), "temperature", "between 0 and 2")
    // 0 leaves the likeliest token alone.
    try need((0...1).contains(sampling.topP), "top_p", "between 0 and 1")
    try need(sampling.topK >= 0, "top_k", "0 for all, or more")
    try need((0...1).contains(sampling.minP), "min_p", "between 0 and 1")
    try need(sampling.typicalP > 0 && sampling.typicalP <= 1, "typical_p", "above 0 and at most 1")
    try need((0.01...100).contains(sampling.repetitionPenalty), "repetition_penalty", "between 0.01 and 100")
    try need((-100...100).contains(sampling.frequencyPenalty), "frequency_penalty", "between -2 and 2")
    try need((-100...100).contains(sampling.presencePenalty), "presence_penalty", "between -2 and 2")
    for (token, bias) in sampling.logitBias {
      try need(
        model.contains(token) && bias.isFinite, "logit_bias",
        "finite numbers for tokens below \(model.vocabularySize); \(token) has \(bias)")
    }
  }

  private static func need(_ holds: Bool, _ parameter: String, _ expected: String) throws(GenerationError) {
    guard !holds else { return }
    throw GenerationError(.invalidRequest(parameter: parameter), "\(parameter) must be \(expected)")
  }
}
