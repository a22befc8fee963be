import ModelInterface
import Postgres
import TestDatabase
import Testing

@testable import Metering

@Suite struct SharedAnswerTests {
  private static let answer: [GenerationEvent] = {
    let strange = TokenLogprob(
      chosen: .init(token: 5, bytes: [0xE2, 0x98], logprob: -0.25),
      alternatives: [
        .init(token: -1, bytes: [], logprob: -.infinity), .init(token: 7, bytes: [34, 92], logprob: .nan),
      ])
    return [
      .started(GenerationStart(model: "m\"", provider: "p")), .prompt([strange]), .reasoning("hm\n"),
      .text(TextPiece("é☂️", tokens: [strange, strange])), .text(TextPiece("")),
      .toolCall(ToolCallPiece(index: 0, id: "c", name: "f", arguments: "{")),
      .toolCall(ToolCallPiece(index: 0, arguments: "}")),
      .finished(
        Completion(
          reason: .toolCalls, stopSequence: "END",
          usage: Usage(promptTokens: 9, cachedPromptTokens: 4, completionTokens: 3, reasoningTokens: 1))),
    ]
  }()

  @Test func answersComeBackToTheBit() throws {
    let back = try #require(AnswerCoding.events(AnswerCoding.text(Self.answer)))
    #expect(back.count == Self.answer.count)
    // A probability that is no number is not equal to itself, so texts are compared.
    #expect(AnswerCoding.text(back) == AnswerCoding.text(Self.answer))
    #expect(back.last == Self.answer.last && back[2] == Self.answer[2] && back[5] == Self.answer[5])
  }

  @Test(arguments: ["", "[]x", "{}", "[{}]", "[{\"f\":\"stop\"}]", "[{\"t\":\"x\",\"k\":[[]]}]", "[1]"])
  func whatIsNoAnswerIsRefused(text: String) {
    #expect(AnswerCoding.events(text) == nil)
  }

  private func key(_ text: String, tenant: String = "t") -> CacheKey {
    CacheKey(
      GenerationRequest(model: "m", prompt: .text(text), context: RequestContext(requestID: "r", tenant: tenant)))
  }

  @Test(.enabled(if: TestDatabase.server != nil, "there is no PostgreSQL: run scripts/with-postgres swift test"))
  func replicasFindEachOthersAnswers() async throws {
    try await TestDatabase.with { address in
      let pools = [PostgresPool(address: address), PostgresPool(address: address)]
      try await pools[0].migrate(PostgresAnswers.migrations)
      let (first, second) = (PostgresAnswers(pools[0]), PostgresAnswers(pools[1]))
      let now = UTCTime(seconds: 1_000)
      func keep(_ text: String, tenant: String = "t", seconds: Int64 = 100, maximum: Int = 1 << 20) async {
        await first.keep(
          Self.answer, key(text, tenant: tenant), tenant: tenant, model: "m", until: UTCTime(seconds: 1_000 + seconds),
          maximumSize: maximum)
      }
      await keep("a")
      #expect(await second.find(key("a"), at: now)?.events.last == Self.answer.last)
      #expect(
        await second.find(key("a"), at: UTCTime(seconds: 1_040))?.lifetime == .seconds(60), "nobody makes it younger")
      #expect(await second.find(key("b"), at: now) == nil)
      #expect(await second.find(key("a", tenant: "other"), at: now) == nil)
      #expect(await second.find(key("a"), at: UTCTime(seconds: 1_100)) == nil, "it is no longer good")
      await keep("large", maximum: 10)
      #expect(await second.find(key("large"), at: now) == nil)
      await first.keep(
        Array(Self.answer.dropLast()), key("half"), tenant: "t", model: "m", until: UTCTime(seconds: 2_000),
        maximumSize: 1 << 20)
      #expect(await second.find(key("half"), at: now) == nil, "what is not whole is not kept")
      await keep("b", seconds: 300)
      await keep("c", seconds: 200)
      await keep("d", seconds: -1)
      let size = AnswerCoding.text(Self.answer).utf8.count
      try await second.trim(at: now, maximumBytes: size * 2)
      var left: [String] = []
      for text in ["a", "b", "c", "d"] where await first.find(key(text), at: now) != nil { left.append(text) }
      #expect(left == ["b", "c"])
      await keep("e", tenant: "other")
      #expect(try await second.purges() == 0)
      #expect(try await first.purge(tenant: "t") == 2)
      #expect(try await first.purge() == 1)
      #expect(try await second.purges() == 2, "every node hears that something was forgotten")
      for pool in pools { await pool.close() }
      #expect(await first.find(key("a"), at: now) == nil, "a database that is away is an empty cache")
    }
  }
}
