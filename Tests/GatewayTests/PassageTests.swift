import Gateway
import HostileUpstream
import ModelInterface
import Providers
import Synchronization
import Testing

/// Chat completions that are passed on to an upstream on their connection's event loop, in front of upstreams that misbehave.
@Suite(.timeLimit(.minutes(1))) struct PassageTests {
  private static let answer = #"""
    {"id":"c-1","object":"chat.completion","created":1,"model":"theirs","vendor":{"kept":[1.50]},"choices":[{"index":0,\#
    "message":{"role":"assistant","content":"Grüß Gott"},"finish_reason":"stop"}],\#
    "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}
    """#
  private static func chunk(_ choices: String, _ more: String = "") -> String {
    #"{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"theirs","choices":[\#(choices)]\#(more)}"#
  }
  private static let first = chunk(#"{"index":0,"delta":{"role":"assistant","content":"Grüß "},"finish_reason":null}"#)
  private static let rest = chunk(#"{"index":0,"delta":{"content":"Gott"},"finish_reason":"stop"}"#)
  private static let usage = chunk("", #","usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#)
  private static let whole = MockUpstream.response(answer)
  private static let stream = MockUpstream.stream([first, rest, usage, "[DONE]"])

  private struct Passed {
    let node: TestNode
    let mock: MockUpstream
    let meter: CountingMeter
  }

  /// A gateway in front of one upstream with this script.
  private static func with(
    _ answers: [MockUpstream.Step]..., deadlines: UpstreamDeadlines = UpstreamDeadlines(), attempts: Int = 4,
    meter: CountingMeter = CountingMeter(isImmediate: true), _ body: (Passed) async throws -> Void
  ) async throws {
    let mock = try await MockUpstream.serving(all: answers)
    var endpoint = UpstreamEndpoint(
      name: "mock", baseURLs: [mock.url], apiKeys: ["sk-1"], models: [.init(name: "ours", upstreamName: "theirs")])
    endpoint.deadlines = deadlines
    var policy = ResiliencePolicy()
    policy.firstPause = .milliseconds(1)
    policy.pauseLimit = .milliseconds(2)
    policy.attemptsPerModel = attempts
    let provider = UpstreamProvider([endpoint], policy: policy, seed: 7)
    do {
      try await TestNode.with(configure: { configuration, services in
        services.provider = provider
        services.meter = meter
      }) { node in
        try await body(Passed(node: node, mock: mock, meter: meter))
      }
    } catch {
      await provider.shutdown()
      throw error
    }
    await provider.shutdown()
    await mock.close()
  }

  private static func body(_ members: String = "") -> String {
    #"{"model":"ours","messages":[{"role":"user","content":"Hi \u2014 you"}]\#(members)}"#
  }
  private static let streamed = body(#","stream":true"#)

  /// One request on a connection that stays open, which is what can be passed on.
  private static func ask(_ passed: Passed, _ body: String) async throws -> Response {
    let connection = try await passed.node.connect()
    try await connection.send(TestNode.request("POST", "/v1/chat/completions", body))
    let response = try await connection.response()
    await connection.close()
    return response
  }

  @Test func aPlainAnswerIsPassedOnAsItCame() async throws {
    try await Self.with(Self.whole) { passed in
      let response = try await Self.ask(passed, Self.body(#","temperature":0.70"#))
      #expect(response.status == 200)
      #expect(response.body == Self.answer.replacingModel)
      #expect(response.header("content-type") == "application/json")
      #expect(response.headers.count { $0.name == "date" && $0.value.hasSuffix(" GMT") } == 1)
      let request = try #require(passed.mock.requests.first)
      #expect(request.hasSuffix(Self.body(#","temperature":0.70"#).replacing("\"ours\"", with: "\"theirs\"")))
      #expect(request.contains("authorization: Bearer sk-1\r\n"))
      #expect(request.contains("x-request-id: \(response.header("x-request-id") ?? "-")\r\n"))
      #expect(passed.meter.settlements.map(\.outcome) == [.finished])
      #expect(passed.meter.settlements.first?.usage == Usage(promptTokens: 3, completionTokens: 2))
      #expect(passed.meter.settlements.first?.model == "ours")
      #expect(passed.meter.immediate == 1)
    }
  }

  @Test func oneConnectionServesManyRequests() async throws {
    try await Self.with(Self.whole) { passed in
      let connection = try await passed.node.connect()
      for _ in 0..<20 {
        try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.body()))
        #expect(try await connection.response().status == 200)
        // Another route, in between.
        try await connection.send(TestNode.request("GET", "/v1/models"))
        #expect(try await connection.response().status == 200)
      }
      #expect(passed.mock.connections == 1)
      #expect(passed.meter.immediate == 20)
    }
  }

  @Test func requestsThatComeAtOnceAreAnsweredInTurn() async throws {
    try await Self.with(Self.whole) { passed in
      let connection = try await passed.node.connect()
      let chat = TestNode.request("POST", "/v1/chat/completions", Self.body())
      let models = TestNode.request("GET", "/v1/models")
      try await connection.send(chat + chat + models + chat)
      for isChat in [true, true, false, true] {
        let response = try await connection.response()
        #expect(response.status == 200)
        #expect(response.body.contains("chat.completion") == isChat)
      }
    }
  }

  @Test func aRequestMayComeInAnyPieces() async throws {
    try await Self.with(Self.whole) { passed in
      let text = TestNode.request("POST", "/v1/chat/completions", Self.body())
      for cut in stride(from: 1, to: text.utf8.count, by: 7) {
        let connection = try await passed.node.connect()
        try await connection.send(String(decoding: text.utf8.prefix(cut), as: UTF8.self))
        try await Task.sleep(for: .milliseconds(1))
        try await connection.send(String(decoding: text.utf8.dropFirst(cut), as: UTF8.self))
        #expect(try await connection.response().status == 200, "cut at \(cut)")
        // And once more, whole.
        try await connection.send(text)
        #expect(try await connection.response().status == 200, "after a cut at \(cut)")
        await connection.close()
      }
    }
  }

  @Test func aStreamIsPassedOnWithoutTheUsageThatNobodyAskedFor() async throws {
    try await Self.with(Self.stream) { passed in
      let response = try await Self.ask(passed, Self.streamed)
      #expect(response.header("content-type") == "text/event-stream; charset=utf-8")
      #expect(response.events == [Self.first.replacingModel, Self.rest.replacingModel, "[DONE]"])
      #expect(
        passed.mock.requests.first?.hasSuffix(#","stream":true,"stream_options":{"include_usage":true}}"#) == true)
      #expect(passed.meter.settlements.first?.usage == Usage(promptTokens: 3, completionTokens: 2))
      let asked = try await Self.ask(passed, Self.body(#","stream":true,"stream_options":{"include_usage":true}"#))
      #expect(asked.events == [Self.first, Self.rest, Self.usage].map(\.replacingModel) + ["[DONE]"])
    }
  }

  @Test(arguments: [whole, stream]) func whatTricklesByteByByteIsPassedOnWhole(
    _ script: [MockUpstream.Step]
  ) async throws {
    let bytes = script.flatMap { step -> [UInt8] in if case .bytes(let bytes) = step { bytes } else { [] } }
    let isStream = String(decoding: bytes, as: UTF8.self).contains("text/event-stream")
    try await Self.with(bytes.map { .bytes([$0]) } + [isStream ? .close : .stall]) { passed in
      let response = try await Self.ask(passed, isStream ? Self.streamed : Self.body())
      #expect(response.status == 200)
      #expect(isStream ? response.events.count == 3 : response.body == Self.answer.replacingModel)
    }
  }

  @Test(arguments: [
    MockUpstream.response("oops", status: "500 Internal Server Error"),
    MockUpstream.response("<html>hello</html>", type: "text/html"),
    MockUpstream.response(#"{"error":{"message":"gone wrong"}}"#),
    MockUpstream.response(#"{"choices":[{"mess"#),
    [MockUpstream.Step.bytes(Array(String(answer.dropLast(120)).utf8).response + [0xC3]), .close],
    [MockUpstream.Step.bytes(Array(answer.utf8.map { $0 == 0xBC ? 0x20 : $0 }).response)],
    [MockUpstream.Step.close],
    [MockUpstream.Step.bytes(Array("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n".utf8))],
    [MockUpstream.Step.bytes(Array("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".utf8))],
    [MockUpstream.Step.bytes([0, 1, 2, 255, 10, 10, 13]), .close],
  ])
  func whatFailsBeforeItsFirstByteIsTriedAgain(_ script: [MockUpstream.Step]) async throws {
    try await Self.with(script, Self.whole) { passed in
      let response = try await Self.ask(passed, Self.body())
      #expect(response.status == 200)
      #expect(response.body == Self.answer.replacingModel)
      #expect(passed.mock.requests.count == 2)
      #expect(passed.meter.settlements.map(\.outcome) == [.finished])
    }
  }

  @Test(arguments: [
    MockUpstream.stream([#"{"error":{"message":"overloaded","code":503}}"#]),
    [MockUpstream.streamHead, .bytes(Array("data: {\"choices\":[{\"delta\":{\"content\":\"".utf8) + [0xC3]), .close],
    [MockUpstream.streamHead, .close],
  ])
  func aStreamThatFailsBeforeItsFirstEventIsTriedAgain(_ script: [MockUpstream.Step]) async throws {
    try await Self.with(script, Self.stream) { passed in
      let response = try await Self.ask(passed, Self.streamed)
      #expect(response.events.last == "[DONE]")
      #expect(passed.mock.requests.count == 2)
    }
  }

  @Test func whatNobodyAnswersIsAnErrorOfTheUpstream() async throws {
    try await Self.with(MockUpstream.response("oops", status: "500 Internal Server Error"), attempts: 2) { passed in
      let connection = try await passed.node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.body()))
      let response = try await connection.response()
      #expect(response.status == 503)
      #expect(try response.error["code"]?.string == "unavailable")
      // The connection is as good as before.
      try await connection.send(TestNode.request("GET", "/v1/models"))
      #expect(try await connection.response().status == 200)
      #expect(passed.meter.settlements.map(\.outcome) == [.failed])
    }
  }

  @Test(
    arguments: [
      [MockUpstream.streamHead, .bytes(Array("data: \(first)\n\n".utf8)), .close],
      [MockUpstream.streamHead, .bytes(Array("data: \(first)\n\ndata: {\"choices\":[{\"delta\":\n\n".utf8)), .close],
    ] as [[MockUpstream.Step]])
  func aStreamThatDiesInItsMiddleEndsWithAnError(_ script: [MockUpstream.Step]) async throws {
    try await Self.with(script) { passed in
      let response = try await Self.ask(passed, Self.streamed)
      #expect(response.status == 200)
      #expect(!response.events.contains("[DONE]"))
      #expect(response.jsonEvents.last?["error"]?["code"]?.string == "unavailable")
      #expect(passed.mock.requests.count == 1)
      #expect(passed.meter.settlements.map(\.outcome) == [.failed])
    }
  }

  /// Lies, and what is believed instead of an answer of two pieces and eleven bytes: nil stands for the estimate of the prompt.
  private static let lies: [(usage: String, prompt: Int?, cached: Int, answer: Int)] = [
    (#"{"prompt_tokens":3,"completion_tokens":-7,"prompt_tokens_details":{"cached_tokens":90}}"#, 3, 3, 2),
    (#"{"prompt_tokens":3,"completion_tokens":536870912,"total_tokens":536870915}"#, 3, 0, 2),
    (#"{"prompt_tokens":536870912,"completion_tokens":2,"total_tokens":536870914}"#, nil, 0, 2),
    (#"{"prompt_tokens":3,"completion_tokens":0,"total_tokens":3}"#, 3, 0, 2),
    (#"{"prompt_tokens":3,"completion_tokens":1.5,"total_tokens":4.5}"#, 3, 0, 2),
    (#"{"prompt_tokens":"3","completion_tokens":null,"total_tokens":5}"#, nil, 0, 2),
    ("null", nil, 0, 2), ("[]", nil, 0, 2), (#"{"prompt_tokens":3,"completion_tokens":5,"total_tokens":99}"#, 3, 0, 5),
  ]

  @Test(arguments: lies.indices) func clientAndAccountAreToldTheSameOfWhatCannotBe(index: Int) async throws {
    let lie = Self.lies[index]
    let told = #""usage":\#(lie.usage)"#
    let whole = Self.answer.replacing(
      #""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#, with: told)
    let usage = Self.chunk("", "," + told)
    let within = Self.chunk(#"{"index":0,"delta":{"content":"Gott"},"finish_reason":"stop"}"#, "," + told)
    try await Self.with(
      MockUpstream.response(whole), MockUpstream.stream([Self.first, Self.rest, usage, "[DONE]"]),
      MockUpstream.stream([Self.first, within, "[DONE]"]), MockUpstream.stream([Self.first, usage, within, "[DONE]"])
    ) { passed in
      var clients: [Usage] = []
      func note(_ value: JSONValue?) {
        clients.append(
          Usage(
            promptTokens: value?["prompt_tokens"]?.integer ?? -1,
            cachedPromptTokens: value?["prompt_tokens_details"]?["cached_tokens"]?.integer ?? -1,
            completionTokens: value?["completion_tokens"]?.integer ?? -1))
      }
      let response = try await Self.ask(passed, Self.body())
      note(try response.json["usage"])
      #expect(try response.json["choices"]?[0]?["message"]?["content"]?.string == "Grüß Gott")
      for _ in 0..<3 {
        let stream = try await Self.ask(passed, Self.body(#","stream":true,"stream_options":{"include_usage":true}"#))
        #expect(stream.events.last == "[DONE]")
        let told = stream.jsonEvents.compactMap { $0["usage"] }.filter { !$0.isNull }
        #expect(told.count == 1, "what is not believed is not passed on")
        note(told.last)
      }
      let settlements = passed.meter.settlements
      #expect(settlements.map(\.usage) == clients)
      let prompt = PromptEstimate().tokens(messages: 1, bytes: "Hi — you".utf8.count)
      let expected = Usage(
        promptTokens: lie.prompt ?? prompt, cachedPromptTokens: lie.cached, completionTokens: lie.answer)
      // A whole answer comes in one piece: by its bytes, it is two tokens as well.
      #expect(clients.allSatisfy { $0 == expected }, "\(clients)")
      #expect(settlements.allSatisfy { $0.isChecked && $0.outcome == .finished })
      #expect(settlements.allSatisfy { $0.isExact == (lie.answer == 5) })
    }
  }

  @Test func ofAUsageThatCameTooEarlyTheClientHearsAgain() async throws {
    let early = Self.chunk("", #","usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}"#)
    try await Self.with(MockUpstream.stream([Self.first, early, Self.rest, "[DONE]"])) { passed in
      let stream = try await Self.ask(passed, Self.body(#","stream":true,"stream_options":{"include_usage":true}"#))
      #expect(stream.jsonEvents.last?["usage"]?["completion_tokens"]?.integer == 2)
      #expect(passed.meter.settlements.map(\.usage) == [Usage(promptTokens: 3, completionTokens: 2)])
      #expect(passed.meter.settlements.allSatisfy { !$0.isExact })
    }
  }

  @Test func anAnswerThatLacksSomethingIsPutIntoWords() async throws {
    let sparse = #"{"choices":[{"message":{"content":"Hallo"},"finish_reason":"eos"}]}"#
    let event = #"{"choices":[{"delta":{"content":"Hallo"},"finish_reason":"eos"}]}"#
    try await Self.with(MockUpstream.response(sparse), MockUpstream.stream([event, "[DONE]"])) { passed in
      let response = try await Self.ask(passed, Self.body())
      #expect(try response.json["object"]?.string == "chat.completion")
      #expect(try response.json["model"]?.string == "ours")
      #expect(try response.json["choices"]?[0]?["message"]?["content"]?.string == "Hallo")
      let stream = try await Self.ask(passed, Self.streamed)
      #expect(stream.events.last == "[DONE]")
      #expect(stream.jsonEvents.allSatisfy { $0["object"]?.string == "chat.completion.chunk" })
      #expect(stream.jsonEvents.compactMap { $0["choices"]?[0]?["delta"]?["content"]?.string }.joined() == "Hallo")
    }
  }

  @Test(
    arguments: [
      [MockUpstream.Step.stall], [MockUpstream.streamHead, .bytes(Array("data: \(first)\n\n".utf8)), .stall],
    ] as [[MockUpstream.Step]])
  func aClientThatLeavesIsSettledOnceAsCancelled(_ script: [MockUpstream.Step]) async throws {
    try await Self.with(script) { passed in
      let connection = try await passed.node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.streamed))
      try await TestNode.eventually { passed.mock.requests.count == 1 }
      if script.count > 1 { _ = await connection.read(through: "Grü") }
      await connection.close()
      try await TestNode.eventually { !passed.meter.settlements.isEmpty }
      #expect(passed.meter.settlements.map(\.outcome) == [.cancelled])
      #expect(passed.meter.settlements.first?.usage.completionTokens == script.count - 1 - (script.count > 1 ? 1 : 0))
      let metrics = try await passed.node.ask("GET", "/metrics")
      #expect(metrics.body.contains("prsm_http_requests_in_flight 1\n"))
    }
  }

  @Test func anUpstreamThatSaysNothingIsGivenUp() async throws {
    var deadlines = UpstreamDeadlines()
    deadlines.firstByte = .milliseconds(50)
    try await Self.with([.stall], deadlines: deadlines, attempts: 1) { passed in
      let given = try await Self.ask(passed, Self.streamed)
      #expect(given.status == 504)
      #expect(passed.meter.settlements.map(\.outcome) == [.failed])
    }
  }

  @Test func anUpstreamThatFallsSilentIsGivenUp() async throws {
    // The head comes in one piece with the first event, so that no delay of this machine can part them.
    let head = if case .bytes(let bytes) = MockUpstream.streamHead { bytes } else { [UInt8]() }
    var deadlines = UpstreamDeadlines()
    deadlines.betweenTokens = .milliseconds(50)
    try await Self.with(
      [.bytes(head + Array("data: \(Self.first)\n\n".utf8)), .stall], deadlines: deadlines, attempts: 1
    ) { passed in
      let broken = try await Self.ask(passed, Self.streamed)
      #expect(broken.jsonEvents.last?["error"]?["code"]?.string == "timeout")
      #expect(passed.meter.settlements.map(\.outcome) == [.failed])
    }
  }

  @Test func aShutdownFinishesWhatIsPassedOn() async throws {
    try await Self.with([MockUpstream.streamHead, .bytes(Array("data: \(Self.first)\n\n".utf8)), .stall]) { passed in
      let connection = try await passed.node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.streamed))
      _ = await connection.read(through: "Grü")
      await passed.node.shutDown()
      await connection.close()
      try await TestNode.eventually { !passed.meter.settlements.isEmpty }
      #expect(passed.meter.settlements.map(\.outcome) == [.cancelled])
    }
  }

  @Test func aShutdownSendsTheAnswerThatItWaitedFor() async throws {
    let gate = MockUpstream.Gate()
    try await Self.with([.gate(gate)] + Self.whole) { passed in
      let connection = try await passed.node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.body()))
      try await TestNode.eventually { passed.mock.requests.count == 1 }
      await passed.node.shutDown()
      // It listens no more: from here on every answer is its connection's last.
      while let other = try? await passed.node.connect() { await other.close() }
      gate.open()
      let response = try await connection.response()
      #expect(response.status == 200)
      #expect(response.body == Self.answer.replacingModel)
      #expect(response.header("connection") == "close")
      await connection.close()
    }
  }

  @Test func ofATextNothingButItsSizeIsAskedFor() async throws {
    let messages = [
      #"[{"role":"user","content":"Hi — you"}]"#,
      #"[{"role":"system","content":""},{"role":"user","name":"zoë","content":"1 + 1 = 2?"}]"#,
      #"[{"role":"user","content":"with \"escapes\""}]"#,
    ]
    try await Self.with(Self.whole) { passed in
      for text in messages {
        let given = try await Self.ask(passed, #"{"model":"ours","seed":1,"max_tokens":7,"messages":\#(text)}"#)
        #expect(given.status == 200)
      }
      #expect(passed.meter.immediate == messages.count)
      #expect(passed.meter.sizes.count == 2, "escapes are longer than what they stand for")
      for (size, whole) in passed.meter.sizes {
        guard case .messages(let messages) = whole.prompt else { return #expect(Bool(false), "there are messages") }
        let texts = messages.flatMap { [$0.text, $0.name ?? ""] }
        #expect(size.messages == messages.count)
        #expect(size.bytes == texts.reduce(0) { $0 + $1.utf8.count })
        #expect(size.maximumOutputTokens == 7 && whole.maximumOutputTokens == 7)
        #expect(size.isDeterministic && size.model == "ours")
      }
    }
  }

  @Test(arguments: [
    #","tools":[{"type":"function","function":{"name":"f"}}]"#, #","n":2"#, #","logprobs":true"#, #","unknown":1"#,
    #","temperature":7"#, #","max_tokens":0"#, #","stream":"yes""#, #","max_tokens":1,"max_tokens":2"#,
  ])
  func whatCannotBePassedOnGoesTheLongWay(_ members: String) async throws {
    try await Self.with(Self.whole) { passed in
      let connection = try await passed.node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.body(members)))
      let response = try await connection.response()
      #expect([200, 400].contains(response.status))
      // What the short way hands back is what the upstream sent.
      #expect(response.body != Self.answer.replacingModel)
      try await TestNode.eventually { response.status == 400 || !passed.meter.settlements.isEmpty }
      #expect(passed.meter.settlements.allSatisfy { $0.outcome == .finished })
      // And then the short way again.
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.body()))
      #expect(try await connection.response().body == Self.answer.replacingModel)
    }
  }

  @Test func wordsForThinkingReachTheUpstreamAsTheyCame() async throws {
    try await Self.with(Self.whole) { passed in
      let words = #","thinking":{"type":"enabled","budget_tokens":2000},"reasoning":{"effort":"low"}"#
      #expect(try await Self.ask(passed, Self.body(words)).status == 200)
      let request = try #require(passed.mock.requests.first)
      let json = try JSONValue.parse(String(request.suffix(from: try #require(request.firstIndex(of: "{")))))
      #expect(json["thinking"] == ["type": "enabled", "budget_tokens": 2_000])
      #expect(json["reasoning"] == ["effort": "low"])
      // What is no object means nothing to anybody.
      let refused = try await Self.ask(passed, Self.body(#","thinking":"hard""#))
      #expect(refused.status == 400 && refused.body.contains("thinking"))
    }
  }

  @Test func aBudgetThatIsSpentRefuses() async throws {
    let meter = CountingMeter(refusal: GenerationError(.budgetExceeded, "no more"), isImmediate: true)
    try await Self.with(Self.whole, meter: meter) { passed in
      let response = try await Self.ask(passed, Self.body())
      #expect(response.status == 429)
      #expect(passed.mock.requests.isEmpty)
    }
  }
}

extension String {
  /// With the upstream's name of the model replaced by the node's.
  fileprivate var replacingModel: String { replacing("\"theirs\"", with: "\"ours\"") }
}

extension [UInt8] {
  /// These bytes as the body of a response that states a length that they do not have when more is appended.
  fileprivate var response: [UInt8] {
    Array("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: \(count)\r\n\r\n".utf8) + self
  }
}
