import ModelInterface

extension Generation {
  /// Several answers to one request of a client.
  struct Answers<Result: Sendable>: Sendable {
    /// What was made of each, in order.
    var results: [Result]
    /// The model that answered.
    var model: String
    /// The sum of what they took; the prompt, which they share, once.
    var usage: Usage
    /// The times of the only answer; nil where there are several.
    var timings: Timings?
  }

  /// Runs several generations at once. The first that fails stops the others.
  func all<Result: Sendable>(
    _ requests: [GenerationRequest], for incoming: GatewayRequest, sharesPrompt: Bool = true,
    _ body: @escaping @Sendable (Answer) async throws -> Result
  ) async throws -> Answers<Result> {
    try await all(requests, for: incoming, sharesPrompt: sharesPrompt) { answer, _ in try await body(answer) }
  }

  /// Runs several generations at once, telling each its index.
  func all<Result: Sendable>(
    _ requests: [GenerationRequest], for incoming: GatewayRequest, sharesPrompt: Bool = true,
    _ body: @escaping @Sendable (Answer, Int) async throws -> Result
  ) async throws -> Answers<Result> {
    typealias One = (index: Int, result: Result, completion: Completion?, model: String)
    @Sendable func one(_ index: Int) async throws -> One {
      try await answer(requests[index], for: incoming) { answer in
        let result = try await body(answer, index)
        return (index, result, answer.completion, answer.start?.model ?? requests[index].model)
      }
    }
    if requests.count == 1 {
      let only = try await one(0)
      return Answers(
        results: [only.result], model: only.model, usage: only.completion?.usage ?? Usage(),
        timings: only.completion?.timings)
    }
    let ones = try await withThrowingTaskGroup(of: One.self) { group in
      for index in requests.indices { group.addTask { try await one(index) } }
      var ones: [One] = []
      for try await one in group { ones.append(one) }
      return ones.sorted { $0.index < $1.index }
    }
    var usage = Usage()
    for one in ones {
      guard var own = one.completion?.usage else { continue }
      if sharesPrompt, one.index > 0 {
        own.promptTokens = 0
        own.cachedPromptTokens = 0
      }
      usage = usage + own
    }
    return Answers(results: ones.map(\.result), model: ones.first?.model ?? "", usage: usage, timings: nil)
  }
}
