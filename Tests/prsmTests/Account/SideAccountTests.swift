import CodeGeneration
import Gateway
import Metering
import ModelInterface
import ScriptedProvider
import Testing

@testable import prsm

/// What is on the account beside plain answers: searches for programs, and attempts that upstreams may bill.
@Suite(.timeLimit(.minutes(1))) struct SideAccountTests {
  private static let prices = """
    prices:
      weak: { input: 1, output: 2 }
      strong: { input: 10, cached-input: 5, output: 30 }

    """

  private static func search(tokens: Int = 100) -> CodeRequest {
    var request = CodeRequest(task: CodeTask(instruction: "add", tests: [], setup: "", opening: "", entryPoint: nil))
    request.settings.budgetTokens = tokens
    return request
  }

  private static func context(_ tenant: String = "me") -> RequestContext {
    RequestContext(requestID: "search", tenant: tenant)
  }

  @Test func aSearchIsSetAsideAndSettled() async throws {
    try await AccountNode.with(Self.prices) { node async throws in
      let account = CodeAccount()
      account.use(node.meter)
      let entry = try await account.open(Self.search(), model: "weak", context: Self.context())
      #expect(node.metering.meter.openCount == 1)
      entry.note(read: 1_000, generated: 50)
      await entry.settle(nil)
      let cancelled = try await account.open(Self.search(), model: "weak", context: Self.context())
      cancelled.note(read: 10, generated: 1)
      await cancelled.settle(GenerationError(.cancelled, "gone"))
      let idle = try await account.open(Self.search(), model: "strong", context: Self.context())
      await idle.settle(GenerationError(.unavailable, "no sandbox"))
      let events = try await node.events()
      #expect(events.map(\.outcome) == [.finished, .cancelled, .failed])
      #expect(events.map(\.cost) == [Money(micro: 1_100), Money(micro: 12), .zero])
      #expect(events.allSatisfy { $0.isExact && $0.account.key == "me" && $0.requestID == "search" })
      #expect(node.metering.meter.openCount == 0)
    }
  }

  @Test func aSearchIsRefusedByABudgetAndTakesTheCheaperModel() async throws {
    let yaml =
      Self.prices + "budgets:\n  - { for: key, per: day, limit: 0.001, then: [downgrade, refuse] }\n"
      + "cost: { downgrades: { strong: weak } }\n"
    try await AccountNode.with(yaml) { node async throws in
      let account = CodeAccount()
      account.use(node.meter)
      let entry = try await account.open(Self.search(), model: "strong", context: Self.context())
      #expect(entry.model == "weak")
      entry.withdraw()
      #expect(try await node.events().isEmpty)
      let refusal = await #expect(throws: GenerationError.self) {
        try await account.open(Self.search(tokens: 10_000), model: "weak", context: Self.context())
      }
      #expect(refusal?.kind == .budgetExceeded)
    }
  }

  @Test func anAliasOfAnUpstreamModelIsAnsweredAndPricedAsThatModel() async throws {
    let yaml =
      Self.prices + "upstreams:\n  mock: { url: \"http://127.0.0.1:9/v1\", models: [strong] }\n"
      + "models: { aliases: { gpt: strong } }\n"
    try await AccountNode.with(yaml) { node async throws in
      for _ in 0..<2 {
        let answer = try await node.chat("one two", model: "gpt", [("temperature", 0)])
        #expect(answer.status == 200 && answer.json["model"] == "strong", "\(answer.body)")
      }
      let events = try await node.events()
      #expect(events.map(\.model) == ["strong", "strong"] && events.map(\.cost) == [Money(micro: 80), .zero])
      #expect(events.map(\.isCacheHit) == [false, true])
    }
  }

  @Test func attemptsBesideTheAnswerAreEventsOfTheirOwn() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      let side = request.context.sideAttempts
      side?.note(.init(model: "strong", provider: "test", usage: nil, isExact: false))
      side?.note(.init(model: "weak", provider: "test", usage: Usage(), isExact: false))
      side?.note(
        .init(model: "strong", provider: "test", usage: Usage(promptTokens: 1, completionTokens: 1), isExact: true))
      continuation.yield(.text(TextPiece("yes")))
      continuation.yield(
        .finished(Completion(reason: .stop, usage: Usage(promptTokens: 7, completionTokens: 2))))
    }
    try await AccountNode.with(Self.prices, script: script) { node async throws in
      let answer = try await node.chat("a b", model: "strong")
      #expect(answer.json["usage"]?["total_tokens"] == 9, "the client hears of the answer alone")
      let events = try await node.events()
      // The answer, as much again, the prompt as it was estimated for another model, and what was reported.
      #expect(events.count == 4)
      #expect(
        events.filter { $0.model == "strong" }.map(\.cost).sorted() == [
          Money(micro: 40), Money(micro: 130), Money(micro: 130),
        ])
      let other = events.first { $0.model == "weak" }
      #expect(other?.isExact == false && (other?.usage.promptTokens ?? 0) > 0 && other?.usage.completionTokens == 0)
    }
  }
}
