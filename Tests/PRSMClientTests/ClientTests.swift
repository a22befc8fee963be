import Hummingbird
import ModelInterface
import Synchronization
import Testing

@testable import PRSMClient

/// A node that says what it is told to say, and remembers what it was asked.
private final class ScriptedNode: Sendable {
  struct Reply: Sendable {
    var status = HTTPResponse.Status.ok
    var headers: HTTPFields = [:]
    var body = ""
  }

  private struct State {
    var replies: [Reply]
    var requests: [(path: String, authorization: String?, body: String)] = []
  }

  private let state: Mutex<State>

  init(_ replies: [Reply]) {
    state = Mutex(State(replies: replies))
  }

  var requests: [(path: String, authorization: String?, body: String)] { state.withLock { $0.requests } }

  /// Serves on a free port while the body runs.
  func serve(_ body: @escaping @Sendable (PRSMClient) async throws -> Void) async throws {
    let router = Router()
    router.on("**", method: .get) { request, _ in try await self.reply(request) }
    router.on("**", method: .post) { request, _ in try await self.reply(request) }
    let (ports, port) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
    let application = Application(
      router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
      onServerRunning: { port.yield($0.localAddress?.port ?? 0) })
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await application.runService(gracefulShutdownSignals: []) }
      group.addTask {
        for await port in ports {
          try await body(PRSMClient(baseURL: "http://127.0.0.1:\(port)/v1/", apiKey: "prsm-test"))
          return
        }
      }
      // The body ends first; the server ends with it.
      try await group.next()
      group.cancelAll()
    }
  }

  private func reply(_ request: Request) async throws -> Response {
    let body = try await request.body.collect(upTo: 1 << 20)
    let reply = state.withLock { state in
      state.requests.append((request.uri.path, request.headers[.authorization], String(buffer: body)))
      return state.replies.isEmpty ? Reply(status: .notFound) : state.replies.removeFirst()
    }
    return Response(status: reply.status, headers: reply.headers, body: .init(byteBuffer: .init(string: reply.body)))
  }
}

@Suite("Client")
struct ClientTests {
  private let answer = """
    {"id":"c1","model":"m","choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],\
    "usage":{"prompt_tokens":3,"completion_tokens":1}}
    """

  @Test("a question is sent as the API spells it, with the key, and its answer read")
  func chat() async throws {
    let node = ScriptedNode([.init(body: answer)])
    try await node.serve { client in
      var request = ChatRequest(model: "m", "Hi")
      request.temperature = 0
      request.stopSequences = ["\n"]
      let answer = try await client.chat(request)
      #expect(answer.text == "Hello")
      #expect(answer.usage.totalTokens == 4)
      #expect(answer.reason == .stop)
    }
    let sent = try #require(node.requests.first)
    #expect(sent.path == "/v1/chat/completions")
    #expect(sent.authorization == "Bearer prsm-test")
    let body = try JSONValue.parse(sent.body)
    #expect(body["messages"] == [["role": "user", "content": "Hi"]])
    #expect(body["temperature"]?.double == 0)
    #expect(body["stop"] == ["\n"])
    #expect(body["stream"] == nil)
  }

