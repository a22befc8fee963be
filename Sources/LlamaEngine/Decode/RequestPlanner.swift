import ModelInterface

/// Checks a request against a model and works out how to answer it.
struct RequestPlanner: Sendable {
  let model: LlamaModel
  let contextLength: Int

  /// - Throws: ``GenerationError``: `invalidRequest` naming the member at fault, or `contextLengthExceeded`.
  func plan(_ request: GenerationRequest) throws(GenerationError) -> GenerationPlan {
    var reading = AnswerText.Reading(stops: request.stopSequences)
    let prompt: [TokenID]
    switch request.prompt {
    case .messages(let messages):
      prompt = try ChatPrompt(model: model).tokens(messages)
      reading.hasReasoning = true
    case .text(let text):
      prompt = model.tokenize(text, addsSpecial: true, parsesSpecial: false)
    case .tokens(let tokens):
      prompt = tokens
    }
    let checked = try check(prompt)
    let limit = try limit(request, promptCount: checked.count)
    try check(request.sampling)
    return GenerationPlan(
      context: request.context, model: model.name, prompt: checked, sampling: request.sampling, limit: limit,
      reading: reading, grammar: nil, logprobs: request.logprobs.map { min(max(0, $0), 128) },
      echoesPrompt: request.echoesPrompt, showsControlTokens: false)
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
      throw GenerationError(
        .contextLengthExceeded(limit: contextLength, requested: promptCount + (request.maximumOutputTokens ?? 1)),
        "the prompt has \(promptCount) tokens and the context window of \(model.name) is \(contextLength), answer included; "
          + "shorten the prompt")
    }
    return min(request.maximumOutputTokens ?? room, room)
  }

  private func check(_ sampling: SamplingParameters) throws(GenerationError) {
    func need(_ holds: Bool, _ parameter: String, _ expected: String) throws(GenerationError) {
      guard !holds else { return }
      throw GenerationError(.invalidRequest(parameter: parameter), "\(parameter) must be \(expected)")
    }
    try need((0...100).contains(sampling.temperature), "temperature", "between 0 and 2")
    try need(sampling.topP > 0 && sampling.topP <= 1, "top_p", "above 0 and at most 1")
    try need(sampling.topK >= 0, "top_k", "0 for all, or more")
    try need((0...1).contains(sampling.minP), "min_p", "between 0 and 1")
    try need(sampling.typicalP > 0 && sampling.typicalP <= 1, "typical_p", "above 0 and at most 1")
    try need((0.01...100).contains(sampling.repetitionPenalty), "repetition_penalty", "between 0.01 and 100")
    try need((-100...100).contains(sampling.frequencyPenalty), "frequency_penalty", "between -2 and 2")
    try need((-100...100).contains(sampling.presencePenalty), "presence_penalty", "between -2 and 2")
    for (token, bias) in sampling.logitBias {
      try need(
        model.contains(token) && bias.isFinite, "logit_bias",
        "finite numbers for tokens of the vocabulary; \(token) is not")
    }
  }
}
