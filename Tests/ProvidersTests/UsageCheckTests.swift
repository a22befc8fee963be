import HostileUpstream
import ModelInterface
import NIOCore
import Synchronization
import Testing

@testable import Providers

extension Completion {
  /// An end whose usage was held against what was sent and received.
  static func checked(_ reason: Reason, _ usage: Usage, basis: UsageBasis = .checked) -> Completion {
    var completion = Completion(reason: reason, usage: usage)
    completion.basis = basis
    return completion
  }
}

/// What upstreams say that answers took is believed where it can be, and estimated where it cannot.
@Suite(.timeLimit(.minutes(1))) struct UsageCheckTests {
  private static func request(_ text: String = "Hi", limit: Int? = nil) -> GenerationRequest {
    var request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .user, text: text)]), context: RequestContext(requestID: "r"))
    request.maximumOutputTokens = limit
    return request
  }

  private static func check(
    _ request: GenerationRequest = request(), size: Int = 100, ago: TimeAmount = .seconds(0)
  ) -> UsageCheck {
    UsageCheck(.generation(request), size: size, began: .now() - ago)
  }

  private static func usage(_ prompt: Int, _ answer: Int, cached: Int = 0, reasoning: Int = 0) -> Usage {
    Usage(
      promptTokens: prompt, cachedPromptTokens: cached, completionTokens: answer, reasoningTokens: reasoning)
  }

  /// The estimate of a prompt of two bytes.
  private static let hi = PromptEstimate().tokens(request())

  // MARK: honest upstreams

  @Test func whatAnHonestUpstreamCountsIsTakenAsItIs() {
    var check = Self.check(Self.request(limit: 4_096))
    check.note(bytes: 4)
    for usage in [
      Self.usage(1, 1), Self.usage(9, 4_096, reasoning: 4_090), Self.usage(20_000, 3, cached: 19_000),
      Self.usage(9, 4_100),
    ] {
      #expect(check.believed(usage) == (usage, .checked), "\(usage)")
    }
    // A server that knows no limit writes on, and what it writes is seen.
    for _ in 0..<10_000 { check.note(bytes: 3) }
    #expect(check.believed(Self.usage(9, 29_000)).basis == .checked)
  }

  @Test func thoughtsThatAreNotShownAreBelievedAsFarAsTheyTakeTime() {
    var check = Self.check()
    check.note(bytes: 4)
    #expect(check.believed(Self.usage(9, 16_000, reasoning: 15_990)).basis == .checked)
    #expect(check.believed(Self.usage(9, 90_000, reasoning: 89_990)).basis == .estimated, "not in no time")
    var long = Self.check(ago: .seconds(60))
    long.note(bytes: 4)
    #expect(long.believed(Self.usage(9, 90_000, reasoning: 89_990)).basis == .checked, "in a minute")
    #expect(long.believed(Self.usage(9, 1 << 30)).basis == .estimated)
  }

  @Test func picturesFilesAndSearchesMayBeMoreThanTheyAreBytes() {
    var request = Self.request()
    let lie = Self.usage(60_000, 1)
    #expect(Self.check(request).believed(lie).basis == .estimated)
    request.prompt = .messages([
      Message(role: .user, content: [.text("What is this?"), .image(url: "https://example.org/a.png", detail: nil)])
    ])
    #expect(Self.check(request).believed(lie).basis == .checked)
    request = Self.request()
    request.passthrough["web_search_options"] = [:]
    #expect(Self.check(request).believed(lie).basis == .checked)
    request = Self.request()
    #expect(Self.check(request, size: 60_000).believed(lie).basis == .checked, "a long prompt")
  }

  @Test func anEmptyPromptMayHaveNoTokens() {
    var request = Self.request()
    request.prompt = .text("")
    var check = Self.check(request)
    check.note(bytes: 4)
    #expect(check.believed(Self.usage(0, 2)) == (Self.usage(0, 2), .checked))
  }

  // MARK: lies

  @Test(arguments: [
    (usage(1 << 30, 2), usage(hi, 2)), (usage(40_000, 2, cached: 40_000), usage(hi, 2)),
    (usage(0, 2), usage(hi, 2)), (usage(9, 0), usage(9, 3)), (usage(9, 1 << 30), usage(9, 3)),
    (usage(9, 1_200, reasoning: 1_190), usage(9, 3, reasoning: 3)), (usage(0, 0), usage(hi, 3)),
  ])
  func whatCannotBeIsEstimated(told: Usage, expected: Usage) {
    var check = Self.check(Self.request(limit: 64))
    for _ in 0..<3 { check.note(bytes: 3) }
    #expect(check.believed(told) == (expected, .estimated))
  }

  @Test func whatIsEstimatedIsNoMoreThanWasAllowed() {
    var check = Self.check(Self.request(limit: 2))
    for _ in 0..<30 { check.note(bytes: 3) }
    #expect(check.believed(Self.usage(9, 0)).usage == Self.usage(9, 2))
  }

  @Test func anAnswerThatGoesOnAfterItsUsageTookMore() {
    var check = Self.check()
    check.note(bytes: 3)
    check.told()
    #expect(check.believed(Self.usage(9, 1)) == (Self.usage(9, 1), .checked))
    for _ in 0..<9 { check.note(bytes: 3) }
    #expect(check.believed(Self.usage(9, 1)) == (Self.usage(9, 10), .estimated))
    check.told()
    #expect(check.believed(Self.usage(9, 12)) == (Self.usage(9, 12), .checked), "told again, at its end")
  }

  // MARK: on the wire

  static let lies: [(String, Usage)] = [
    (#"{"prompt_tokens":10,"completion_tokens":4}"#, usage(10, 4)),
    (#"{"prompt_tokens":10,"completion_tokens":-7}"#, usage(10, 2)),
    (#"{"prompt_tokens":10,"completion_tokens":1e300}"#, usage(10, 2)),
    (#"{"prompt_tokens":10,"completion_tokens":123456789012345678901234567890}"#, usage(10, 2)),
    (#"{"prompt_tokens":10,"completion_tokens":2.5}"#, usage(10, 2)),
    (#"{"prompt_tokens":10.0,"completion_tokens":4.0}"#, usage(10, 4)),
    (#"{"prompt_tokens":"10","completion_tokens":"many"}"#, usage(hi, 2)),
    (#"{"prompt_tokens":10,"completion_tokens":null}"#, usage(10, 2)),
    (#"{"prompt_tokens":99999999,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":9}}"#, usage(hi, 4)),
    (#"{"prompt_tokens":{},"completion_tokens":[4]}"#, usage(hi, 2)), ("[1,2,3]", usage(hi, 2)),
    (#""none""#, usage(hi, 2)), ("null", usage(hi, 2)), ("false", usage(hi, 2)),
  ]

  /// How the provider says that a request ended.
  private static func end(
    _ script: [MockUpstream.Step], isStreamed: Bool, kind: UpstreamEndpoint.Kind = .openAI
  ) async throws -> (Completion?, estimates: Int, reports: Int) {
    let mock = try await MockUpstream.serving(script)
    let reports = Atomic(0)
    let provider = UpstreamProvider(
      [UpstreamEndpoint(name: "mock", kind: kind, baseURLs: [mock.url], apiKeys: ["k"], models: [.init(name: "m")])],
      seed: 7
    ) { _ in reports.add(1, ordering: .relaxed) }
    var request = request()
    request.isStreamed = isStreamed
    var last: Completion?
    for _ in 0..<2 {
      for try await event in try await provider.generate(request) {
        if case .finished(let completion) = event { last = completion }
      }
    }
    let estimates = provider.snapshot().endpoints.reduce(0) { $0 + $1.counts.estimates }
    await provider.shutdown()
    await mock.close()
    return (last, estimates, reports.load(ordering: .relaxed))
  }

  @Test(arguments: lies) func liesInAWholeAnswer(told: String, expected: Usage) async throws {
    let body = #"{"choices":[{"message":{"content":"yes, no."},"finish_reason":"stop"}],"usage":\#(told)}"#
    let (completion, estimates, reports) = try await Self.end(MockUpstream.response(body), isStreamed: false)
    #expect(completion?.usage == expected)
    #expect((completion?.basis == .checked) == (expected == Self.usage(10, 4)))
    #expect(estimates == (completion?.basis == .checked ? 0 : 2) && reports == min(1, estimates), "counted, told once")
  }

  @Test(arguments: lies) func liesInAStream(told: String, expected: Usage) async throws {
    let script = MockUpstream.stream([
      #"{"choices":[{"delta":{"content":"yes, "}}]}"#,
      #"{"choices":[{"delta":{"content":"no."},"finish_reason":"stop"}]}"#,
      #"{"choices":[],"usage":\#(told)}"#, "[DONE]",
    ])
    let (completion, estimates, reports) = try await Self.end(script, isStreamed: true)
    #expect(completion?.usage == expected)
    #expect((completion?.basis == .checked) == (expected == Self.usage(10, 4)))
    #expect(estimates == (completion?.basis == .checked ? 0 : 2) && reports == min(1, estimates))
  }

  @Test(arguments: [
    // Missing, twice, in every event, too early, and early and late.
    (["", "", ""], usage(hi, 2), UsageBasis.estimated),
    (["", "", #""prompt_tokens":9,"completion_tokens":5"#], usage(9, 5), .checked),
    (
      [
        #""prompt_tokens":9,"completion_tokens":1"#, #""prompt_tokens":9,"completion_tokens":2"#,
        #""prompt_tokens":9,"completion_tokens":3"#,
      ], usage(9, 3), .checked
    ),
    ([#""prompt_tokens":9,"completion_tokens":1"#, "", ""], usage(9, 2), .estimated),
    (
      [#""prompt_tokens":9,"completion_tokens":0"#, "", #""prompt_tokens":9,"completion_tokens":2"#], usage(9, 2),
      .checked
    ),
  ])
  func usageAtAnyPlaceOfAStream(usages: [String], expected: Usage, basis: UsageBasis) async throws {
    let ends = usages.map { $0.isEmpty ? "}" : #","usage":{\#($0)}}"# }
    let script = MockUpstream.stream([
      #"{"choices":[{"delta":{"content":"yes, "}}]"# + ends[0],
      #"{"choices":[{"delta":{"content":"no."},"finish_reason":"stop"}]"# + ends[1], #"{"choices":[]"# + ends[2],
      "[DONE]",
    ])
    let completion = try await Self.end(script, isStreamed: true).0
    #expect(completion == .checked(.stop, expected, basis: basis))
  }

  @Test func anthropicsCountsAreHeldAgainstTheSame() async throws {
    func script(_ input: String, _ output: String) -> [MockUpstream.Step] {
      MockUpstream.stream([
        #"{"type":"message_start","message":{"usage":{"input_tokens":\#(input),"output_tokens":1}}}"#,
        #"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"yes"}}"#,
        #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"no"}}"#,
        #"{"type":"content_block_stop","index":0}"#,
        #"{"type":"message_delta","delta":{"stop_reason":"end_turn"}\#(output)}"#, #"{"type":"message_stop"}"#,
      ])
    }
    for (input, output, expected, basis) in [
      ("9", #","usage":{"output_tokens":5}"#, Self.usage(9, 5), UsageBasis.checked),
      ("9", "", Self.usage(9, 2), .estimated),
      ("-9", #","usage":{"output_tokens":5}"#, Self.usage(Self.hi, 5), .estimated),
      ("9", #","usage":{"output_tokens":5000000}"#, Self.usage(9, 2), .estimated),
    ] {
      let completion = try await Self.end(script(input, output), isStreamed: true, kind: .anthropic).0
      #expect(completion == .checked(.stop, expected, basis: basis), "\(input) \(output)")
    }
  }

  @Test(
    arguments: [("7", 7, .checked), ("-7", nil, .estimated), ("70000000", nil, .estimated)]
      as [(String, Int?, UsageBasis)])
  func vectorsTookWhatTheyCanHaveTaken(told: String, expected: Int?, basis: UsageBasis) async throws {
    let mock = try await MockUpstream.serving(
      MockUpstream.response(
        #"{"data":[{"index":0,"embedding":[1,0]}],"usage":{"prompt_tokens":\#(told),"total_tokens":0}}"#))
    let provider = UpstreamProvider(
      [UpstreamEndpoint(name: "mock", baseURLs: [mock.url], apiKeys: [], models: [.init(name: "m")])], seed: 7)
    let request = EmbeddingRequest(model: "m", inputs: [.text("Hi")], context: RequestContext(requestID: "r"))
    let response = try await provider.embed(request)
    #expect(response.usage == Usage(promptTokens: expected ?? PromptEstimate().tokens(request)))
    #expect(response.basis == basis)
    await provider.shutdown()
    await mock.close()
  }
}