  @Test("a stream comes as events, with usage at its end")
  func stream() async throws {
    let events = """
      data: {"model":"m","choices":[{"delta":{"role":"assistant","content":"He"}}]}

      data: {"model":"m","choices":[{"delta":{"content":"llo"},"finish_reason":"length"}]}

      : keep-alive

      data: {"model":"m","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}

      data: [DONE]


      """
    let node = ScriptedNode([.init(headers: [.contentType: "text/event-stream"], body: events)])
    try await node.serve { client in
      var seen: [GenerationEvent] = []
      for try await event in try await client.stream(ChatRequest("Hi")) { seen.append(event) }
      #expect(
        seen == [
          .started(GenerationStart(model: "m", provider: "")), .text(TextPiece("He")), .text(TextPiece("llo")),
          .finished(Completion(reason: .length, usage: Usage(promptTokens: 3, completionTokens: 2))),
        ])
    }
    #expect(try JSONValue.parse(try #require(node.requests.first).body)["stream"]?.bool == true)
  }

  @Test("a stream that breaks off is an error and not an end")
  func brokenStream() async throws {
    let node = ScriptedNode([.init(body: "data: {\"choices\":[{\"delta\":{\"content\":\"He\"}}]}\n\n")])
    try await node.serve { client in
      await #expect(throws: PRSMClientError.self) {
        for try await _ in try await client.stream(ChatRequest("Hi")) {}
      }
    }
  }

  @Test("an error inside a stream is thrown with its message")
  func streamedError() async throws {
    let node = ScriptedNode([.init(body: "data: {\"error\":{\"message\":\"out of luck\",\"code\":\"luck\"}}\n\n")])
    try await node.serve { client in
      do {
        for try await _ in try await client.stream(ChatRequest("Hi")) {}
        Issue.record("expected an error")
      } catch let error as PRSMClientError {
        #expect(error.message == "out of luck")
        #expect(error.code == "luck")
      }
    }
  }

  @Test("a busy node is asked again, and no more often than allowed")
  func retries() async throws {
    let busy = ScriptedNode.Reply(status: .tooManyRequests, headers: [.retryAfter: "0"])
    let patient = ScriptedNode([busy, busy, .init(body: answer)])
    try await patient.serve { client in
      let answer = try await client.chat(ChatRequest("Hi"))
      #expect(answer.text == "Hello")
    }
    let hopeless = ScriptedNode([busy, busy, busy, .init(body: answer)])
    try await hopeless.serve { client in
      await #expect(throws: PRSMClientError.self) { try await client.chat(ChatRequest("Hi")) }
    }
    #expect(hopeless.requests.count == 3)
  }

  @Test("a pause longer than allowed is not waited for, and is told")
  func longPause() async throws {
    let node = ScriptedNode([.init(status: .serviceUnavailable, headers: [.retryAfter: "3600"])])
    try await node.serve { client in
      do {
        _ = try await client.chat(ChatRequest("Hi"))
        Issue.record("expected an error")
      } catch {
        #expect((error as? PRSMClientError)?.kind == .overloaded(retryAfter: .seconds(3_600)))
      }
    }
    #expect(node.requests.count == 1)
  }

  @Test("what is wrong is not asked again, and is told with the parameter at fault")
  func refusals() async throws {
    let body = #"{"error":{"message":"no","param":"top_p","code":"bad"}}"#
    let node = ScriptedNode([.init(status: .badRequest, body: body), .init(status: .internalServerError)])
    try await node.serve { client in
      await #expect(
        throws: PRSMClientError(.invalidRequest(parameter: "top_p"), "no", status: 400, code: "bad")
      ) { try await client.chat(ChatRequest("Hi")) }
      await #expect(throws: PRSMClientError.self) { try await client.chat(ChatRequest("Hi")) }
    }
    #expect(node.requests.count == 2)
  }

  @Test("where nobody listens, that is what is said")
  func unreachable() async throws {
    var client = PRSMClient(baseURL: "http://127.0.0.1:1")
    client.retry = .never
    do {
      _ = try await client.models()
      Issue.record("expected an error")
    } catch {
      #expect(error.kind == .unreachable)
      #expect(error.message.contains("http://127.0.0.1:1"))
    }
  }

  @Test("something that is no node is told from one")
  func notANode() async throws {
    let node = ScriptedNode([.init(body: "<html>"), .init(body: "{}")])
    try await node.serve { client in
      for _ in 0..<2 {
        do {
          _ = try await client.models()
          Issue.record("expected an error")
        } catch {
          #expect((error as? PRSMClientError)?.kind == .unexpectedAnswer)
        }
      }
    }
  }

  @Test("vectors come in the order of their texts")
  func embeddings() async throws {
    let body = #"{"model":"m","data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[1,0]}]}"#
    let node = ScriptedNode([.init(body: body)])
    try await node.serve { client in
      let answer = try await client.embeddings(of: ["a", "b"])
      #expect(answer.vectors == [[1, 0], [0, 1]])
    }
  }
}

@Suite("Retry policy")
struct RetryPolicyTests {
  private let busy = PRSMClientError(.overloaded(retryAfter: nil), "")

  @Test("pauses double, and the node's own wish comes first")
  func pauses() {
    let policy = RetryPolicy()
    #expect(policy.pause(after: busy, attempt: 1, retryAfter: nil) == .milliseconds(200))
    #expect(policy.pause(after: busy, attempt: 2, retryAfter: nil) == .milliseconds(400))
    #expect(policy.pause(after: busy, attempt: 1, retryAfter: .seconds(3)) == .seconds(3))
    #expect(policy.pause(after: busy, attempt: 3, retryAfter: nil) == nil)
    #expect(policy.pause(after: busy, attempt: 1, retryAfter: .seconds(11)) == nil)
  }

  @Test("what may have had an effect is never sent again")
  func unsafe() {
    for kind: PRSMClientError.Kind in [.serverFailed, .timedOut, .unauthorized, .notFound, .cancelled] {
      #expect(RetryPolicy().pause(after: PRSMClientError(kind, ""), attempt: 1, retryAfter: nil) == nil)
    }
  }
}
