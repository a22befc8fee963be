import ModelInterface
import NIOCore
import NIOHTTP1
import Testing

@testable import Providers

/// What upstreams write in ways of their own, and what they give away.
@Suite struct AnswerReadingTests {
  /// The calls in deltas, as a client that joins what it is given has them.
  private static func calls(_ deltas: [String]) throws -> [ToolCall] {
    var reader = OpenAIAnswerReader(endpoint: "mock")
    var calls: [ToolCall] = []
    for delta in deltas {
      let chunk = #"{"choices":[{"delta":{"tool_calls":\#(delta)}}]}"#
      for event in try reader.read(EventStreamReader.Event(name: "", data: Array(chunk.utf8))) {
        guard case .toolCall(let piece) = event else { continue }
        if piece.index == calls.count { calls.append(ToolCall(id: "", name: "", arguments: "")) }
        calls[piece.index].id += piece.id ?? ""
        calls[piece.index].name += piece.name ?? ""
        calls[piece.index].arguments += piece.arguments
      }
    }
    return calls
  }

  private static let both = [
    ToolCall(id: "a", name: "f", arguments: #"{"x":1}"#), ToolCall(id: "b", name: "g", arguments: #"{"y":2}"#),
  ]

  @Test(arguments: [
    // Without an index.
    [
      #"[{"id":"a","function":{"name":"f","arguments":"{\"x\""}}]"#, #"[{"function":{"arguments":":1}"}}]"#,
      #"[{"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]"#,
    ],
    // The same index for all.
    [
      #"[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}}]"#,
      #"[{"index":0,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]"#,
    ],
    // Gaps, one among the other.
    [
      #"[{"index":3,"id":"a","function":{"name":"f","arguments":""}},{"index":7,"id":"b","function":{"name":"g"}}]"#,
      #"[{"index":7,"function":{"arguments":"{\"y\":2}"}}]"#, #"[{"index":3,"function":{"arguments":"{\"x\":1}"}}]"#,
    ],
    // Identifier and name again and again.
    [
      #"[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]"#,
      #"[{"index":0,"id":"a","function":{"name":"f","arguments":":1}"}}]"#,
      #"[{"index":1,"id":"b","function":{"name":"g","arguments":{"y":2}}}]"#,
    ],
    // Another identifier for every part.
    [
      #"[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]"#,
      #"[{"index":0,"id":"a2","function":{"arguments":":1}"}}]"#,
      #"[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]"#,
    ],
  ])
  func callsAreToldApartHoweverTheyAreNumbered(deltas: [String]) throws {
    #expect(try Self.calls(deltas) == Self.both)
  }

  @Test func callsWithoutIdentifiersGetOne() throws {
    let found = try Self.calls([#"[{"function":{"name":"f"}},{"function":{"name":"f"}}]"#])
    #expect(found.map(\.id) == ["call_0", "call_1"])
  }

  @Test func aStreamWithoutAnAnswerHasBrokenOff() throws {
    var reader = OpenAIAnswerReader(endpoint: "mock")
    let events = try reader.read(EventStreamReader.Event(name: "", data: Array("[DONE]".utf8)))
    #expect(events.isEmpty && reader.isDone)
    #expect(throws: GenerationError.self) { try reader.finish() }
  }

  private static func reading() -> UpstreamReading {
    let work = UpstreamWork.generation(
      GenerationRequest(model: "m", prompt: .messages([]), context: RequestContext(requestID: "r")))
    return UpstreamReading(
      endpoint: "mock", model: "m", work: work, reader: OpenAIAnswerReader(endpoint: "mock"),
      check: UsageCheck(work, size: 0, began: .now()))
  }

  @Test(arguments: [
    #"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#,
    "data: {\"choices\":[{\"delta\":{\"content\":\"yes\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
  ])
  func aByteOrderMarkIsPassedOverWhereverItIsCut(body: String) throws {
    let bytes: [UInt8] = [0xEF, 0xBB, 0xBF] + Array(body.utf8)
    for cut in 1...4 {
      var reading = Self.reading()
      try reading.begin(HTTPResponseHead(version: .http1_1, status: .ok))
      var events = try reading.read(ByteBuffer(bytes: bytes[..<cut]))
      events += try reading.read(ByteBuffer(bytes: bytes[cut...]))
      events += try reading.end()
      #expect(events.first == .text(TextPiece("yes")) && events.count == 2)
    }
  }

  @Test(
    arguments: [
      ("120", "", 120), ("Sun, 06 Nov 1994 08:49:37 GMT", "date: Sun, 06 Nov 1994 08:49:07 GMT", 30),
      ("Sun, 06 Nov 1994 08:49:37 GMT", "", 37), ("Sunday, 06-Nov-94 08:49:37 GMT", "", 37),
      ("Sun Nov  6 08:49:37 1994", "", 37), ("Sun, 06 Nov 1994 08:48:00 GMT", "", 0), ("-5", "", 0),
      ("Sun, 06 Nov 2094 08:49:37 GMT", "", 86_400), ("99999999999999999999", "", 86_400), ("soon", "", nil),
      ("Sun Nov 6 1994", "", nil), ("Sunday, 06-Nov-1994 08:49:37 GMT", "", nil), ("", "", nil),
    ] as [(String, String, Int?)])
  func aPauseIsReadInEveryFormThatHTTPHas(text: String, date: String, seconds: Int?) {
    var headers = HTTPHeaders([("retry-after", text)])
    if !date.isEmpty { headers.add(name: "date", value: String(date.dropFirst(6))) }
    // 1994-11-06T08:49:00Z.
    let pause = UpstreamFailure.retryAfter(headers, clock: 784_111_740)
    #expect(pause == seconds.map { Duration.seconds($0) })
  }

  @Test(arguments: [
    ("you sent Bearer sk-secret-1234!", "you sent Bearer [key]!"), ("sk-secret-1234sk-secret-1234", "[key][key]"),
    ("it begins: Bearer sk-secret", "it begins: Bearer [key]"), ("other-key-9 of sk", "[key] of sk"),
    ("plain", "plain"), ("sk-secret-1234-longer, sk-secret-1234", "[key], [key]"),
    ("`ollama` refused: ollama, sk-secret-1234", "`ollama` refused: [key], [key]"),
    ("nothing is heard of `ollama`", "nothing is heard of `ollama`"),
  ])
  func keysThatAnUpstreamSendsBackAreNotTold(message: String, expected: String) {
    let keys = ["sk-secret-1234", "sk-secret-1234-longer", "other-key-9", "ollama", ""]
    let error = GenerationError(.unavailable, message).hiding(keys, of: "ollama")
    #expect(error.message == expected)
  }

  @Test(arguments: [
    (#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}"#, false),
    (#"{"prompt_tokens":1073741824,"completion_tokens":1073741824,"total_tokens":2147483648}"#, false),
    (#"{"prompt_tokens":3,"completion_tokens":2}"#, true),
    (#"{"prompt_tokens":3,"completion_tokens":2,"total_tokens":9}"#, true),
  ])
  func aTotalThatIsNoSumIsNotPassedOn(usage: String, isOdd: Bool) throws {
    var event = #"{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":\#(usage)}"#
    let scan = try #require(event.withUTF8 { AnswerScan(event: UnsafeRawBufferPointer($0)) })
    #expect(scan.hasOddUsage == isOdd)
  }
}
