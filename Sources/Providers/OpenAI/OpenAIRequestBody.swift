import ModelInterface

extension GenerationRequest {
  /// The body that asks an OpenAI-compatible endpoint for this.
  ///
  /// - Parameters:
  ///   - upstreamName: the endpoint's own name of the model.
  ///   - isOpenAI: whether it is OpenAI's own, which refuses the older word for the output limit; others know only that.
  /// - Throws: ``GenerationError`` of kind `invalidRequest` where the API has no word for what is asked.
  func openAI(model upstreamName: String, isOpenAI: Bool) throws(GenerationError) -> [UInt8] {
    var body = passthrough
    body["model"] = .string(upstreamName)
    switch prompt {
    case .messages(let messages):
      body["messages"] = .array(messages.map(\.json))
      addChatMembers(to: &body, isOpenAI: isOpenAI)
    case .text(let text):
      body["prompt"] = .string(text)
      addCompletionMembers(to: &body)
    case .tokens(let tokens):
      body["prompt"] = .array(tokens.map { .integer($0) })
      addCompletionMembers(to: &body)
    }
    body.add(sampling)
    if !stopSequences.isEmpty { body["stop"] = .array(stopSequences.map { .string($0) }) }
    if case .grammar = responseFormat {
      throw GenerationError(
        .invalidRequest(parameter: "response_format"),
        "a GBNF grammar needs a local model; `\(model)` is answered by an upstream API. Use a JSON schema instead.")
    }
    body.addStreaming(isStreamed)
    return JSONValue.object(body).bytes
  }

  private func addChatMembers(to body: inout JSONObject, isOpenAI: Bool) {
    if let maximumOutputTokens {
      body[isOpenAI ? "max_completion_tokens" : "max_tokens"] = .integer(maximumOutputTokens)
    }
    if let format = responseFormat.json { body["response_format"] = format }
    if !tools.isEmpty {
      body["tools"] = .array(tools.map(\.json))
      if toolChoice != .automatic { body["tool_choice"] = toolChoice.json }
      if !allowsParallelToolCalls { body["parallel_tool_calls"] = false }
    }
    if let logprobs {
      body["logprobs"] = true
      if logprobs > 0 { body["top_logprobs"] = .integer(logprobs) }
    }
    var effort = reasoningEffort
    if isOpenAI {
      // OpenAI's own endpoint refuses the words of other APIs; what they ask for it calls an effort.
      effort = effort ?? Self.effort(thinking: body["thinking"], reasoning: body["reasoning"])
      for name in ["thinking", "reasoning"] { body[name] = nil }
    }
    if let effort { body["reasoning_effort"] = .string(effort) }
  }

  /// The effort that Anthropic's `thinking` and OpenRouter's `reasoning` come nearest to; nil where they ask for none.
  private static func effort(thinking: JSONValue?, reasoning: JSONValue?) -> String? {
    if let effort = reasoning?["effort"]?.string { return effort }
    guard let budget = thinking?["type"] == "enabled" ? thinking?["budget_tokens"] : reasoning?["max_tokens"] else {
      return nil
    }
    return budget.double.map { $0 < 4_096 ? "low" : $0 < 16_384 ? "medium" : "high" }
  }

  private func addCompletionMembers(to body: inout JSONObject) {
    if let maximumOutputTokens { body["max_tokens"] = .integer(maximumOutputTokens) }
    if let logprobs { body["logprobs"] = .integer(logprobs) }
    if echoesPrompt { body["echo"] = true }
  }
}
