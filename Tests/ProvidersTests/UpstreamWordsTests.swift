import HostileUpstream
import ModelInterface
import NIOCore
import NIOHTTP1
import Testing

@testable import Providers

/// What servers say in words of their own: errors, reasons, numbers and ends.
@Suite struct UpstreamWordsTests {
  private static func error(_ status: Int, _ body: String, _ headers: HTTPHeaders = [:]) -> GenerationError {
    let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
    return UpstreamFailure.error(head, body: ByteBuffer(string: body), endpoint: "mock")
  }

  @Test(arguments: [
    // OpenAI, vLLM, Anthropic, llama.cpp, SGLang, Ollama.
    #"{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
    #"""
    {"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",\#
    "type":"BadRequestError","param":null,"code":400}
    """#,
    #"""
    {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}
    """#,
    #"""
    {"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}
    """#,
    #"{"object":"error","message":"The input (9 tokens) is longer than the model's context length (8 tokens).","code":400}"#,
    #"{"error":"the prompt exceeds the context window"}"#,
  ])
  func aPromptThatIsTooLongIsOneHoweverItIsSaid(body: String) {
    #expect(Self.error(400, body).kind == .contextLengthExceeded(limit: 0, requested: 0))
  }

  @Test(arguments: [
    #"{"error":{"message":"`temperature` must be below 2","type":"invalid_request_error","param":"temperature"}}"#,
    #"{"error":{"message":"unknown member `context`","type":"invalid_request_error","param":"temperature"}}"#,
  ])
  func whatIsWrongOtherwiseStaysSo(body: String) {
    #expect(Self.error(400, body).kind == .invalidRequest(parameter: "temperature"))
  }

  @Test func whatIsWrongIsTold() {
    let listed = Self.error(422, #"{"detail":[{"loc":["body","messages"],"msg":"field required"}]}"#)
    #expect(listed.message.contains("field required") && listed.message.contains("messages"))
    #expect(Self.error(529, "").message == "`mock` answered 529")
    let moved = Self.error(308, "", ["location": "https://elsewhere/v1"])
    #expect(moved.message.contains("https://elsewhere/v1") && moved.message.contains("`url`"))
  }

  @Test(
    arguments: [
      ("eos", .stop), ("max_tokens", .length), ("model_context_window_exceeded", .length), ("SAFETY", .contentFilter),
      ("sensitive", .contentFilter), ("tool_use", .toolCalls), ("insufficient_system_resource", nil), ("error", nil),
    ] as [(String, Completion.Reason?)])
  func reasonsOfAllKindsAreUnderstood(word: String, expected: Completion.Reason?) throws {
    var reader = OpenAIAnswerReader(endpoint: "mock")
    let chunk = #"{"choices":[{"delta":{"content":"a"},"finish_reason":"\#(word)"}]}"#
    guard let expected else {
      #expect(throws: GenerationError.self) { try reader.read(.init(name: "", data: Array(chunk.utf8))) }
      return
    }
    _ = try reader.read(.init(name: "", data: Array(chunk.utf8)))
    guard case .finished(let completion) = try reader.finish() else {
      Issue.record("no end")
      return
    }
    #expect(completion.reason == expected)
  }

  /// The text of an answer, and how it ended.
  private static func read(_ pieces: [String]) -> (text: String, end: Completion?, failure: GenerationError?) {
    let work = UpstreamWork.generation(
      GenerationRequest(model: "m", prompt: .messages([]), context: RequestContext(requestID: "r")))
    var reading = UpstreamReading(
      endpoint: "mock", model: "m", work: work, reader: OpenAIAnswerReader(endpoint: "mock"),
      check: UsageCheck(work, size: 99, began: .now()))
    var events: [GenerationEvent] = []
    do throws(GenerationError) {
      try reading.begin(HTTPResponseHead(version: .http1_1, status: .ok))
      for piece in pieces { events += try reading.read(ByteBuffer(string: piece)) }
      events += try reading.end()
    } catch {
      return ("", nil, error)
    }
    var text = ""
    var end: Completion?
    for event in events {
      if case .text(let piece) = event { text += piece.text }
      if case .finished(let completion) = event { end = completion }
    }
    return (text, end, reading.failure)
  }

  private static func data(_ choices: String...) -> String {
    "data: {\"choices\":[\(choices.joined(separator: ","))]}\n\n"
  }
  private static func delta(_ text: String, index: Int = 0, _ end: String = "") -> String {
    #"{"index":\#(index),"delta":{"content":"\#(text)"}\#(end)}"#
  }
  private static let stop = #","finish_reason":"stop""#

  @Test(arguments: [
    [data(delta("a")), data(delta("x", index: 1)), data(delta("b", stop)), data(delta("y", index: 1, stop))],
    [data(delta("x", index: 1), delta("a")), data(delta("b", stop), delta("y", index: 1))],
    // One that counts from 1.
    [data(delta("a", index: 1)), data(delta("b", index: 1, stop))],
    [
      #"{"choices":[{"index":1,"message":{"content":"x"}},{"message":{"content":"ab"},"finish_reason":"stop","index":0}]}"#
    ],
  ])
  func choicesThatNobodyAskedForAreLeftOut(pieces: [String]) {
    let found = Self.read(pieces)
    #expect(found.text == "ab" && found.end?.reason == .stop && found.failure == nil)
  }

  @Test(arguments: ["data: [DONE] \n\n", "data:[DONE]\n\n", "data:  [DONE]\r\n\r\n", "data: [DONE]", "data: [DONE]\n"])
  func theLastWordIsUnderstoodHoweverItIsSpaced(word: String) {
    let found = Self.read([Self.data(Self.delta("ab")), word])
    #expect(found.text == "ab" && found.end?.reason == .stop)
  }

  @Test func theLastEventNeedsNoBlankLine() {
    let usage = #"data: {"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2}}"#
    for end in [usage, usage + "\n", usage + "\r\n"] {
      let found = Self.read([Self.data(Self.delta("ab", Self.stop)), end])
      #expect(found.end?.usage == Usage(promptTokens: 7, completionTokens: 2) && found.end?.basis == .checked)
    }
    // What was cut off is not an event.
    #expect(Self.read([Self.data(Self.delta("ab")), String(usage.dropLast(4))]).failure?.kind == .unavailable)
    let complete = Self.read([Self.data(Self.delta("ab", Self.stop)), String(usage.dropLast(4))])
    #expect(complete.end?.reason == .stop && complete.failure == nil)
  }

  @Test func whatCameBeforeAnErrorIsPartOfTheAnswer() {
    let error = #"data: {"error":{"message":"gone"}}"# + "\n\n"
    let found = Self.read([Self.data(Self.delta("a")), Self.data(Self.delta("b")) + error])
    #expect(found.text == "ab" && found.end == nil && found.failure?.kind == .unavailable)
    // As long as nothing has been handed over, something else can be tried.
    #expect(Self.read([Self.data(Self.delta("a")) + error]).text.isEmpty)
  }

  @Test(arguments: [-1, 5_000, 2_147_483_648]) func aCallMayHaveAnyNumber(index: Int) throws {
    var reader = OpenAIAnswerReader(endpoint: "mock")
    let first = #"{"index":\#(index),"id":"a","function":{"name":"f","arguments":"{"}}"#
    let second = #"{"index":\#(index),"function":{"arguments":"}"}}"#
    var pieces: [GenerationEvent] = []
    for call in [first, second] {
      pieces += try reader.read(
        .init(name: "", data: Array(#"{"choices":[{"delta":{"tool_calls":[\#(call)]}}]}"#.utf8)))
    }
    #expect(
      pieces == [
        .toolCall(ToolCallPiece(index: 0, id: "a", name: "f", arguments: "{")),
        .toolCall(ToolCallPiece(index: 0, arguments: "}")),
      ])
  }

  @Test func aKeptConnectionThatIsGoneIsNobodysFailure() async throws {
    let whole = MockUpstream.response(#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#)
    let mock = try await MockUpstream.serving(whole, [.close], whole)
    var policy = ResiliencePolicy()
    policy.attemptsPerModel = 1
    let endpoint = UpstreamEndpoint(name: "mock", baseURLs: [mock.url], models: [.init(name: "m")])
    let provider = UpstreamProvider([endpoint], policy: policy, seed: 7)
    let request = GenerationRequest(
      model: "m", prompt: .messages([Message(role: .user, text: "Hi")]), context: RequestContext(requestID: "r"))
    for _ in 0..<2 {
      var isFinished = false
      for try await event in try await provider.generate(request) {
        if case .finished = event { isFinished = true }
      }
      #expect(isFinished)
    }
    #expect(mock.requests.count == 3)
    #expect(provider.snapshot().endpoints.first?.counts.failures == 0)
    await provider.shutdown()
    await mock.close()
  }
}
