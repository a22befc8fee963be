import ModelInterface

/// `/v1/completions`.
struct CompletionsModule: GatewayModule {
  let generation: Generation

  var routes: [Route] {
    [
      Route(.post, "/v1/completions", body: .json, operation: Schemas.completions) { request, reply in
        let completion = try CompletionRequest(request, generation.limits)
        do {
          if completion.isStreamed {
            try await stream(completion, request, reply)
          } else {
            try await reply.send(WholeResponse(body: try await whole(completion, request)))
          }
        } catch let error as GenerationError {
          throw APIError(error).namingPrompt("prompt")
        }
      }
    ]
  }

  private func whole(_ completion: CompletionRequest, _ incoming: GatewayRequest) async throws -> [UInt8] {
    let writer = CompletionWriter(hasLogprobs: completion.hasLogprobs, includesUsage: false)
    let answers = try await generation.all(
      completion.candidates, for: incoming, sharing: completion.candidatesPerPrompt
    ) { answer, index in
      var candidate = CompletionWriter.Candidate(completion.candidates[index])
      while let event = try await answer.next() { candidate.add(event) }
      return candidate
    }
    return writer.whole(
      model: answers.model, choices(completion, answers.results), echoes: completion.echoes, usage: answers.usage,
      timings: answers.timings)
  }

  /// For each prompt the likeliest of its candidates.
  private func choices(
    _ completion: CompletionRequest, _ candidates: [CompletionWriter.Candidate]
  ) -> [CompletionWriter.Candidate] {
    guard completion.candidatesPerPrompt > completion.choicesPerPrompt else { return candidates }
    return stride(from: 0, to: candidates.count, by: completion.candidatesPerPrompt).flatMap { start in
      candidates[start..<min(start + completion.candidatesPerPrompt, candidates.count)]
        .sorted { $0.score > $1.score }
        .prefix(completion.choicesPerPrompt)
    }
  }

  private func stream(_ completion: CompletionRequest, _ incoming: GatewayRequest, _ reply: Reply) async throws {
    let writer = CompletionWriter(hasLogprobs: completion.hasLogprobs, includesUsage: completion.includesUsage)
    let answers = try await generation.all(
      completion.candidates, for: incoming, sharing: completion.candidatesPerPrompt
    ) { answer, index in
      var chunks = CompletionWriter.Chunks(
        writer, index: index, request: completion.candidates[index], echoes: completion.echoes)
      try await EventStream.send(answer, through: reply) { event, output in chunks.add(event, into: &output) }
    }
    var output = JSONText()
    if completion.includesUsage { writer.usageChunk(model: answers.model, answers.usage, into: &output) }
    output.raw("data: [DONE]\n\n")
    try await reply.write(output.bytes)
  }
}
