import ModelInterface

extension Generation {
  /// Several answers to one request of a client.
  struct Answers<Result: Sendable>: Sendable {
    /// What was made of each, in order.
    var results: [Result]
    /// The model that answered.
    var model: String
    /// The sum of what they took; a prompt that several share, once.
    var usage: Usage
    /// The times of the only answer; nil where there are several.
    var timings: Timings?
  }

  /// Runs several generations, at most ``RequestLimits/concurrency`` at once. The first that fails stops the others.
  ///
  /// - Parameter sharing: how many successive requests have the same prompt, which counts once; nil for all.
  func all<Result: Sendable>(
    _ requests: [GenerationRequest], for incoming: GatewayRequest, sharing: Int? = nil,
    _ body: @escaping @Sendable (Answer) async throws -> Result
  ) async throws -> Answers<Result> {
    try await all(requests, for: incoming, sharing: sharing) { answer, _ in try await body(answer) }
  }

  /// Runs several generations at once, telling each its index.
  func all<Result: Sendable>(
    _ requests: [GenerationRequest], for incoming: GatewayRequest, sharing: Int? = nil,
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
      var waiting = requests.indices.makeIterator()
      for index in (0..<max(1, limits.concurrency)).compactMap({ _ in waiting.next() }) {
        group.addTask { try await one(index) }
      }
      var ones: [One] = []
      for try await finished in group {
        ones.append(finished)
        if let index = waiting.next() { group.addTask { try await one(index) } }
      }
      return ones.sorted { $0.index < $1.index }
    }
    var usage = Usage()
    for one in ones {
      guard var own = one.completion?.usage else { continue }
      if one.index % max(1, sharing ?? requests.count) > 0 {
        own.promptTokens = 0
        own.cachedPromptTokens = 0
      }
      usage = usage + own
    }
    return Answers(results: ones.map(\.result), model: ones.first?.model ?? "", usage: usage, timings: nil)
  }
}
