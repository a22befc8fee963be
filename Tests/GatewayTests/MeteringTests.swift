import Gateway
import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct MeteringTests {
  private static let stream = TestNode.chat("one two", [("stream", true)])

  @Test func aFinishedAnswerIsSettledOnceWithWhatItTook() async throws {
    let meter = CountingMeter()
    try await TestNode.with(configure: { $1.meter = meter }) { node async throws in
      for body in [TestNode.chat("one two"), Self.stream] {
        #expect(try await node.ask("POST", "/v1/chat/completions", body).status == 200)
      }
      try await TestNode.eventually { meter.settlements.count == 2 }
    }
    #expect(meter.reserved == 2)
    #expect(meter.settlements.count == 2)
    #expect(meter.settlements.allSatisfy { $0.outcome == .finished && $0.isExact && $0.usage.completionTokens == 2 })
    #expect(meter.settlements.allSatisfy { $0.model == "scripted" && $0.provider == "test" })
  }

  @Test func anAnswerThatFailsIsSettledOnceWithWhatWasSeen() async throws {
    let gate = Gate()
    gate.open()
    let meter = CountingMeter()
    try await TestNode.with(ScriptedProvider(script: breaking(after: gate)), configure: { $1.meter = meter }) {
      node async throws in
      #expect(try await node.ask("POST", "/v1/chat/completions", TestNode.chat("x")).status == 503)
      #expect([200, 503].contains(try await node.ask("POST", "/v1/chat/completions", Self.stream).status))
      #expect(try await node.ask("POST", "/v1/responses", ["model": "scripted", "input": "x"]).status == 503)
    }
    #expect(meter.reserved == 3)
    #expect(meter.settlements.count == 3)
    #expect(meter.settlements.allSatisfy { $0.outcome == .failed && !$0.isExact && $0.usage.completionTokens == 1 })
  }

  @Test func aProviderThatRefusesIsSettledOnce() async throws {
    let meter = CountingMeter()
    try await TestNode.with(configure: { $1.meter = meter }) { node async throws in
      let body: JSONValue = ["model": "none", "messages": [["role": "user", "content": "hi"]]]
      #expect(try await node.ask("POST", "/v1/chat/completions", body).status == 404)
      #expect(try await node.ask("POST", "/v1/embeddings", ["model": "none", "input": "x"]).status == 404)
    }
    #expect(meter.reserved == 2)
    #expect(meter.settlements.map(\.outcome) == [.failed, .failed])
  }

  @Test(arguments: [true, false]) func aClientThatLeavesIsSettledOnceAsCancelled(_ isStreamed: Bool) async throws {
    let meter = CountingMeter()
    try await TestNode.with(ScriptedProvider(script: endless), configure: { $1.meter = meter }) { node async throws in
      let connection = try await node.connect()
      let body = TestNode.chat("hi", [("stream", .bool(isStreamed)), ("n", 2)])
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", body.text))
      try await TestNode.eventually { node.provider.running == 2 }
      await connection.close()
      try await TestNode.eventually { meter.settlements.count == 2 }
    }
    #expect(meter.reserved == 2)
    #expect(meter.settlements.map(\.outcome) == [.cancelled, .cancelled])
  }

  @Test func whatIsStoppedByAShutdownIsSettled() async throws {
    let meter = CountingMeter()
    try await TestNode.with(
      ScriptedProvider(script: endless),
      configure: { configuration, services in
        services.meter = meter
        configuration.drainTime = .milliseconds(50)
      }
    ) { node async throws in
      let connection = try await node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", Self.stream.text))
      _ = await connection.read(through: "word ")
    }
    #expect(meter.settlements.map(\.outcome) == [.cancelled])
  }

  @Test func withoutABudgetNothingRuns() async throws {
    let meter = CountingMeter(refusal: GenerationError(.budgetExceeded, "The budget of this key is used up."))
    try await TestNode.with(configure: { $1.meter = meter }) { node async throws in
      let response = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("hi"))
      #expect(response.status == 429)
      #expect(try response.error["code"] == "insufficient_quota")
      #expect(node.provider.requests.isEmpty)
    }
    #expect(meter.settlements.isEmpty)
  }

  @Test func embeddingsAreMeteredToo() async throws {
    let meter = CountingMeter()
    try await TestNode.with(configure: { $1.meter = meter }) { node async throws in
      #expect(try await node.ask("POST", "/v1/embeddings", ["model": "scripted", "input": "a b"]).status == 200)
    }
    #expect(meter.settlements.map(\.usage.promptTokens) == [2])
  }

  @Test func theNodesOwnLimitBoundsEveryAnswer() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.requests.outputTokens = 1 }) {
      node async throws in
      let body = TestNode.chat("one two three", [("max_tokens", 50)])
      let json = try await node.ask("POST", "/v1/chat/completions", body).json
      #expect(json["choices"]?[0]?["finish_reason"] == "length")
      #expect(json["usage"]?["completion_tokens"] == 1)
    }
  }

  @Test(arguments: [true, false]) func anAnswerWhoseProviderReportsNothingCountsAsSeen(_ isStreamed: Bool) async throws
  {
    let silent: ScriptedProvider.Script = { (_, continuation) async throws(GenerationError) in
      continuation.yield(.text(TextPiece("one two ")))
      continuation.yield(.text(TextPiece(String(repeating: "x", count: 392))))
      continuation.yield(.finished(Completion(reason: .stop, usage: Usage())))
    }
    let meter = CountingMeter()
    try await TestNode.with(ScriptedProvider(script: silent), configure: { $1.meter = meter }) { node async throws in
      let body = TestNode.chat("hi", [("stream", .bool(isStreamed))])
      #expect(try await node.ask("POST", "/v1/chat/completions", body).status == 200)
      try await TestNode.eventually { meter.settlements.count == 1 }
    }
    #expect(meter.settlements.map(\.usage) == [Usage(completionTokens: 100)])
    #expect(meter.settlements.allSatisfy { $0.outcome == .finished && !$0.isExact })
  }
}
