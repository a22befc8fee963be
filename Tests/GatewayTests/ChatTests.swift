import Gateway
import ModelInterface
import ScriptedProvider
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ChatTests {
  @Test func anAnswerHasTheShapeThatClientsExpect() async throws {
    try await TestNode.with { node async throws in
      let response = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("one two three"))
      #expect(response.status == 200)
      let json = try response.json
      #expect(json["object"] == "chat.completion")
      #expect(json["choices"]?[0]?["message"]?["content"] == "one two three")
      #expect(json["choices"]?[0]?["message"]?["role"] == "assistant")
      #expect(json["choices"]?[0]?["finish_reason"] == "stop")
      #expect(json["usage"]?["prompt_tokens"] == 3)
      #expect(json["usage"]?["total_tokens"] == 6)
    }
  }

  @Test func aStreamSaysRoleTextReasonUsageAndDone() async throws {
    try await TestNode.with { node async throws in
      let body = TestNode.chat("one two", [("stream", true), ("stream_options", ["include_usage": true])])
      let response = try await node.ask("POST", "/v1/chat/completions", body)
      #expect(response.header("content-type") == "text/event-stream; charset=utf-8")
      #expect(response.events.last == "[DONE]")
      let chunks = response.jsonEvents
      #expect(chunks.first?["choices"]?[0]?["delta"]?["role"] == "assistant")
      let text = chunks.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined()
      #expect(text == "one two")
      #expect(chunks.dropLast().allSatisfy { $0["usage"]?.isNull == true })
      #expect(chunks.last?["choices"] == [])
      #expect(chunks.last?["usage"]?["completion_tokens"] == 2)
      #expect(Set(chunks.compactMap { $0["id"]?.string }).count == 1)
    }
  }

  @Test func withoutTheOptionNoChunkSpeaksOfUsage() async throws {
    try await TestNode.with { node async throws in
      let response = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("one", [("stream", true)]))
      #expect(response.jsonEvents.allSatisfy { $0["usage"] == nil })
    }
  }

  @Test func severalChoicesComeInOrderAndShareThePromptsTokens() async throws {
    try await TestNode.with { node async throws in
      let json = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("a b", [("n", 3)])).json
      #expect(json["choices"]?.array?.compactMap { $0["index"]?.integer } == [0, 1, 2])
      #expect(json["usage"]?["prompt_tokens"] == 2)
      #expect(json["usage"]?["completion_tokens"] == 6)
    }
  }

  @Test func toolCallsArriveWholeAndInPieces() async throws {
    let tools: JSONValue = [["type": "function", "function": ["name": "weather", "parameters": ["type": "object"]]]]
    try await TestNode.with { node async throws in
      let whole = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("?", [("tools", tools)])).json
      let message = whole["choices"]?[0]?["message"]
      #expect(message?["content"]?.isNull == true)
      #expect(message?["tool_calls"]?[0]?["function"]?["name"] == "weather")
      #expect(message?["tool_calls"]?[0]?["function"]?["arguments"] == "{\"city\":\"Paris\"}")
      #expect(whole["choices"]?[0]?["finish_reason"] == "tool_calls")
      let streamed = try await node.ask(
        "POST", "/v1/chat/completions", TestNode.chat("?", [("tools", tools), ("stream", true)]))
      let pieces = streamed.jsonEvents.compactMap { $0["choices"]?[0]?["delta"]?["tool_calls"]?[0] }
      #expect(pieces.first?["id"] == "call_1")
      #expect(pieces.compactMap { $0["function"]?["arguments"]?.string }.joined() == "{\"city\":\"Paris\"}")
    }
  }

  @Test func logprobsNameTokensBytesAndAlternatives() async throws {
    try await TestNode.with { node async throws in
      let body = TestNode.chat("é b", [("logprobs", true), ("top_logprobs", 2)])
      let json = try await node.ask("POST", "/v1/chat/completions", body).json
      let tokens = json["choices"]?[0]?["logprobs"]?["content"]
      #expect(tokens?[0]?["token"] == "é ")
      #expect(tokens?[0]?["bytes"] == [0xC3, 0xA9, 0x20])
      #expect(tokens?[0]?["logprob"] == -0.25)
      #expect(tokens?[0]?["top_logprobs"]?.array?.count == 2)
    }
  }

  @Test func whatIsNullWasNotAskedFor() async throws {
    try await TestNode.with { node async throws in
      let body = TestNode.chat("hi", [("functions", nil), ("function_call", nil), ("audio", nil), ("newest", nil)])
      #expect(try await node.ask("POST", "/v1/chat/completions", body).status == 200)
    }
  }

  @Test func allowedToolsAreOfferedAndNoOthers() async throws {
    func function(_ name: String) -> JSONValue { ["type": "function", "function": ["name": .string(name)]] }
    func choice(_ mode: String, _ names: [String]) -> JSONValue {
      ["type": "allowed_tools", "allowed_tools": ["mode": .string(mode), "tools": .array(names.map(function))]]
    }
    let seen = Mutex<[GenerationRequest]>([])
    let provider = ScriptedProvider { (request, continuation) async throws(GenerationError) in
      seen.withLock { $0.append(request) }
      continuation.yield(.finished(Completion(reason: .stop, usage: Usage())))
    }
    try await TestNode.with(provider) { node async throws in
      let tools: JSONValue = .array(["a", "b", "c"].map(function))
      for (choice, status) in [
        (choice("required", ["c", "a"]), 200), (choice("auto", ["b"]), 200), (choice("auto", ["d"]), 400),
        (choice("auto", []), 400), (choice("none", ["a"]), 400), (["type": "allowed_tools"], 400),
      ] {
        let body = TestNode.chat("hi", [("tools", tools), ("tool_choice", choice)])
        #expect(try await node.ask("POST", "/v1/chat/completions", body).status == status)
      }
    }
    let requests = seen.withLock { $0 }
    #expect(requests.map { $0.tools.map(\.name) } == [["a", "c"], ["b"]])
    #expect(requests.map(\.toolChoice) == [.required, .automatic])
  }

  @Test func aToolIndexOfAnySizeIsHarmless() async throws {
    let provider = ScriptedProvider { (_, continuation) async throws(GenerationError) in
      for index in [Int.max, Int.min, 0] {
        continuation.yield(.toolCall(ToolCallPiece(index: index, id: "call", name: "f", arguments: "{}")))
      }
      continuation.yield(.finished(Completion(reason: .toolCalls, usage: Usage())))
    }
    try await TestNode.with(provider) { node async throws in
      for isStreamed in [false, true] {
        let body = TestNode.chat("?", [("stream", .bool(isStreamed))])
        #expect(try await node.ask("POST", "/v1/chat/completions", body).status == 200)
      }
    }
  }

  @Test(
    arguments: [
      ("temperature", "hot", "temperature"), ("temperature", 9, "temperature"), ("top_p", -1, "top_p"),
      ("n", 1.5, "n"), ("stop", 3, "stop"), ("stop", [1], "stop[0]"), ("stream", "yes", "stream"),
      ("max_tokens", 0, "max_tokens"), ("logit_bias", ["1": 200], "logit_bias.1"), ("tools", "none", "tools"),
      ("response_format", ["type": "xml"], "response_format.type"), ("temprature", 1, "temprature"),
      ("messages", [], "messages"), ("messages", [["role": "user", "content": 3]], "messages[0].content"),
      ("top_logprobs", 3, "top_logprobs"), ("tool_choice", "required", "tool_choice"), ("model", 3, "model"),
      ("stop", .string(String(repeating: "x", count: 5_000)), "stop"),
    ] as [(String, JSONValue, String)])
  func aWrongMemberIsNamed(_ name: String, _ value: JSONValue, _ parameter: String) async throws {
    try await TestNode.with { node async throws in
      var body = try #require(TestNode.chat("hello").object)
      body[name] = value
      let response = try await node.ask("POST", "/v1/chat/completions", .object(body))
      #expect(response.status == 400)
      #expect(try response.error["param"]?.string == parameter, "\(response.body)")
      #expect(try response.error["type"] == "invalid_request_error")
    }
  }

  @Test(arguments: ["", "{", "[]", "3", "{\"model\":\"scripted\"", "\u{FEFF}{}", "{\"a\":\"\\ud800\"}"])
  func aBodyThatIsNoObjectIsRefused(_ text: String) async throws {
    try await TestNode.with { node async throws in
      let response = try await node.ask("POST", "/v1/chat/completions", text: text)
      #expect(response.status == 400)
      #expect(try response.error["message"]?.string?.isEmpty == false)
    }
  }

  @Test func anUnknownModelIsNotFound() async throws {
    try await TestNode.with { node async throws in
      let body: JSONValue = ["model": "none", "messages": [["role": "user", "content": "hi"]]]
      let response = try await node.ask("POST", "/v1/chat/completions", body)
      #expect(response.status == 404)
      #expect(try response.error["code"] == "model_not_found")
    }
  }

  @Test(
    arguments: [
      (GenerationError(.overloaded(retryAfter: .seconds(7)), "full"), 429, "7"),
      (GenerationError(.budgetExceeded, "spent"), 429, nil), (GenerationError(.unavailable, "away"), 503, "1"),
      (GenerationError(.timedOut, "late"), 504, nil), (GenerationError(.internal, "defect"), 500, nil),
      (GenerationError(.contextLengthExceeded(limit: 1, requested: 2), "long"), 400, nil),
      (GenerationError(.upstreamUnauthorized, "refused"), 502, nil),
    ] as [(GenerationError, Int, String?)])
  func aProvidersErrorBecomesAStatus(_ error: GenerationError, _ status: Int, _ retryAfter: String?) async throws {
    let provider = ScriptedProvider { (_, _) async throws(GenerationError) in throw error }
    try await TestNode.with(provider) { node async throws in
      let response = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("hi"))
      #expect(response.status == status)
      #expect(response.header("retry-after") == retryAfter)
    }
  }

  @Test func anErrorInTheMiddleOfAStreamIsAnEventAndEndsIt() async throws {
    let gate = Gate()
    try await TestNode.with(ScriptedProvider(script: breaking(after: gate))) { node async throws in
      let connection = try await node.connect()
      try await connection.send(
        TestNode.request("POST", "/v1/chat/completions", TestNode.chat("hi", [("stream", true)]).text))
      let head = try Response(head: await connection.read(through: "\r\n\r\n"))
      #expect(head.status == 200)
      _ = await connection.read(through: "word ")
      gate.open()
      var response = head
      response.body = await connection.readToEnd()
      #expect(response.body.contains("event: error\n"))
      #expect(response.jsonEvents.last?["error"]?["message"] == "The engine broke off.")
      #expect(!response.events.contains("[DONE]"))
    }
  }
}
