import Gateway
import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct ResponsesTests {
  private func ask(_ node: TestNode, _ members: [(String, JSONValue)]) async throws -> Response {
    try await node.ask("POST", "/v1/responses", .object(JSONObject([("model", "scripted")] + members)))
  }

  private static let tools: JSONValue = [["type": "function", "name": "weather", "parameters": ["type": "object"]]]

  @Test func textIsStreamedAsNamedAndNumberedEvents() async throws {
    try await TestNode.with { node async throws in
      let response = try await ask(node, [("input", "one two"), ("stream", true)])
      let events = response.jsonEvents
      #expect(
        events.compactMap { $0["type"]?.string } == [
          "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
          "response.output_text.delta", "response.output_text.delta", "response.output_text.done",
          "response.content_part.done", "response.output_item.done", "response.completed",
        ])
      #expect(events.compactMap { $0["sequence_number"]?.integer } == Array(events.indices))
      let names = response.body.split(separator: "\n").filter { $0.hasPrefix("event: ") }.map { $0.dropFirst(7) }
      #expect(names.map(String.init) == events.compactMap { $0["type"]?.string })
      #expect(events.last?["response"]?["output"]?[0]?["content"]?[0]?["text"] == "one two")
      #expect(events.last?["response"]?["usage"]?["output_tokens"] == 2)
    }
  }

  @Test func aFunctionCallIsStreamedAsItsArguments() async throws {
    try await TestNode.with { node async throws in
      let events = try await ask(node, [("input", "?"), ("stream", true), ("tools", Self.tools)]).jsonEvents
      #expect(
        events.compactMap { $0["type"]?.string } == [
          "response.created", "response.in_progress", "response.output_item.added",
          "response.function_call_arguments.delta", "response.function_call_arguments.delta",
          "response.function_call_arguments.done", "response.output_item.done", "response.completed",
        ])
      #expect(events.last?["response"]?["output"]?[0]?["arguments"] == "{\"city\":\"Paris\"}")
    }
  }

  @Test func callsThatAreWrittenByTurnsAreKeptApart() async throws {
    let provider = ScriptedProvider { _, continuation in
      let pieces = [
        ToolCallPiece(index: 0, id: "a", name: "f", arguments: #"{"x":"#),
        ToolCallPiece(index: 1, id: "b", name: "g", arguments: #"{"y":"#),
        ToolCallPiece(index: 0, arguments: "1}"), ToolCallPiece(index: 1, arguments: "2}"),
      ]
      for piece in pieces { continuation.yield(.toolCall(piece)) }
      continuation.yield(.finished(Completion(reason: .toolCalls, usage: Usage(promptTokens: 1, completionTokens: 4))))
    }
    try await TestNode.with(provider) { node async throws in
      let events = try await ask(node, [("input", "?"), ("stream", true)]).jsonEvents
      let output = try #require(events.last?["response"]?["output"]?.array)
      #expect(output.map { $0["call_id"]?.string } == ["a", "b"])
      #expect(output.map { $0["arguments"]?.string } == [#"{"x":1}"#, #"{"y":2}"#])
      // Each event says which of them it is about.
      for (place, item) in output.enumerated() {
        let parts = events.filter { $0["item_id"] == item["id"] && $0["delta"] != nil }
        #expect(parts.allSatisfy { $0["output_index"]?.integer == place })
        #expect(parts.compactMap { $0["delta"]?.string }.joined() == item["arguments"]?.string)
      }
      let whole = try await ask(node, [("input", "?")]).json
      #expect(whole["output"]?.array?.map { $0["arguments"]?.string } == [#"{"x":1}"#, #"{"y":2}"#])
    }
  }

  @Test func aResponseThatIsCutOffIsIncomplete() async throws {
    try await TestNode.with { node async throws in
      let json = try await ask(node, [("input", "one two three"), ("max_output_tokens", 1)]).json
      #expect(json["status"] == "incomplete")
      #expect(json["incomplete_details"]?["reason"] == "max_output_tokens")
      let events = try await ask(
        node, [("input", "one two three"), ("max_output_tokens", 1), ("stream", true)]
      ).jsonEvents
      #expect(events.last?["type"] == "response.incomplete")
    }
  }

  @Test func aResponseThatBreaksOffHasFailed() async throws {
    let gate = Gate()
    try await TestNode.with(ScriptedProvider(script: breaking(after: gate))) { node async throws in
      let connection = try await node.connect()
      let body: JSONValue = ["model": "scripted", "input": "hi", "stream": true]
      try await connection.send(TestNode.request("POST", "/v1/responses", body.text))
      var response = try Response(head: await connection.read(through: "\r\n\r\n"))
      response.body = await connection.read(through: "word ")
      gate.open()
      response.body += await connection.readToEnd()
      let events = response.jsonEvents
      #expect(events.last?["type"] == "response.failed")
      #expect(events.last?["response"]?["status"] == "failed")
      #expect(events.last?["response"]?["error"]?["code"] == "unavailable")
    }
  }

  @Test func aResponseIsKeptContinuedAndForgotten() async throws {
    try await TestNode.with { node async throws in
      let first = try await ask(node, [("input", "one"), ("instructions", "Be brief.")]).json
      let id = try #require(first["id"]?.string)
      #expect(try await node.ask("GET", "/v1/responses/\(id)").json["id"]?.string == id)
      let second = try await ask(node, [("input", "two"), ("previous_response_id", .string(id))])
      #expect(second.status == 200)
      guard case .messages(let messages) = node.provider.requests.last?.prompt else {
        Issue.record("expected a conversation")
        return
      }
      #expect(messages.map(\.text) == ["one", "one", "two"])
      #expect(try await node.ask("DELETE", "/v1/responses/\(id)").json["deleted"] == true)
      #expect(try await node.ask("GET", "/v1/responses/\(id)").status == 404)
      let gone = try await ask(node, [("input", "two"), ("previous_response_id", .string(id))])
      #expect(try gone.error["param"] == "previous_response_id")
    }
  }

  @Test func onlySoManyResponsesAreKept() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.requests.storedResponses = 2 }) {
      node async throws in
      var ids: [String] = []
      for _ in 0..<3 { ids.append(try #require(try await ask(node, [("input", "a")]).json["id"]?.string)) }
      #expect(try await node.ask("GET", "/v1/responses/\(ids[0])").status == 404)
      #expect(try await node.ask("GET", "/v1/responses/\(ids[2])").status == 200)
    }
  }

  @Test(
    arguments: [
      ("input", 3, "input"), ("background", true, "background"),
      ("text", ["format": ["type": "xml"]], "text.format.type"),
      ("previous_response_id", "resp_x", "previous_response_id"), ("conversation", "c", "conversation"),
      ("tools", [["type": "web_search"]], "tools[0].type"),
    ] as [(String, JSONValue, String)])
  func aWrongMemberIsNamed(_ name: String, _ value: JSONValue, _ parameter: String) async throws {
    try await TestNode.with { node async throws in
      let members: [(String, JSONValue)] = name == "input" ? [] : [("input", "hi")]
      let response = try await ask(node, members + [(name, value)])
      #expect(response.status == 400)
      #expect(try response.error["param"]?.string == parameter, "\(response.body)")
    }
  }

  /// Takes no more than so many words.
  private static func small(_ limit: Int) -> ScriptedProvider {
    ScriptedProvider { (request, continuation) async throws(GenerationError) in
      guard case .messages(let messages) = request.prompt else { return }
      let count = messages.reduce(0) { $0 + $1.text.split(separator: " ").count }
      guard count <= limit else {
        throw GenerationError(.contextLengthExceeded(limit: limit, requested: count), "\(count) words are too many")
      }
      continuation.yield(.text(TextPiece("fits")))
      continuation.yield(.finished(Completion(reason: .stop, usage: Usage())))
    }
  }

  private static func turn(_ role: String, _ text: String) -> JSONValue {
    ["role": .string(role), "content": .string(text)]
  }

  @Test func theOldestTurnsGoWhereTheConversationDoesNotFit() async throws {
    try await TestNode.with(Self.small(12)) { node async throws in
      let turns: [JSONValue] =
        [Self.turn("developer", "be brief")]
        + (1...9).map { Self.turn($0 % 2 == 1 ? "user" : "assistant", "turn number \($0)") }
      let response = try await ask(
        node, [("instructions", "obey me"), ("input", .array(turns)), ("truncation", "auto")])
      #expect(response.status == 200, "\(response.body)")
      #expect(try response.json["truncation"] == "auto")
      guard case .messages(let messages)? = node.provider.requests.last?.prompt else {
        Issue.record("no messages")
        return
      }
      #expect(messages.prefix(2).map(\.text) == ["obey me", "be brief"])
      #expect(messages.dropFirst(2).map(\.text) == ["turn number 8", "turn number 9"])
      // What is kept for a next response is whole.
      let id = try #require(try response.json["id"]?.string)
      _ = try await ask(
        node, [("input", "and more"), ("previous_response_id", .string(id)), ("truncation", "disabled")])
      guard case .messages(let whole)? = node.provider.requests.last?.prompt else { return }
      #expect(whole.count == 12)
    }
  }

  @Test func aToolsAnswerGoesWithItsCall() async throws {
    try await TestNode.with(Self.small(9)) { node async throws in
      let input: JSONValue = [
        [
          "type": "function_call", "call_id": "c1", "name": "weather",
          "arguments": "{\"city\":\"a long name of a city\"}",
        ],
        ["type": "function_call_output", "call_id": "c1", "output": "rain and then sun and rain again"],
        Self.turn("assistant", "it rains"), Self.turn("user", "and tomorrow"),
      ]
      let response = try await ask(node, [("input", input), ("tools", Self.tools), ("truncation", "auto")])
      #expect(response.status == 200, "\(response.body)")
      guard case .messages(let messages)? = node.provider.requests.last?.prompt else { return }
      #expect(messages.map(\.text) == ["it rains", "and tomorrow"])
    }
  }

  @Test(arguments: ["disabled", "auto"])
  func whatCannotBeShortenedIsRefused(truncation: JSONValue) async throws {
    try await TestNode.with(Self.small(3)) { node async throws in
      let input: JSONValue =
        truncation == "auto" ? "one turn that is too long" : [Self.turn("user", "a b"), Self.turn("user", "c d")]
      let response = try await ask(node, [("input", input), ("truncation", truncation)])
      #expect(response.status == 400)
      #expect(try response.error["code"] == "context_length_exceeded")
      #expect(try response.error["param"] == "input")
      #expect(node.provider.requests.count == 1)
    }
  }
}
