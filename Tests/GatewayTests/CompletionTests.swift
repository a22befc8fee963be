import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct CompletionTests {
  private func ask(
    _ node: TestNode, _ prompt: JSONValue, _ members: [(String, JSONValue)] = []
  ) async throws -> Response {
    let common: [(String, JSONValue)] = [("model", "scripted"), ("prompt", prompt)]
    return try await node.ask("POST", "/v1/completions", .object(JSONObject(common + members)))
  }

  @Test func echoScoresThePromptAsHarnessesReadIt() async throws {
    try await TestNode.with { node async throws in
      let members: [(String, JSONValue)] = [("echo", true), ("logprobs", 2), ("max_tokens", 1)]
      let choice = try await ask(node, "ab é cd", members).json["choices"]?[0]
      #expect(choice?["text"] == "ab é cdab ")
      let scores = choice?["logprobs"]
      #expect(scores?["tokens"] == ["ab ", "é ", "cd", "ab "])
      #expect(scores?["token_logprobs"]?[0]?.isNull == true)
      #expect(scores?["token_logprobs"]?.array?.dropFirst().compactMap(\.double) == [-0.5, -0.5, -0.25])
      #expect(scores?["top_logprobs"]?[0]?.isNull == true)
      #expect(scores?["top_logprobs"]?[1]?["é "] == -0.5)
      #expect(scores?["text_offset"] == [0, 3, 5, 7])
    }
  }

  @Test func aPromptCanBeScoredWithoutAnAnswer() async throws {
    try await TestNode.with { node async throws in
      let members: [(String, JSONValue)] = [("echo", true), ("logprobs", 0), ("max_tokens", 0)]
      let choice = try await ask(node, "a b", members).json["choices"]?[0]
      #expect(choice?["text"] == "a b")
      #expect(choice?["logprobs"]?["tokens"] == ["a ", "b"])
      #expect(choice?["logprobs"]?["top_logprobs"]?[1] == ["b": -0.5])
    }
  }

  @Test func tokensCanBePrompts() async throws {
    try await TestNode.with { node async throws in
      let members: [(String, JSONValue)] = [("echo", true), ("logprobs", 1), ("max_tokens", 1)]
      let one = try await ask(node, [5, 6], members).json
      #expect(one["choices"]?[0]?["logprobs"]?["tokens"] == ["<5>", "<6>", "<5>"])
      let several = try await ask(node, [[1, 2, 3], [4, 5]], members).json
      #expect(several["choices"]?.array?.count == 2)
      #expect(several["usage"]?["prompt_tokens"] == 5)
    }
  }

  @Test func eachPromptOfABatchHasItsChoicesInARow() async throws {
    try await TestNode.with { node async throws in
      let json = try await ask(node, ["one", "two"], [("n", 2)]).json
      #expect(json["choices"]?.array?.compactMap { $0["index"]?.integer } == [0, 1, 2, 3])
      #expect(json["choices"]?.array?.compactMap { $0["text"]?.string } == ["one", "one", "two", "two"])
      #expect(json["usage"]?["prompt_tokens"] == 2)
    }
  }

  @Test func aStreamedEchoComesFirst() async throws {
    try await TestNode.with { node async throws in
      let members: [(String, JSONValue)] = [
        ("echo", true), ("stream", true), ("max_tokens", 1), ("stream_options", ["include_usage": true]),
      ]
      let response = try await ask(node, "a b", members)
      let texts = response.jsonEvents.compactMap { $0["choices"]?[0]?["text"]?.string }
      #expect(texts.first == "a b")
      #expect(texts.joined() == "a ba ")
      #expect(response.jsonEvents.last?["usage"]?["total_tokens"] == 3)
      #expect(response.events.last == "[DONE]")
    }
  }

  @Test func theLikeliestOfSeveralIsChosen() async throws {
    try await TestNode.with { node async throws in
      let response = try await ask(node, "a", [("best_of", 3), ("n", 1)])
      #expect(try response.json["choices"]?.array?.count == 1)
      #expect(node.provider.requests.count == 3)
      let streamed = try await ask(node, "a", [("best_of", 3), ("stream", true)])
      #expect(try streamed.error["param"] == "best_of")
    }
  }

  @Test(
    arguments: [
      (.null, "prompt"), ([], "prompt"), (["a", 1], "prompt[1]"), ([1, "a"], "prompt[1]"), ([-1], "prompt[0]"),
      ([1.5], "prompt[0]"), ([[]], "prompt[0]"), ([9_999_999_999], "prompt[0]"), (3, "prompt"),
    ] as [(JSONValue, String)])
  func aWrongPromptIsNamed(_ prompt: JSONValue, _ parameter: String) async throws {
    try await TestNode.with { node async throws in
      let response = try await ask(node, prompt)
      #expect(response.status == 400)
      #expect(try response.error["param"]?.string == parameter, "\(response.body)")
    }
  }

  @Test func embeddingsAgreeInBothEncodings() async throws {
    try await TestNode.with { node async throws in
      let plain = try await node.ask(
        "POST", "/v1/embeddings", ["model": "scripted", "input": ["a b", "c"]]
      ).json
      #expect(plain["data"]?[0]?["embedding"] == [0.0, 0.0, 1.0, 0.0])
      #expect(plain["data"]?[1]?["index"] == 1)
      #expect(plain["usage"]?["prompt_tokens"] == 3)
      let packed = try await node.ask(
        "POST", "/v1/embeddings", ["model": "scripted", "input": "a b", "encoding_format": "base64"]
      ).json
      // Little-endian 0, 0, 1, 0.
      #expect(packed["data"]?[0]?["embedding"] == "AAAAAAAAAAAAAIA/AAAAAA==")
      let wrong = try await node.ask("POST", "/v1/embeddings", ["model": "scripted", "input": ""])
      #expect(try wrong.error["param"] == "input")
    }
  }
}
