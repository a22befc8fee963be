import ModelInterface
package import Orchestration

/// `/v1/prsm/orchestrations`: how answers of virtual models came about, and as they do. Each tenant sees its own.
package struct OrchestrationsModule: GatewayModule {
  /// How long a reader may read along.
  private static let longestStream = Duration.seconds(1_800)
  /// After so long without an event a comment is sent, so that nothing on the way takes the stream for dead.
  private static let heartbeat = Duration.seconds(15)
  private static let longestList = 200

  private let traces: TraceStore

  /// A module for these traces.
  package init(traces: TraceStore) {
    self.traces = traces
  }

  /// The routes.
  package var routes: [Route] {
    [
      .whole(.get, "/v1/prsm/orchestrations", operation: Self.list) { request in
        let limit = try Self.limit(request)
        let found = traces.recent(of: Self.seesAll(request.principal) ? nil : request.principal.tenant, limit: limit)
        let value: JSONValue = [
          "object": "list", "data": .array(found.map { $0.json(withEvents: false) }),
        ]
        return WholeResponse(headers: [("cache-control", "no-store")], body: value.bytes)
      },
      .whole(.get, "/v1/prsm/orchestrations/{id}", operation: Self.retrieve) { request in
        let trace = try trace(request)
        return WholeResponse(headers: [("cache-control", "no-store")], body: trace.json(withEvents: true).bytes)
      },
      Route(.get, "/v1/prsm/orchestrations/{id}/events", operation: Self.follow) { request, reply in
        let trace = try trace(request)
        // What another member of the house follows, it can follow again from where it was.
        let last = request.header("last-event-id").flatMap(Int.init) ?? request.queryItems["after"].flatMap(Int.init)
        try await follow(trace, from: max(0, (last ?? -1) + 1), reply)
      },
    ]
  }

  private static func seesAll(_ principal: Principal) -> Bool { principal.permissions.contains("admin") }

  private static func limit(_ request: GatewayRequest) throws(APIError) -> Int {
    guard let text = request.queryItems["limit"] else { return 50 }
    guard let limit = Int(text), (1...longestList).contains(limit) else {
      throw APIError.invalid("limit", "`limit` is a whole number from 1 to \(longestList).")
    }
    return limit
  }

  private func trace(_ request: GatewayRequest) throws(APIError) -> OrchestrationTrace {
    let id = request.variables.first ?? ""
    guard let trace = traces.trace(id),
      trace.tenant == request.principal.tenant || Self.seesAll(request.principal)
    else {
      throw APIError(
        404,
        "There is no orchestration `\(id.prefix(100))` of yours, or no longer: the last \(traces.limits.traces) are kept.",
        code: "not_found")
    }
    return trace
  }

  private func follow(_ trace: OrchestrationTrace, from first: Int, _ reply: Reply) async throws {
    try await reply.beginEvents()
    var head = JSONText()
    head.raw("event: orchestration\ndata: ")
    head.value(trace.json(withEvents: false))
    head.raw("\n\n")
    try await reply.write(head.bytes)
    let end = ContinuousClock.now + Self.longestStream
    var next = first
    while ContinuousClock.now < end, !reply.disconnection.isGone {
      switch await events(of: trace.id, from: next) {
      case .events(let events):
        var output = JSONText(capacity: 1_024)
        for event in events {
          output.raw("id: ")
          output.integer(event.number)
          output.raw("\ndata: ")
          output.value(event.json)
          output.raw("\n\n")
          next = event.number + 1
        }
        try await reply.write(output.bytes)
        if events.last?.isLast == true { return try await done(reply) }
      case .end: return try await done(reply)
      case .busy:
        throw APIError(
          429, "\(traces.limits.followers) read along already; read the orchestration itself.",
          type: "rate_limit_error", code: "rate_limit_exceeded", retryAfter: 1)
      case nil: try await reply.write(Array(": still at work\n\n".utf8))
      }
    }
  }

  private func done(_ reply: Reply) async throws {
    try await reply.write(Array("data: [DONE]\n\n".utf8))
  }

  /// What comes next; nil where nothing came for a while.
  private func events(of id: String, from number: Int) async -> TraceStore.Next? {
    await withTaskGroup(of: TraceStore.Next?.self) { group in
      group.addTask { await traces.next(id, from: number) }
      group.addTask {
        try? await Task.sleep(for: Self.heartbeat)
        return nil
      }
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
  }
}

extension OrchestrationsModule {
  private static let id = Operation.Parameter(
    "id", in: "path", "The value of the response header `x-prsm-orchestration`.", required: true,
    schema: ["type": "string"])
  private static let schema: JSONSchema = [
    "type": "object",
    "properties": [
      "id": ["type": "string"], "object": ["const": "orchestration"], "request_id": ["type": "string"],
      "model": ["type": "string"], "kind": ["type": "string"],
      "status": ["enum": ["running", "finished", "failed"]], "steps": ["type": "integer", "minimum": 0],
      "began_ms": ["type": "integer"], "took_ms": ["type": "integer"], "usage": ["type": "object"],
      "cost": ["type": ["string", "null"]], "events": ["type": "array", "items": ["type": "object"]],
    ],
    "required": ["id", "object", "model", "kind", "status", "steps", "began_ms"],
  ]
  private static let list = Operation(
    "listOrchestrations", "The last answers of virtual models, the newest first.", tag: "Orchestrations",
    parameters: [
      Operation.Parameter(
        "limit", in: "query", "The most that are listed.", required: false,
        schema: ["type": "integer", "minimum": 1, "maximum": .integer(longestList)])
    ],
    answers: [
      .json(
        "The answers, without their events.",
        [
          "type": "object", "properties": ["object": ["const": "list"], "data": ["type": "array", "items": schema]],
          "required": ["object", "data"],
        ])
    ], errors: [400])
  private static let retrieve = Operation(
    "retrieveOrchestration", "How an answer of a virtual model came about.", tag: "Orchestrations", parameters: [id],
    answers: [.json("The answer with all its events.", schema)], errors: [404])
  private static let follow = Operation(
    "followOrchestration", "The events of an answer, as they happen.", tag: "Orchestrations",
    parameters: [
      id,
      Operation.Parameter(
        "after", in: "query", "Events up to this number are left out.", required: false,
        schema: ["type": "integer", "minimum": 0]),
    ],
    answers: [.text("The events, one a server-sent event, and then `[DONE]`.", "text/event-stream")],
    errors: [404, 429])
}
