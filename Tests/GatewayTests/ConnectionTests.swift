import Gateway
import ModelInterface
import ScriptedProvider
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionTests {
  private static let stream = TestNode.request(
    "POST", "/v1/chat/completions", TestNode.chat("hi", [("stream", true)]).text)

  @Test func requestsFollowOneAnotherOnOneConnection() async throws {
    try await TestNode.with { node async throws in
      let connection = try await node.connect()
      for _ in 0..<3 {
        try await connection.send(TestNode.request("GET", "/healthz"))
        #expect(try await connection.response().status == 200)
      }
      // Sent without waiting, answered in order.
      try await connection.send(TestNode.request("GET", "/healthz") + TestNode.request("GET", "/nothing"))
      #expect(try await connection.response().status == 200)
      #expect(try await connection.response().status == 404)
      await connection.close()
    }
  }

  @Test func abandoningAStreamStopsTheWork() async throws {
    try await TestNode.with(ScriptedProvider(script: endless)) { node async throws in
      let connection = try await node.connect()
      try await connection.send(Self.stream)
      _ = await connection.read(through: "word ")
      #expect(node.provider.running == 1)
      await connection.close()
      try await TestNode.eventually { node.provider.running == 0 }
      #expect(node.provider.stopped == 1)
    }
  }

  @Test func abandoningAWholeAnswerStopsTheWork() async throws {
    try await TestNode.with(ScriptedProvider(script: endless)) { node async throws in
      let connection = try await node.connect()
      try await connection.send(TestNode.request("POST", "/v1/chat/completions", TestNode.chat("hi").text))
      try await TestNode.eventually { node.provider.running == 1 }
      await connection.close()
      try await TestNode.eventually { node.provider.running == 0 }
      #expect(node.provider.stopped == 1)
    }
  }

  @Test func sixtyFourAtOnceAreAnswered() async throws {
    try await TestNode.with { node async throws in
      let statuses = try await withThrowingTaskGroup(of: (Int, String?).self) { group in
        for index in 0..<64 {
          group.addTask {
            let response = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("number \(index)"))
            return (response.status, try response.json["choices"]?[0]?["message"]?["content"]?.string)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(statuses.allSatisfy { $0.0 == 200 })
      #expect(Set(statuses.compactMap(\.1)) == Set((0..<64).map { "number \($0)" }))
    }
  }

  @Test(arguments: [
    "NONSENSE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}",
  ])
  func whatIsNotHTTPIsRefusedAndTheConnectionCloses(_ bytes: String) async throws {
    try await TestNode.with { node async throws in
      let connection = try await node.connect()
      try await connection.send(bytes)
      let response = try await connection.response()
      #expect(response.status == 400)
      #expect(try response.error["code"] == "malformed_request")
      #expect(await connection.readToEnd() == "")
      #expect(try await node.ask("GET", "/healthz").status == 200)
    }
  }

  @Test(arguments: ["GET /", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: "])
  func headersThatDripInRunOutOfTime(_ start: String) async throws {
    try await TestNode.with(configure: { configuration, _ in
      configuration.limits.headerTime = .milliseconds(100)
    }) { node async throws in
      let connection = try await node.connect()
      try await connection.send(start)
      let response = try await connection.response()
      #expect(response.status == 408)
      #expect(try response.error["code"] == "request_timeout")
      #expect(await connection.readToEnd() == "")
    }
  }

  @Test func drippingDoesNotBuyTime() async throws {
    try await TestNode.with(configure: { configuration, _ in
      configuration.limits.headerTime = .milliseconds(150)
    }) { node async throws in
      let connection = try await node.connect()
      try await connection.send("GET /healthz HTTP/1.1\r\nx-slow: ")
      let push = connection.push
      // Unstructured because it goes on while the response is read; it is cancelled below.
      let dripping = Task {
        while !Task.isCancelled {
          push("a")
          try await Task.sleep(for: .milliseconds(10))
        }
      }
      #expect(try await connection.response().status == 408)
      dripping.cancel()
    }
  }

  @Test func aBodyThatDripsInRunsOutOfTime() async throws {
    try await TestNode.with(configure: { configuration, _ in
      configuration.limits.bodyTime = .milliseconds(100)
    }) { node async throws in
      let connection = try await node.connect()
      try await connection.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{")
      #expect(try await connection.response().status == 408)
      #expect(await connection.readToEnd() == "")
    }
  }

  @Test func anIdleConnectionIsClosedWithoutAWord() async throws {
    try await TestNode.with(configure: { configuration, _ in
      configuration.limits.idleTime = .milliseconds(50)
    }) { node async throws in
      let connection = try await node.connect()
      #expect(await connection.readToEnd() == "")
    }
  }

  @Test func aBodyOverTheLimitIsRefusedBeforeAndWhileItComes() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.limits.bodyBytes = 1000 }) {
      node async throws in
      let announced = try await node.connect()
      try await announced.send("POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1001\r\n\r\n")
      let refusal = try await announced.response()
      #expect(refusal.status == 413)
      #expect(refusal.header("connection") == "close")
      let chunked = try await node.connect()
      try await chunked.send("POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
      let piece = "200\r\n" + String(repeating: "a", count: 512) + "\r\n"
      for _ in 0..<2 { try await chunked.send(piece) }
      #expect(try await chunked.response().status == 413)
      #expect(try await node.ask("POST", "/v1/embeddings", text: String(repeating: " ", count: 1000)).status == 400)
    }
  }

  @Test func headersOverTheLimitAreRefused() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.limits.headerBytes = 1024 }) {
      node async throws in
      let response = try await node.ask("GET", "/healthz", headers: ["x-long: \(String(repeating: "a", count: 4096))"])
      #expect(response.status == 431)
      let many = try await node.ask("GET", "/healthz", headers: (0..<300).map { "a\($0): b" })
      #expect(many.status == 431)
    }
  }

  @Test func aTargetOverTheLimitIsRefused() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.limits.targetBytes = 100 }) {
      node async throws in
      #expect(try await node.ask("GET", "/" + String(repeating: "a", count: 200)).status == 414)
    }
  }

  @Test func aClientThatAsksFirstIsToldToContinue() async throws {
    try await TestNode.with { node async throws in
      let connection = try await node.connect()
      let body = TestNode.chat("hi").text
      try await connection.send(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
          + "expect: 100-continue\r\ncontent-length: \(body.utf8.count)\r\n\r\n")
      #expect(await connection.read(through: "\r\n\r\n").hasPrefix("HTTP/1.1 100 "))
      try await connection.send(body)
      #expect(try await connection.response().status == 200)
      await connection.close()
      #expect(try await node.ask("GET", "/healthz", headers: ["expect: magic"]).status == 417)
    }
  }

  @Test func connectionsPastTheBoundWaitUntilOneIsFree() async throws {
    try await TestNode.with(configure: { configuration, _ in configuration.maximumConnections = 1 }) {
      node async throws in
      let first = try await node.connect()
      try await first.send(TestNode.request("GET", "/healthz"))
      #expect(try await first.response().status == 200)
      let second = try await node.connect()
      try await second.send(TestNode.request("GET", "/healthz"))
      await first.close()
      #expect(try await second.response().status == 200)
      await second.close()
    }
  }

  @Test func aSilentStreamIsKeptAliveByComments() async throws {
    try await TestNode.with(
      ScriptedProvider(script: endless),
      configure: { configuration, _ in configuration.limits.keepAliveTime = .milliseconds(30) }
    ) { node async throws in
      let connection = try await node.connect()
      try await connection.send(Self.stream)
      let text = await connection.read(through: ": keep-alive\n\n")
      #expect(text.contains("word "))
      #expect(await connection.read(through: ": keep-alive\n\n").contains(": keep-alive"))
      await connection.close()
    }
  }

  @Test func shuttingDownLetsAnswersFinish() async throws {
    let provider = ScriptedProvider { (_, continuation) async throws(GenerationError) in
      for _ in 0..<20 {
        continuation.yield(.text(TextPiece("word ")))
        try? await Task.sleep(for: .milliseconds(5))
      }
      continuation.yield(.finished(Completion(reason: .stop, usage: Usage(completionTokens: 20))))
    }
    try await TestNode.with(provider) { node async throws in
      let idle = try await node.connect()
      let connection = try await node.connect()
      try await connection.send(Self.stream)
      let head = try Response(head: await connection.read(through: "\r\n\r\n"))
      #expect(head.status == 200)
      await node.shutDown()
      #expect(await idle.readToEnd() == "")
      let rest = await connection.readToEnd()
      #expect(rest.contains("data: [DONE]"))
      #expect(rest.components(of: "word ") == 20)
    }
  }

  @Test func shuttingDownStopsWhatDoesNotFinishInTime() async throws {
    try await TestNode.with(
      ScriptedProvider(script: endless),
      configure: { configuration, _ in configuration.drainTime = .milliseconds(100) }
    ) { node async throws in
      let connection = try await node.connect()
      try await connection.send(Self.stream)
      _ = await connection.read(through: "word ")
      await node.shutDown()
      _ = await connection.readToEnd()
      try await TestNode.eventually { node.provider.running == 0 }
    }
  }
}

extension String {
  fileprivate func components(of part: String) -> Int { ranges(of: part).count }
}
