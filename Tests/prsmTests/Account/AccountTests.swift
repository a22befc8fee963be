import Metering
import ModelInterface
import NIOHTTP1
import ScriptedProvider
import Testing

@testable import prsm

/// Prices, budgets, rates and the cache as a client meets them.
@Suite(.timeLimit(.minutes(1))) struct AccountTests {
  private static let prices = """
    prices:
      weak: { input: 1, output: 2 }
      strong: { input: 10, cached-input: 5, output: 30 }

    """

  @Test func everyAnswerBecomesOneEventWithItsPrice() async throws {
    try await AccountNode.with(Self.prices) { node async throws in
      #expect(try await node.chat("one two three").status == 200)
      #expect(try await node.chat("one two", model: "strong", [("stream", true)]).status == 200)
      #expect(try await node.chat("x", model: "none").status == 404)
      let events = try await node.events()
      #expect(events.count == 3)
      // 3 × 1 + 3 × 2, and 2 × 10 + 2 × 30 micro-units of a micro-unit.
      #expect(events.map(\.cost).sorted() == [.zero, Money(pico: 9_000_000), Money(pico: 80_000_000)])
      let report = try await node.ask(.GET, "/v1/prsm/usage?by=model").json
      #expect(report["total"]?["cost"] == "0.000089")
      #expect(report["total"]?["requests"] == 3)
      #expect(report["savings"]?["strong_model"] == "strong")
    }
  }

  @Test func aBudgetThatIsSpentRefusesWithTheNumbers() async throws {
    let yaml = Self.prices + "budgets:\n  - { for: key, per: day, limit: 0.000100 }\nlimits: { output-tokens: 4 }\n"
    try await AccountNode.with(yaml) { node async throws in
      var statuses: [Int] = []
      for _ in 0..<12 { statuses.append(try await node.chat("a b c d").status) }
      #expect(statuses.first == 200 && statuses.last == 429, "\(statuses)")
      let refused = try await node.chat("a b c d")
      #expect(refused.json["error"]?["code"] == "insufficient_quota")
      #expect(refused.json["error"]?["message"]?.string?.contains("The budget of key `local` is 0.0001 a day") == true)
      let spent = try await node.events().reduce(Money.zero) { $0 + $1.cost }
      #expect(spent <= Money(micro: 100))
    }
  }

  @Test func aBudgetThatSaysSoTakesACheaperModel() async throws {
    let yaml = """
      \(Self.prices)
      budgets:
        - { for: key, per: request, limit: 0.000100, then: [downgrade, refuse] }
      cost: { downgrades: { strong: weak } }
      limits: { output-tokens: 8 }
      """
    try await AccountNode.with(yaml) { node async throws in
      let answer = try await node.chat("a b", model: "strong")
      #expect(answer.status == 200)
      #expect(answer.json["model"] == "weak")
      #expect(answer.headers.first(name: "x-prsm-budget") == "downgraded; model=weak")
      #expect(try await node.events().map(\.model) == ["weak"])
    }
  }

  @Test func budgetsHoldAtEveryLevelOnTheWay() async throws {
    let yaml = """
      \(Self.prices)
      budgets:
        - { for: project, name: search, per: month, limit: 0.000060 }
        - { for: organisation, name: acme, per: month, limit: 1 }
      limits: { output-tokens: 4 }
      """
    let payers = [
      "ada": Account(user: "ada", project: "search", organization: "acme"),
      "bob": Account(user: "bob", project: "search", organization: "acme"),
      "eve": Account(user: "eve", project: "other", organization: "acme"),
    ]
    try await AccountNode.with(yaml, payers: payers, authenticator: NamedTenants()) { node async throws in
      func status(_ name: String) async throws -> Int {
        try await node.chat("a b", headers: [("authorization", "Bearer \(name)")]).status
      }
      var statuses: [Int] = []
      for name in ["ada", "bob", "ada", "bob", "ada", "bob", "ada", "bob", "ada", "bob"] {
        statuses.append(try await status(name))
      }
      #expect(statuses.last == 429 && statuses.first == 200, "\(statuses)")
      #expect(try await status("eve") == 200)
      let own = try await node.ask(
        .GET, "/v1/prsm/usage?for=organisation&name=acme", headers: [("authorization", "Bearer eve")])
      #expect(own.json["total"]?["requests"] == 1, "a key without `admin` sees its own use alone")
      let all = try await node.ask(
        .GET, "/v1/prsm/usage?for=organisation&name=acme&by=user", headers: [("authorization", "Bearer root")])
      #expect(all.json["lines"]?.array?.count == 3)
    }
  }

  @Test func aRateIsToldWithTheTimeToComeBack() async throws {
    try await AccountNode.with("rates:\n  - { for: key, requests-per-minute: 2 }\n") { node async throws in
      #expect(try await node.chat("a").status == 200)
      #expect(try await node.chat("a").status == 200)
      let refused = try await node.chat("a")
      #expect(refused.status == 429)
      #expect(refused.json["error"]?["code"] == "rate_limit_exceeded")
      #expect(refused.headers.first(name: "retry-after").flatMap { Int($0) }.map { (1...60).contains($0) } == true)
    }
  }

  @Test func workOfLowPriorityWaitsForItsTurn() async throws {
    let yaml = "rates:\n  - { for: key, requests-per-minute: 10 }\ncost: { defer-time: 60s }\n"
    try await AccountNode.with(yaml) { node async throws in
      // On a busy machine the rate gives some back meanwhile, so they are asked until it gives none.
      var statuses: [Int] = []
      while statuses.count < 200, statuses.last ?? 200 == 200 { statuses.append(try await node.chat("a").status) }
      #expect(statuses.count > 10 && statuses.last == 429)
      let waited = try await node.chat("a", headers: [("x-prsm-priority", "-1")])
      #expect(waited.status == 200)
    }
  }

  @Test(arguments: [false, true]) func theSameRequestIsAnsweredFromTheCache(isStreamed: Bool) async throws {
    try await AccountNode.with(Self.prices) { node async throws in
      let fixed: [(String, JSONValue)] = [("temperature", 0), ("stream", .bool(isStreamed))]
      let first = try await node.chat("one two three", fixed)
      let second = try await node.chat("one two three", [("temperature", 0), ("stream", true)])
      #expect(first.headers.first(name: "x-prsm-cache") == "miss")
      #expect(second.headers.first(name: "x-prsm-cache") == "hit")
      #expect(first.text == "one two three" && second.text == first.text)
      #expect(second.body.hasSuffix("data: [DONE]\n\n"))
      #expect(node.provider.requests.count == 1)
      let other = try await node.chat("one two three", [("temperature", 1)])
      #expect(other.headers.first(name: "x-prsm-cache") == nil, "nothing that is drawn is kept by default")
      let hits = try await node.events().filter(\.isCacheHit)
      #expect(hits.count == 1 && hits.allSatisfy { $0.cost == .zero })
      #expect(try await node.ask(.DELETE, "/v1/prsm/cache").json["purged"] == 1)
      #expect(try await node.chat("one two three", fixed).headers.first(name: "x-prsm-cache") == "miss")
    }
  }

  @Test func aReportThatIsNotBelievedIsNotKeptWithTheAnswerEither() async throws {
    try await AccountNode.with(
      Self.prices,
      script: { (_, continuation) async throws(GenerationError) in
        continuation.yield(.text(TextPiece("yes")))
        let usage = Usage(promptTokens: 1 << 30, completionTokens: 1 << 30)
        continuation.yield(.finished(Completion(reason: .stop, usage: usage)))
      }
    ) { node async throws in
      for _ in 0..<3 { #expect(try await node.chat("a b", [("temperature", 0)]).text == "yes") }
      let events = try await node.events()
      #expect(events.count == 3 && events.filter(\.isCacheHit).count == 2)
      #expect(events.allSatisfy { $0.usage.totalTokens < 100_000 }, "\(events.map(\.usage))")
    }
  }

  @Test func oneTenantIsNotAnsweredWithWhatAnotherAsked() async throws {
    try await AccountNode.with("", authenticator: NamedTenants()) { node async throws in
      for name in ["ada", "bob"] {
        let answer = try await node.chat("a b", [("temperature", 0)], headers: [("authorization", "Bearer \(name)")])
        #expect(answer.headers.first(name: "x-prsm-cache") == "miss")
      }
      let purged = try await node.ask(.DELETE, "/v1/prsm/cache", headers: [("authorization", "Bearer bob")])
      #expect(purged.json["purged"] == 1, "a key forgets its own answers")
      let again = try await node.chat("a b", [("temperature", 0)], headers: [("authorization", "Bearer ada")])
      #expect(again.headers.first(name: "x-prsm-cache") == "hit")
    }
  }

  @Test func similarQuestionsShareAnAnswerWhereThatIsAskedFor() async throws {
    let yaml = "cache: { similarity: 0.92, embedding-model: weak }\n"
    try await AccountNode.with(yaml) { node async throws in
      // The scripted embedding depends on the number of words alone.
      #expect(try await node.chat("what is a cat", [("temperature", 0)]).headers.first(name: "x-prsm-cache") == "miss")
      let similar = try await node.chat("what is the cat", [("temperature", 0)])
      #expect(similar.headers.first(name: "x-prsm-cache") == "hit")
      #expect(similar.text == "what is a cat")
      let other = try await node.chat("what is cat 2", [("temperature", 0)])
      #expect(other.headers.first(name: "x-prsm-cache") == "miss", "a number makes a difference")
      #expect(try await node.chat("what is the capital of France", [("temperature", 0)]).status == 200)
      let spain = try await node.chat("what is the capital of Spain", [("temperature", 0)])
      #expect(spain.headers.first(name: "x-prsm-cache") == "miss", "most of it is the same, and what is not decides")
      let rest = try await node.chat("what is the cat", [("temperature", 0), ("max_tokens", 3)])
      #expect(rest.headers.first(name: "x-prsm-cache") == "miss", "everything else must be equal")
    }
  }

  @Test func whatTheCacheComparesByIsOnTheAccountToo() async throws {
    let yaml = Self.prices + "cache: { similarity: 0.92, embedding-model: weak }\n"
    try await AccountNode.with(yaml) { node async throws in
      for text in ["what is a cat", "what is the cat"] {
        #expect(try await node.chat(text, model: "strong", [("temperature", 0)]).status == 200)
      }
      let events = try await node.events()
      #expect(events.filter { $0.model == "weak" }.map(\.cost) == [Money(pico: 4_000_000), Money(pico: 4_000_000)])
      #expect(events.filter { $0.model == "strong" }.map(\.isCacheHit) == [false, true])
    }
    let spent = yaml + "budgets:\n  - { for: node, per: month, limit: 0 }\n"
    try await AccountNode.with(spent, models: ["weak", "free"]) { node async throws in
      #expect(try await node.chat("what is a cat", model: "free", [("temperature", 0)]).status == 200)
      #expect(try await node.events().allSatisfy { $0.model != "weak" }, "what cannot be paid is not asked for")
    }
  }

  @Test func embeddingsAreOnTheAccount() async throws {
    try await AccountNode.with(Self.prices) { node async throws in
      #expect(try await node.ask(.POST, "/v1/embeddings", ["model": "weak", "input": "a b c"]).status == 200)
      #expect(try await node.events().map(\.cost) == [Money(pico: 3_000_000)])
    }
  }

  @Test func theForecastSaysHowBudgetsStand() async throws {
    let yaml = Self.prices + "budgets:\n  - { for: node, per: month, limit: 5 }\n  - { for: key, per: day, limit: 1 }\n"
    try await AccountNode.with(yaml) { node async throws in
      #expect(try await node.chat("one two", model: "strong").status == 200)
      let forecast = try await node.ask(.GET, "/v1/prsm/usage/forecast").json
      #expect(forecast["basis"] == "nothing" && forecast["limit"] == "5.00")
      let budgets = try #require(forecast["budgets"]?.array)
      #expect(budgets.map { $0["for"]?.string } == ["node", "key"])
      #expect(budgets.allSatisfy { $0["spent"] == "0.00008" && $0["reserved"] == "0.00" })
    }
  }

  @Test(arguments: [
    "/v1/prsm/usage?by=colour", "/v1/prsm/usage?from=yesterday", "/v1/prsm/usage?from=2026-02-30",
    "/v1/prsm/usage?for=planet", "/v1/prsm/usage?for=key", "/v1/prsm/usage?from=1d&to=9d",
  ])
  func aQuestionThatMakesNoSenseIsToldSo(path: String) async throws {
    try await AccountNode.with("") { node async throws in
      let answer = try await node.ask(.GET, path)
      #expect(answer.status == 400)
      #expect(answer.json["error"]?["param"]?.string != nil)
    }
  }
}
