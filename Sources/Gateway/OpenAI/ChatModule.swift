import ModelInterface

/// `/v1/chat/completions`.
struct ChatModule: GatewayModule {
  let generation: Generation

  var routes: [Route] {
    [
      Route(.post, "/v1/chat/completions", body: .json, operation: Schemas.chat) { request, reply in
        let chat = try ChatRequest(request, generation.limits)
        if chat.isStreamed {
          try await stream(chat, request, reply)
        } else {
          try await reply.send(WholeResponse(body: try await whole(chat, request)))
        }
      }
    ]
  }

  private func whole(_ chat: ChatRequest, _ incoming: GatewayRequest) async throws -> [UInt8] {
    let writer = ChatWriter(includesUsage: false)
    let answers = try await generation.all(chat.choices, for: incoming) { answer in
      var choice = ChatWriter.Choice()
      while let event = try await answer.next() { choice.add(event) }
      return choice
    }
    return writer.whole(
      model: answers.model, answers.results, hasLogprobs: chat.hasLogprobs, usage: answers.usage,
      timings: answers.timings)
  }

  private func stream(_ chat: ChatRequest, _ incoming: GatewayRequest, _ reply: Reply) async throws {
    let writer = ChatWriter(includesUsage: chat.includesUsage)
    let answers = try await generation.all(chat.choices, for: incoming) { answer, index in
      var chunks = ChatWriter.Chunks(writer, index: index, hasLogprobs: chat.hasLogprobs)
      try await EventStream.send(answer, through: reply) { event, output in chunks.add(event, into: &output) }
    }
    var output = JSONText()
    if chat.includesUsage { writer.usageChunk(model: answers.model, answers.usage, into: &output) }
    output.raw("data: [DONE]\n\n")
    try await reply.write(output.bytes)
  }
}

/// Sends an answer as server-sent events.
enum EventStream {
  /// Bytes that are gathered before they are sent although more events wait.
  private static let gatheredBytes = 16 << 10

  /// Sends what `write` makes of each event; what has piled up goes out in one write. The response begins with the first
  /// event, so that what is refused before can still have a status of its own.
  static func send(
    _ answer: Answer, through reply: Reply, _ write: (GenerationEvent, inout JSONText) -> Void
  ) async throws {
    var output = JSONText(capacity: 1024)
    while let event = try await answer.next() {
      write(event, &output)
      do {
        while output.bytes.count < gatheredBytes, let more = try answer.nextIfReady() { write(more, &output) }
      } catch {
        // What came before the failure is not lost to a client that is reading already.
        if reply.isEventStream { try await reply.write(output.bytes) }
        throw error
      }
      try await reply.beginEvents()
      try await reply.write(output.bytes)
      output.removeAll()
    }
  }
}
