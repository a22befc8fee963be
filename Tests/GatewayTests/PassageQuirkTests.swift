import Gateway
import HostileUpstream
import ModelInterface
import Providers
import Testing

/// Streams that begin as OpenAI's API has them and go on otherwise, and connections that never stand.
@Suite(.timeLimit(.minutes(1))) struct PassageQuirkTests {
  private static func chunk(_ choices: String, _ more: String = "") -> String {
    #"{"id":"c-1","object":"chat.completion.chunk","created":1,"model":"theirs","choices":[\#(choices)]\#(more)}"#
  }
  private static func delta(_ members: String, index: Int = 0, _ end: String = "null") -> String {
    chunk(#"{"index":\#(index),"delta":{\#(members)},"finish_reason":\#(end)}"#)
  }
  private static let first = delta(#""role":"assistant","content":"a""#)
  private static let usage = chunk("", #","usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}"#)

  private static func with(
    _ script: [MockUpstream.Step] = [], all scripts: [[MockUpstream.Step]] = [], scheme: String = "http",
    deadlines: UpstreamDeadlines = UpstreamDeadlines(),
    _ body: (TestNode, MockUpstream, CountingMeter) async throws -> Void
  ) async throws {
    let mock = try await MockUpstream.serving(all: scripts.isEmpty ? [script] : scripts)
    let url = scheme + mock.url.dropFirst(4)
    var endpoint = UpstreamEndpoint(
      name: "mock", baseURLs: [url], models: [.init(name: "ours", upstreamName: "theirs")])
    endpoint.deadlines = deadlines
    var policy = ResiliencePolicy()
    policy.attemptsPerModel = 1
    let provider = UpstreamProvider([endpoint], policy: policy, seed: 7)
    let meter = CountingMeter(isImmediate: true)
    do {
      try await TestNode.with(configure: { configuration, services in
        services.provider = provider
        services.meter = meter
      }) { node in
        try await body(node, mock, meter)
      }
    } catch {
      await provider.shutdown()
      throw error
    }
    await provider.shutdown()
    await mock.close()
  }

  private static func ask(
    _ node: TestNode, on connection: RawConnection? = nil, isStreamed: Bool = true
  ) async throws -> Response {
    let members = isStreamed ? #","stream":true,"stream_options":{"include_usage":true}"# : ""
    let connection = if let connection { connection } else { try await node.connect() }
    try await connection.send(
      TestNode.request(
        "POST", "/v1/chat/completions",
        #"{"model":"ours","messages":[{"role":"user","content":"Hi"}]\#(members)}"#))
    return try await connection.response()
  }

  /// What a client that joins deltas makes of a stream.
  private struct Joined: Equatable {
    var role = ""
    var text = ""
    var arguments = ""
    var reason: String?
    var tokens: Int?

    init(_ response: Response) {
      for event in response.jsonEvents {
        tokens = event["usage"]?["completion_tokens"]?.integer ?? tokens
        for choice in event["choices"]?.array ?? [] {
          role += choice["delta"]?["role"]?.string ?? ""
          text += choice["delta"]?["content"]?.string ?? ""
          arguments += choice["delta"]?["tool_calls"]?.array?.first?["function"]?["arguments"]?.string ?? ""
          reason = choice["finish_reason"]?.string ?? reason
        }
      }
    }

    init(text: String, arguments: String = "", reason: String) {
      (role, self.text, self.arguments, self.reason, tokens) = ("assistant", text, arguments, reason, 4)
    }
  }

  @Test(arguments: [
    (#"[{"index":0,"delta":{"content":[{"type":"text","text":"b"}]},"finish_reason":null}]"#, "ab", "", "stop"),
    (#"[{"index":1,"delta":{"content":"x"},"finish_reason":"length"}]"#, "a", "", "stop"),
    (#"[{"index":1,"delta":{"content":"x"}},{"index":0,"delta":{"content":"b"}}]"#, "ab", "", "stop"),
    (#"[{"index":0,"delta":{"content":"b"},"finish_reason":"max_tokens"}]"#, "ab", "", "length"),
    (
      #"[{"index":0,"delta":{"tool_calls":[{"index":3,"id":"i","function":{"name":"f","arguments":{"x":1}}}]}}]"#, "a",
      #"{"x":1}"#, "tool_calls"
    ),
    (#"[{"index":"0","delta":{"content":"b"},"finish_reason":null}]"#, "ab", "", "stop"),
  ])
  func aStreamThatTurnsOddIsPutIntoWordsFromThere(
    choices: String, text: String, arguments: String, reason: String
  )
    async throws
  {
    let odd = Self.chunk(String(choices.dropFirst().dropLast()))
    let end = reason == "length" ? [] : [Self.delta("", #""stop""#)]
    let events = [Self.first, odd] + end + [Self.usage, "[DONE]"]
    // At once, and in pieces.
    for trickles in [false, true] {
      try await Self.with(MockUpstream.stream(events, trickles: trickles)) { node, _, meter in
        let response = try await Self.ask(node)
        #expect(Joined(response) == Joined(text: text, arguments: arguments, reason: reason))
        #expect(response.events.last == "[DONE]")
        #expect(response.events.first == Self.first.replacing("theirs", with: "ours"))
        #expect(meter.settlements.map(\.outcome) == [.finished])
        #expect(meter.settlements.first?.usage == Usage(promptTokens: 3, completionTokens: 4))
      }
    }
  }

  @Test func whatIsWrongBehindTheOddIsToldAfterIt() async throws {
    let odd = Self.delta(#""content":[{"type":"text","text":"b"}]"#)
    let script = MockUpstream.stream([Self.first, odd, #"{"error":{"message":"gone"}}"#])
    try await Self.with(script) { node, _, meter in
      let response = try await Self.ask(node)
      #expect(Joined(response).text == "ab" && !response.events.contains("[DONE]"))
      #expect(response.jsonEvents.last?["error"]?["code"]?.string == "unavailable")
      #expect(meter.settlements.map(\.outcome) == [.failed])
    }
  }

  @Test func theLastEventOfAPassageNeedsNoBlankLine() async throws {
    let text = "data: \(Self.first)\n\ndata: \(Self.delta("", #""stop""#))\n\ndata: \(Self.usage)"
    try await Self.with([MockUpstream.streamHead, .bytes(Array(text.utf8)), .close]) { node, _, meter in
      let response = try await Self.ask(node)
      #expect(Joined(response) == Joined(text: "a", reason: "stop") && response.events.last == "[DONE]")
      #expect(meter.settlements.first?.usage == Usage(promptTokens: 3, completionTokens: 4))
    }
  }

  @Test func aKeptConnectionThatIsGoneIsNobodysFailure() async throws {
    let answer = #"""
      {"id":"c","object":"chat.completion","created":1,"model":"theirs","choices":[{"index":0,\#
      "message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}],\#
      "usage":{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}
      """#
    let whole = MockUpstream.response(answer)
    // Every second request finds its connection closed; one attempt is all that there is.
    try await Self.with(all: [whole, [.close], whole, [.close], whole]) { node, mock, meter in
      // One connection, and so one event loop, to which the upstream's connections belong.
      let connection = try await node.connect()
      for _ in 0..<3 { #expect(try await Self.ask(node, on: connection, isStreamed: false).status == 200) }
      #expect(mock.requests.count == 5 && mock.connections == 3)
      #expect(meter.settlements.map(\.outcome) == [.finished, .finished, .finished])
    }
    // What closes new connections, too, has failed.
    try await Self.with(all: [whole, [.close]]) { node, mock, _ in
      let connection = try await node.connect()
      #expect(try await Self.ask(node, on: connection, isStreamed: false).status == 200)
      #expect(try await Self.ask(node, on: connection, isStreamed: false).status == 503)
      #expect(mock.requests.count == 3)
    }
  }

  @Test(arguments: [true, false]) func theTimeToConnectIsForTLSToo(isStreamed: Bool) async throws {
    var deadlines = UpstreamDeadlines()
    deadlines.connect = .milliseconds(100)
    deadlines.whole = .seconds(20)
    deadlines.firstByte = .seconds(20)
    try await Self.with([.stall], scheme: "https", deadlines: deadlines) { node, mock, meter in
      let response = try await Self.ask(node, isStreamed: isStreamed)
      #expect(response.status == 504)
      #expect(try response.error["message"]?.string?.contains("`connect`") == true)
      #expect(mock.connections == 1)
      #expect(meter.settlements.map(\.outcome) == [.failed])
    }
  }
}
