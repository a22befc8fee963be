import ModelInterface

extension OrchestrationRun {
  func perform(_ pipeline: Pipeline) async throws(GenerationError) -> Chosen {
    try requireWords()
    var values = ["input": question, "conversation": conversation, "previous": question]
    for (index, step) in pipeline.steps.enumerated() {
      let isLast = index == pipeline.steps.count - 1
      var request = other(for: step.model, messages(of: step, values), isFinal: isLast)
      if let limit = step.outputTokens {
        request.maximumOutputTokens = min(request.maximumOutputTokens ?? limit, limit)
      }
      let call = Call(role: .step, request: request, label: step.name)
      if isLast { return try await askFinal(call) }
      let answer = try await ask(call)
      values[step.name] = answer.text
      values["previous"] = answer.text
    }
    throw GenerationError(.internal, "the pipeline `\(model.name)` has no steps")
  }

  private func messages(of step: Pipeline.Step, _ values: [String: String]) -> [Message] {
    var messages: [Message]
    if let prompt = step.prompt {
      messages = instructions + [Message(role: .user, text: prompt.filled(values))]
    } else if case .messages(let all) = request.prompt {
      messages = all
    } else {
      messages = [Message(role: .user, text: question)]
    }
    guard let instruction = step.instruction else { return messages }
    if let first = messages.first, first.role == .system {
      messages[0].content.append(.text("\n\n" + instruction))
    } else {
      messages.insert(Message(role: .system, text: instruction), at: 0)
    }
    return messages
  }
}
