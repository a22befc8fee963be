import ModelInterface

/// `/v1/responses`.
struct ResponsesModule: GatewayModule {
  let generation: Generation
  private let store: ResponseStore

  init(generation: Generation) {
    self.generation = generation
    store = ResponseStore(generation.limits)
  }

  var routes: [Route] {
    [
      Route(.post, "/v1/responses", body: .json, operation: Schemas.createResponse) { request, reply in
        try await create(request, reply)
      },
      .whole(.get, "/v1/responses/{response}", operation: Schemas.retrieveResponse) { request in
        let id = request.variables.first ?? ""
        guard let stored = store.find(id, tenant: request.principal.tenant) else { throw Self.missing(id) }
        return WholeResponse(body: stored.body)
      },
      .whole(.delete, "/v1/responses/{response}", operation: Schemas.deleteResponse) { request in
        let id = request.variables.first ?? ""
        guard store.remove(id, tenant: request.principal.tenant) else { throw Self.missing(id) }
        var json = JSONText()
        json.raw("{\"id\":")
        json.string(id)
        json.raw(",\"object\":\"response\",\"deleted\":true}")
        return WholeResponse(body: json.bytes)
      },
    ]
  }

  private static func missing(_ id: String) -> APIError {
    APIError(
      404,
      "Response with id '\(id.prefix(100))' not found. Responses are kept in memory until newer ones push them out.",
      parameter: "response_id", code: "response_not_found")
  }

  private func create(_ incoming: GatewayRequest, _ reply: Reply) async throws {
    var request = try ResponsesRequest(incoming, generation.limits) { id in
      store.find(id, tenant: incoming.principal.tenant)?.conversation
    }
    var tries = request.truncates ? ConversationTruncation.maximumTries : 0
    while true {
      do {
        return try await answer(request, incoming, reply)
      } catch let error as GenerationError {
        guard tries > 0, reply.status == nil,
          case .contextLengthExceeded(let limit, let requested) = error.kind,
          case .messages(let messages) = request.generation.prompt,
          let fewer = ConversationTruncation.shortened(messages, limit: limit, requested: requested)
        else { throw APIError(error).namingPrompt("input") }
        tries -= 1
        request.generation.prompt = .messages(fewer)
      }
    }
  }

  private func answer(_ request: ResponsesRequest, _ incoming: GatewayRequest, _ reply: Reply) async throws {
    try await generation.answer(request.generation, for: incoming) { answer in
      var assembly = ResponseAssembly(request)
      if request.isStreamed {
        try await stream(answer, &assembly, reply)
      } else {
        var unused = JSONText(capacity: 0)
        while let event = try await answer.next() { assembly.add(event, into: &unused) }
      }
      var json = JSONText(capacity: 2048)
      assembly.write(into: &json, isOver: true)
      keep(request, assembly, json.bytes, incoming)
      if !request.isStreamed { try await reply.send(WholeResponse(body: json.bytes)) }
    }
  }

  private func stream(_ answer: Answer, _ assembly: inout ResponseAssembly, _ reply: Reply) async throws {
    do {
      try await EventStream.send(answer, through: reply) { event, output in assembly.add(event, into: &output) }
    } catch {
      guard reply.isEventStream, !Task.isCancelled else { throw error }
      var output = JSONText()
      assembly.failure(APIError.of(error), into: &output)
      reply.closeAfterwards()
      try await reply.write(output.bytes)
      try await reply.finish()
      throw error
    }
  }

  private func keep(
    _ request: ResponsesRequest, _ assembly: ResponseAssembly, _ body: [UInt8], _ incoming: GatewayRequest
  ) {
    guard request.isStored else { return }
    store.keep(
      assembly.id,
      ResponseStore.Stored(
        tenant: incoming.principal.tenant, body: body, conversation: request.conversation + [assembly.turn]))
  }
}
