import HostileUpstream
import ModelInterface
import Testing

@testable import Providers

/// The provider in front of upstreams that misbehave over real connections.
@Suite(.timeLimit(.minutes(1))) struct UpstreamProviderTests {
  private static let answer = #"""
    {"choices":[{"message":{"content":"Grüß Gott"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}
    """#
  private static let first = #"{"choices":[{"delta":{"content":"Grüß "}}]}"#
  private static let rest = #"{"choices":[{"delta":{"content":"Gott"},"finish_reason":"stop"}]}"#

  private static var quick: ResiliencePolicy {
    var policy = ResiliencePolicy()
    policy.firstPause = .milliseconds(1)
    policy.pauseLimit = .milliseconds(2)
    return policy
  }

  /// What a model behind the mocks answers.
  private static func ask(
    _ mocks: [MockUpstream], isStreamed: Bool, kind: UpstreamEndpoint.Kind = .openAI, keys: [String] = [],
    deadlines: UpstreamDeadlines = UpstreamDeadlines()
  ) async throws -> [GenerationEvent] {
    var endpoint = UpstreamEndpoint(
      name: "mock", kind: kind, baseURLs: mocks.map(\.url), apiKeys: keys, models: [.init(name: "m")])
    endpoint.deadlines = deadlines
    let provider = UpstreamProvider([endpoint], policy: quick, seed: 7)
    var events: [GenerationEvent] = []
    var failure: (any Error)?
    do {
      var request = GenerationRequest(
        model: "m", prompt: .messages([Message(role: .user, text: "Hi")]), context: RequestContext(requestID: "r"))
      request.isStreamed = isStreamed
      for try await event in try await provider.generate(request) { events.append(event) }
    } catch {
      failure = error
    }
    await provider.shutdown()
    for mock in mocks { await mock.close() }
    if let failure { throw failure }
    return events
  }

  private static func text(_ events: [GenerationEvent]) -> String {
    events.map { if case .text(let piece) = $0 { piece.text } else { "" } }.joined()
  }

  private static func kind(_ body: () async throws -> [GenerationEvent]) async -> GenerationError.Kind? {
    do { _ = try await body() } catch { return (error as? GenerationError)?.kind }
    return nil
  }

  @Test func aPlainAnswerComesWhole() async throws {
    let mock = try await MockUpstream.serving(MockUpstream.response(Self.answer))
    let events = try await Self.ask([mock], isStreamed: false)
    #expect(Self.text(events) == "Grüß Gott")
    #expect(events.last == .finished(.checked(.stop, Usage(promptTokens: 3, completionTokens: 2))))
  }

  @Test func aStreamThatTricklesByteByByteLosesNoCharacter() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.stream([Self.first, Self.rest, "[DONE]"], trickles: true))
    #expect(Self.text(try await Self.ask([mock], isStreamed: true)) == "Grüß Gott")
  }

  @Test(arguments: [
    MockUpstream.response("oops", status: "500 Internal Server Error"),
    MockUpstream.response("<html>hello</html>", type: "text/html"),
    MockUpstream.response(#"{"error":{"message":"gone wrong"}}"#),
    MockUpstream.response(#"{"choices":[{"mess"#),
    [MockUpstream.Step.close],
    MockUpstream.stream([#"{"error":{"message":"overloaded","code":503}}"#]),
    MockUpstream.stream([#"{"choices":[{"delta":{"role":"assistant"}}]}"#]),
    [MockUpstream.streamHead, .bytes(Array("data: {\"choices\":[{\"delta\":{\"content\":\"".utf8) + [0xC3]), .close],
    [MockUpstream.Step.bytes([0, 1, 2, 255, 10, 10, 13]), .close],
  ])
  func whatFailsBeforeAnEventIsTriedAgain(script: [MockUpstream.Step]) async throws {
    let mock = try await MockUpstream.serving(script, MockUpstream.stream([Self.first, Self.rest, "[DONE]"]))
    #expect(Self.text(try await Self.ask([mock], isStreamed: true)) == "Grüß Gott")
    #expect(mock.requests.count == 2)
  }

  @Test func aStreamThatDiesAfterAnEventIsNotTriedAgain() async throws {
    let mock = try await MockUpstream.serving(MockUpstream.stream([Self.first]))
    let kind = await Self.kind { try await Self.ask([mock], isStreamed: true) }
    #expect(kind == .unavailable)
    #expect(mock.requests.count == 1)
  }

  @Test func aMissingDoneIsForgivenOnceTheReasonIsKnown() async throws {
    let mock = try await MockUpstream.serving(MockUpstream.stream([Self.first, Self.rest]))
    #expect(Self.text(try await Self.ask([mock], isStreamed: true)) == "Grüß Gott")
  }

  @Test func aRateLimitInsideAnAnswerIsOne() async throws {
    let script = MockUpstream.response(#"{"error":{"message":"slow down","code":429}}"#)
    let mock = try await MockUpstream.serving(script, MockUpstream.response(Self.answer))
    #expect(Self.text(try await Self.ask([mock], isStreamed: false)) == "Grüß Gott")
  }

  @Test func silenceEndsWithTheDeadlineItBroke() async throws {
    var deadlines = UpstreamDeadlines()
    deadlines.betweenTokens = .milliseconds(50)
    let mock = try await MockUpstream.serving(MockUpstream.stream([Self.first], end: .stall))
    let kind = await Self.kind { try await Self.ask([mock], isStreamed: true, deadlines: deadlines) }
    #expect(kind == .timedOut)
    deadlines = UpstreamDeadlines()
    deadlines.firstByte = .milliseconds(300)
    let silent = try await MockUpstream.serving([.stall], MockUpstream.stream([Self.first, Self.rest]))
    #expect(Self.text(try await Self.ask([silent], isStreamed: true, deadlines: deadlines)) == "Grüß Gott")
    deadlines = UpstreamDeadlines()
    deadlines.whole = .milliseconds(50)
    let stuck = try await MockUpstream.serving([.stall])
    let whole = await Self.kind { try await Self.ask([stuck], isStreamed: false, deadlines: deadlines) }
    #expect(whole == .timedOut)
  }

  @Test func aRefusedKeyGivesWayToTheNext() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.response("{}", status: "401 Unauthorized"), MockUpstream.response(Self.answer))
    #expect(Self.text(try await Self.ask([mock], isStreamed: false, keys: ["one", "two"])) == "Grüß Gott")
    #expect(mock.requests.count == 2)
  }

  @Test func argumentsThatACallBeginsWithAreNotLost() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.stream([
        #"{"type":"message_start","message":{"usage":{"input_tokens":5,"output_tokens":1}}}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":1}}}"#,
        #"{"type":"content_block_stop","index":0}"#, #"{"type":"message_stop"}"#,
      ]))
    let events = try await Self.ask([mock], isStreamed: true, kind: .anthropic, keys: ["secret"])
    #expect(events.contains(.toolCall(ToolCallPiece(index: 0, arguments: #"{"a":1}"#))))
  }

  @Test func anthropicStreamsBecomeEvents() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.stream([
        #"{"type":"message_start","message":{"usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":1}}}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}}"#,
        #"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        #"{"type":"content_block_stop","index":0}"#, #"{"type":"ping"}"#,
        #"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"f","input":{}}}"#,
        #"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\":1}"}}"#,
        #"{"type":"content_block_stop","index":1}"#,
        #"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
        #"{"type":"message_stop"}"#,
      ]))
    let events = try await Self.ask([mock], isStreamed: true, kind: .anthropic, keys: ["secret"])
    #expect(
      events.dropFirst() == [
        .reasoning("hm"), .toolCall(ToolCallPiece(index: 0, id: "t1", name: "f")),
        .toolCall(ToolCallPiece(index: 0, arguments: #"{"a":1}"#)),
        .finished(
          .checked(.toolCalls, Usage(promptTokens: 12, cachedPromptTokens: 7, completionTokens: 9))),
      ])
    let request = try #require(mock.requests.first)
    #expect(request.contains("/v1/messages") && request.contains("x-api-key: secret"))
    #expect(request.contains("anthropic-version: 2023-06-01") && request.contains(#""max_tokens":4096"#))
  }
}
