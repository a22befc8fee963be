import Foundation
import HostileUpstream
import ModelInterface
import Testing

@testable import Providers

/// What upstreams do to a request on the wire: refuse, hurry, race, compress, lie, and be replaced.
@Suite(.timeLimit(.minutes(1))) struct UpstreamWireTests {
  private static let answer = #"""
    {"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}
    """#

  private static var quick: ResiliencePolicy {
    var policy = ResiliencePolicy()
    policy.firstPause = .milliseconds(1)
    policy.pauseLimit = .milliseconds(2)
    return policy
  }

  private static func endpoint(_ mocks: MockUpstream..., kind: UpstreamEndpoint.Kind = .openAI) -> UpstreamEndpoint {
    UpstreamEndpoint(name: "mock", kind: kind, baseURLs: mocks.map(\.url), apiKeys: ["k"], models: [.init(name: "m")])
  }

  private static func request(_ text: String = "Hi", isStreamed: Bool = false) -> GenerationRequest {
    var request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .user, text: text)]), context: RequestContext(requestID: "r"))
    request.isStreamed = isStreamed
    return request
  }

  /// Lends a provider and shuts it and its mocks down afterwards.
  private static func with(
    _ endpoint: UpstreamEndpoint, _ mocks: [MockUpstream], policy: ResiliencePolicy = quick,
    _ body: (UpstreamProvider) async throws -> Void
  ) async throws {
    let provider = UpstreamProvider([endpoint], policy: policy, seed: 7)
    var failure: (any Error)?
    do { try await body(provider) } catch { failure = error }
    await provider.shutdown()
    for mock in mocks { await mock.close() }
    if let failure { throw failure }
  }

  private static func text(_ provider: UpstreamProvider, _ request: GenerationRequest) async throws -> String {
    var text = ""
    for try await event in try await provider.generate(request) {
      if case .text(let piece) = event { text += piece.text }
    }
    return text
  }

  private static func failure(_ body: () async throws -> Void) async -> GenerationError? {
    do { try await body() } catch { return error as? GenerationError }
    return nil
  }

  @Test(arguments: ["retry-after: 0\r\n", "retry-after-ms: 5\r\n"])
  func aShortPauseThatAnUpstreamAsksForIsKept(header: String) async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.response("{}", status: "429 Too Many Requests", headers: header), MockUpstream.response(Self.answer))
    try await Self.with(Self.endpoint(mock), [mock]) { provider async throws in
      #expect(try await Self.text(provider, Self.request()) == "yes")
      #expect(mock.requests.count == 2)
      #expect(provider.snapshot().endpoints.first?.counts.refusals == 1)
    }
  }

  @Test func aLongPauseIsPassedOnToTheClient() async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.response("{}", status: "429 Too Many Requests", headers: "retry-after: 3600\r\n"))
    try await Self.with(Self.endpoint(mock), [mock]) { provider async throws in
      let error = await Self.failure { _ = try await Self.text(provider, Self.request()) }
      guard case .overloaded(let pause)? = error?.kind else {
        Issue.record("expected overloaded, found \(String(describing: error))")
        return
      }
      #expect(pause > .seconds(3_500) && pause <= .seconds(3_600))
      #expect(mock.requests.count == 1)
    }
  }

  @Test func aSlowRequestIsSentAgainElsewhereAndTheFasterAnswerWins() async throws {
    let fast = MockUpstream.response(Self.answer)
    let slow = try await MockUpstream.serving(fast, fast, fast, fast, [.stall])
    let quick = try await MockUpstream.serving(fast)
    var endpoint = Self.endpoint(slow, quick)
    endpoint.hedges = true
    var policy = Self.quick
    policy.hedgeSamples = 4
    policy.hedgeShare = 1
    try await Self.with(endpoint, [slow, quick], policy: policy) { provider async throws in
      // Both are asked in turn until the first of them falls silent.
      for _ in 0..<12 { #expect(try await Self.text(provider, Self.request()) == "yes") }
      let totals = provider.snapshot().totals
      #expect(totals.hedgesWon >= 1 && totals.hedges >= totals.hedgesWon)
      #expect(totals.retries == 0 && totals.failures == 0)
    }
  }

  @Test func withoutLeaveNothingIsSentTwice() async throws {
    let fast = MockUpstream.response(Self.answer)
    let mock = try await MockUpstream.serving(fast)
    var policy = Self.quick
    policy.hedgeSamples = 1
    policy.hedgeShare = 1
    try await Self.with(Self.endpoint(mock), [mock], policy: policy) { provider async throws in
      for _ in 0..<20 { _ = try await Self.text(provider, Self.request()) }
      #expect(mock.requests.count == 20)
      #expect(provider.snapshot().totals.hedges == 0)
    }
  }

  @Test(arguments: [true, false])
  func whoSendsTheKeyBackDoesNotGiveItAway(isStreamed: Bool) async throws {
    let body = #"{"error":{"message":"no such key: Bearer sk-secret-1234"}}"#
    let mock = try await MockUpstream.serving(MockUpstream.response(body, status: "401 Unauthorized"))
    var endpoint = Self.endpoint(mock)
    endpoint.apiKeys = ["sk-secret-1234"]
    try await Self.with(endpoint, [mock]) { provider async throws in
      let error = await Self.failure { _ = try await Self.text(provider, Self.request(isStreamed: isStreamed)) }
      #expect(error?.kind == .upstreamUnauthorized && error?.message.contains("Bearer [key]") == true)
      // While the key rests, it is still the key that is wrong, and not the pace.
      let next = await Self.failure { _ = try await Self.text(provider, Self.request(isStreamed: isStreamed)) }
      #expect(next?.kind == .upstreamUnauthorized && next?.message.contains("it refused its key") == true)
      #expect(mock.requests.count == 1)
    }
  }

  @Test func anAnswerThatIsCompressedUnaskedIsTriedElsewhere() async throws {
    let squeezed = try await MockUpstream.serving(
      MockUpstream.response("\u{1F}\u{8B}", headers: "content-encoding: gzip\r\n"))
    let plain = try await MockUpstream.serving(MockUpstream.response(Self.answer))
    try await Self.with(Self.endpoint(squeezed, plain), [squeezed, plain]) { provider async throws in
      #expect(try await Self.text(provider, Self.request()) == "yes")
      #expect(squeezed.requests.first?.lowercased().contains("accept-encoding: gzip") == false)
    }
  }

  @Test func anEndpointThatKeepsFailingIsLeftAloneAndTheOtherAsked() async throws {
    let broken = try await MockUpstream.serving([.close])
    let sound = try await MockUpstream.serving(MockUpstream.response(Self.answer))
    try await Self.with(Self.endpoint(broken, sound), [broken, sound]) { provider async throws in
      for _ in 0..<30 { #expect(try await Self.text(provider, Self.request()) == "yes") }
      let endpoint = try #require(provider.snapshot().endpoints.first)
      #expect(endpoint.breaker == "open" && endpoint.counts.openings == 1)
      #expect(broken.requests.count == 5)
      #expect(provider.snapshot().healthyModels == ["m"])
    }
  }

  @Test func aModelWhoseOnlyEndpointIsLeftAloneIsNotHealthy() async throws {
    let broken = try await MockUpstream.serving([.close])
    try await Self.with(Self.endpoint(broken), [broken]) { provider async throws in
      for _ in 0..<3 { _ = await Self.failure { _ = try await Self.text(provider, Self.request()) } }
      #expect(provider.snapshot().healthyModels.isEmpty)
    }
  }

  @Test func aCharacterCutInHalfForGoodIsAnErrorAndNotAnAnswer() async throws {
    let head = Array(#"data: {"choices":[{"delta":{"content":"Gr"#.utf8)
    let first = Array("data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n".utf8)
    let rest = Array("\"}}]}\n\n".utf8)
    let mock = try await MockUpstream.serving([
      MockUpstream.streamHead, .bytes(first), .bytes(head + [0xC3] + rest), .close,
    ])
    try await Self.with(Self.endpoint(mock), [mock]) { provider async throws in
      let error = await Self.failure { _ = try await Self.text(provider, Self.request(isStreamed: true)) }
      #expect(error?.kind == .unavailable)
    }
  }

  @Test func aStreamEndsAsItBeganAlthoughItsUpstreamIsReplaced() async throws {
    let first = #"{"choices":[{"delta":{"content":"old "}}]}"#
    let mock = try await MockUpstream.serving([
      MockUpstream.streamHead, .bytes(Array("data: \(first)\n\n".utf8)), .stall,
    ])
    let next = try await MockUpstream.serving(MockUpstream.response(Self.answer))
    try await Self.with(Self.endpoint(mock), [mock, next]) { provider async throws in
      let iterator = try await provider.generate(Self.request(isStreamed: true)).makeAsyncIterator()
      _ = try await iterator.next()
      var replaced = Self.endpoint(next)
      replaced.models = [.init(name: "m"), .init(name: "new")]
      provider.replace([replaced], policy: Self.quick, seed: 1)
      #expect(provider.answers(for: "new"))
      #expect(try await Self.text(provider, Self.request()) == "yes")
      #expect(try await iterator.next() == .text(TextPiece("old ")))
    }
  }

  @Test func theFallbackProviderAsksTheNextModelBeforeTheFirstEventOnly() async throws {
    let mock = try await MockUpstream.serving(MockUpstream.response(Self.answer))
    try await Self.with(Self.endpoint(mock), [mock]) { provider async throws in
      let front = FallbackProvider(ModelDirectory([provider], owner: { provider.answers(for: $0) ? 0 : nil }))
      var request = Self.request()
      request.model = "gone"
      request.fallbacks = ["gone too", "m"]
      var events: [GenerationEvent] = []
      for try await event in try await front.generate(request) { events.append(event) }
      let notes = ["x-prsm-fallback": "from=gone; model=m"]
      #expect(events.first == .started(GenerationStart(model: "m", provider: "mock", notes: notes)))
      #expect(events.count == 3)
      request.fallbacks = []
      let error = await Self.failure { _ = try await front.generate(request) }
      #expect(error?.kind == .modelNotFound)
    }
  }

  // MARK: Anthropic

  private static let anthropicAnswer = #"""
    {"type":"message","content":[{"type":"text","text":"yes"}],"stop_reason":"end_turn",
    "usage":{"input_tokens":3,"output_tokens":2}}
    """#

  /// The body that Anthropic's API is sent for a request.
  private static func anthropicBody(_ request: GenerationRequest) async throws -> JSONValue {
    let mock = try await MockUpstream.serving(MockUpstream.response(anthropicAnswer))
    var sent = ""
    try await with(endpoint(mock, kind: .anthropic), [mock]) { provider async throws in
      _ = try await Self.text(provider, request)
      sent = mock.requests.first ?? ""
    }
    let body = try #require(sent.range(of: "\r\n\r\n")).upperBound
    return try JSONValue.parse(String(sent[body...]))
  }

  @Test func aConversationWithToolsIsPutIntoAnthropicsWords() async throws {
    var call = Message(role: .assistant, content: [])
    call.toolCalls = [ToolCall(id: "t1", name: "weather", arguments: #"{"city":"Paris"}"#)]
    var request = Self.request()
    request.prompt = .messages([
      Message(role: .system, text: "Be brief."), Message(role: .developer, text: "No jokes."),
      Message(role: .user, content: [.text("Look"), .image(url: "data:image/png;base64,QUJD", detail: nil)]), call,
      Message(role: .tool, content: [.text("18 degrees")], toolCallID: "t1"),
      Message(role: .user, text: "And?"),
    ])
    request.tools = [
      Tool(name: "weather", summary: "Tells the weather.", parameters: ["type": "object"]), Tool(name: "now"),
    ]
    request.toolChoice = .required
    request.allowsParallelToolCalls = false
    request.stopSequences = ["END"]
    request.maximumOutputTokens = 77
    request.sampling.temperature = 2
    let body = try await Self.anthropicBody(request)
    #expect(
      body["system"] == [["type": "text", "text": "Be brief."], ["type": "text", "text": "No jokes."]])
    #expect(body["max_tokens"] == 77 && body["stop_sequences"] == ["END"])
    #expect(body["temperature"]?.double == 1, "the API takes at most 1")
    #expect(body["tool_choice"] == ["type": "any", "disable_parallel_tool_use": true])
    let tools = try #require(body["tools"]?.array)
    #expect(tools.map { $0["name"]?.string } == ["weather", "now"])
    #expect(tools.allSatisfy { $0["input_schema"]?["type"] == "object" })
    let messages = try #require(body["messages"]?.array)
    #expect(messages.map { $0["role"]?.string } == ["user", "assistant", "user"])
    #expect(
      messages[0]["content"]?.array?.last == [
        "type": "image", "source": ["type": "base64", "media_type": "image/png", "data": "QUJD"],
      ])
    #expect(
      messages[1]["content"] == [["type": "tool_use", "id": "t1", "name": "weather", "input": ["city": "Paris"]]])
    #expect(
      messages[2]["content"] == [
        ["type": "tool_result", "tool_use_id": "t1", "content": [["type": "text", "text": "18 degrees"]]],
        ["type": "text", "text": "And?"],
      ])
  }

  @Test func instructionsAloneAreAskedOfAnthropicAsATurn() async throws {
    var request = Self.request()
    request.prompt = .messages([Message(role: .system, text: "Sing.")])
    let body = try await Self.anthropicBody(request)
    #expect(body["system"] == nil)
    #expect(body["messages"] == [["role": "user", "content": [["type": "text", "text": "Sing."]]]])
  }

  @Test func aSchemaBecomesAToolThatHasToBeCalled() async throws {
    var request = Self.request()
    request.responseFormat = .jsonSchema(name: "point", schema: ["type": "object"], isStrict: true)
    request.reasoningEffort = "high"
    let body = try await Self.anthropicBody(request)
    #expect(body["tools"]?.array?.count == 1)
    #expect(body["tool_choice"] == ["type": "tool", "name": "point"])
    #expect(body["thinking"] == nil, "a forced tool leaves no room for thoughts")
  }

  @Test func thinkingTakesAtMostHalfOfTheOutputLimit() async throws {
    var request = Self.request()
    request.reasoningEffort = "high"
    request.maximumOutputTokens = 4_000
    request.sampling.temperature = 0.5
    let body = try await Self.anthropicBody(request)
    #expect(body["thinking"] == ["type": "enabled", "budget_tokens": 2_000])
    #expect(body["temperature"] == nil)
  }

  @Test func whoAsksInAnthropicsOwnWordsIsNotTranslated() async throws {
    let thinking: JSONValue = ["type": "enabled", "budget_tokens": 3_000]
    var request = Self.request()
    request.passthrough = ["thinking": thinking, "reasoning": ["effort": "low"]]
    request.reasoningEffort = "high"
    let body = try await Self.anthropicBody(request)
    #expect(body["thinking"] == thinking && body["reasoning"] == nil)
    request.responseFormat = .jsonSchema(name: "point", schema: ["type": "object"], isStrict: true)
    #expect(try await Self.anthropicBody(request)["thinking"] == nil, "a forced tool leaves no room for thoughts")
  }

  @Test func thoughtsAreAskedOfOpenAIAsAnEffortAndOfOthersInTheirOwnWords() throws {
    func body(_ members: JSONObject, effort: String? = nil, isOpenAI: Bool) throws -> JSONValue {
      var request = Self.request()
      request.passthrough = members
      request.reasoningEffort = effort
      return try JSONValue.parse(try request.openAI(model: "m", isOpenAI: isOpenAI))
    }
    let thinking: JSONObject = ["thinking": ["type": "enabled", "budget_tokens": 8_192]]
    let other = try body(thinking, isOpenAI: false)
    #expect(other["thinking"]?["budget_tokens"] == 8_192 && other["reasoning_effort"] == nil)
    let own = try body(thinking, isOpenAI: true)
    #expect(own["thinking"] == nil && own["reasoning_effort"] == "medium")
    #expect(try body(thinking, effort: "low", isOpenAI: true)["reasoning_effort"] == "low")
    #expect(try body(["reasoning": ["effort": "high"]], isOpenAI: true)["reasoning_effort"] == "high")
    #expect(try body(["thinking": ["type": "disabled"]], isOpenAI: true)["reasoning_effort"] == nil)
  }

  @Test func whatAnthropicHasNoWordForIsRefusedByName() async throws {
    let mock = try await MockUpstream.serving(MockUpstream.response(Self.anthropicAnswer))
    try await Self.with(Self.endpoint(mock, kind: .anthropic), [mock]) { provider async throws in
      var logprobs = Self.request()
      logprobs.logprobs = 2
      var tokens = Self.request()
      tokens.prompt = .tokens([1, 2])
      var sound = Self.request()
      sound.prompt = .messages([Message(role: .user, content: [.other(["type": "input_audio"])])])
      for (request, parameter) in [(logprobs, "logprobs"), (tokens, "prompt"), (sound, "messages")] {
        let error = await Self.failure { _ = try await provider.generate(request) }
        #expect(error?.kind == .invalidRequest(parameter: parameter))
      }
      #expect(mock.requests.isEmpty)
    }
  }

  @Test(arguments: [
    (#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#, "529 Overloaded"),
    (#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#, "200 OK"),
  ])
  func anthropicsErrorsAreUnderstood(body: String, status: String) async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.response(body, status: status, headers: "retry-after: 3600\r\n"))
    try await Self.with(Self.endpoint(mock, kind: .anthropic), [mock]) { provider async throws in
      var request = Self.request()
      request.context.deadline = .now + .seconds(5)
      let error = await Self.failure { _ = try await Self.text(provider, request) }
      guard case .overloaded? = error?.kind else {
        Issue.record("expected overloaded, found \(String(describing: error))")
        return
      }
    }
  }
}
