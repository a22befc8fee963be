import ModelInterface

extension OrchestrationRun {
  /// Passes an answer on that is complete.
  func deliver(_ answer: MemberAnswer) async throws(GenerationError) -> Chosen {
    for piece in answer.pieces { try await output.pass(piece) }
    return Chosen(steps: [answer.step], completion: answer.completion)
  }

  /// Asks the member that writes the final answer, and passes that on as it comes. Where it fails before anything has
  /// left, the other answer is passed on in its place.
  func askFinal(_ call: Call, or fallback: MemberAnswer? = nil) async throws(GenerationError) -> Chosen {
    do throws(GenerationError) {
      let answer = try await ask(call, relays: true)
      return Chosen(steps: [answer.step], completion: answer.completion)
    } catch {
      guard let fallback, !output.hasPassed, !Task.isCancelled else { throw error }
      trace.record(
        .verdict(
          TraceEvent.Verdict(
            "fallback", holds: true, steps: [fallback.step], note: "`\(call.model)` failed: \(error.message)")))
      return try await deliver(fallback)
    }
  }

  // MARK: - Requests

  /// The question in words: the last message of the user, or the text.
  var question: String {
    switch request.prompt {
    case .messages(let messages): messages.last { $0.role == .user }?.text ?? messages.last?.text ?? ""
    case .text(let text): text
    case .tokens: ""
    }
  }

  /// The conversation in words.
  var conversation: String {
    guard case .messages(let messages) = request.prompt else { return question }
    return messages.map { "\($0.role.rawValue): \($0.text)" }.joined(separator: "\n\n")
  }

  /// The client's own request, for a member that answers it as it is.
  func same(for model: String, isFinal: Bool = false, needsLogprobs: Bool = false) -> GenerationRequest {
    var member = request
    member.model = model
    member.isStreamed = isFinal && request.isStreamed
    if needsLogprobs, member.logprobs == nil { member.logprobs = 0 }
    if !isFinal { member.echoesPrompt = false }
    member.context.enclosing.append(self.model.name)
    return member
  }

  /// A request with other words.
  ///
  /// - Parameter isFinal: whether its answer is the client's, so that the client's tools, format, stop sequences and limits
  ///   hold for it.
  func other(for model: String, _ messages: [Message], isFinal: Bool) -> GenerationRequest {
    var member = same(for: model, isFinal: isFinal)
    member.prompt = .messages(messages)
    member.echoesPrompt = false
    guard !isFinal else { return member }
    member.stopSequences = []
    member.responseFormat = .text
    member.tools = []
    member.toolChoice = .automatic
    member.logprobs = nil
    member.passthrough = [:]
    return member
  }

  /// The client's instructions, which hold for every member that writes for it.
  var instructions: [Message] {
    guard case .messages(let messages) = request.prompt else { return [] }
    return messages.filter { $0.role == .system || $0.role == .developer }
  }

  /// - Throws: ``GenerationError`` where the prompt is tokens of one model, which cannot be put into other words.
  func requireWords() throws(GenerationError) {
    guard case .tokens = request.prompt else { return }
    throw GenerationError(
      .invalidRequest(parameter: "prompt"),
      "`\(model.name)` puts the question into words for several models; send text or messages instead of tokens")
  }

  /// A mark that what is judged cannot know.
  func mark() -> String { "§" + String(services.random(), radix: 36) }

  // MARK: - Verdicts

  func record(_ verdict: TraceEvent.Verdict) {
    trace.record(.verdict(verdict))
  }
}
