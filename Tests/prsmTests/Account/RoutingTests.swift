import Foundation
import Metering
import ModelInterface
import NIOHTTP1
import Routing
import ScriptedProvider
import Synchronization
import Testing

@testable import prsm

/// Names that leave the choice of a model to the node.
@Suite(.timeLimit(.minutes(1))) struct NodeRoutingTests {
  private static let yaml = """
    prices:
      weak: { input: 0.1, output: 0.4 }
      strong: { input: 10, output: 30 }
    limits: { output-tokens: 64 }
    routing:
      exploration: 0
      models:
        weak: { quality: 0.4, region: eu }
        strong: { quality: 0.9, region: us, modalities: [text, image] }
      policies:
        europe: { choose: best, regions: [eu] }
        mars: { choose: best, regions: [mars] }
      experiments:
        duel: { models: { weak: 1, strong: 1 } }
      canaries:
        stable: { baseline: weak, candidate: strong, share: 100% }

    """

  @Test func theNamesAreListedBehindTheModels() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let names = try await node.ask(.GET, "/v1/models").json["data"]?.array?.compactMap { $0["id"]?.string }
      #expect(
        names == [
          "weak", "strong", "auto", "auto:cheap", "auto:best", "auto:fast", "auto:30%", "duel", "europe", "mars",
          "stable",
        ])
    }
  }

  @Test(arguments: [
    ("auto:best", "strong"), ("auto:cheap", "strong"), ("europe", "weak"), ("auto:0%", "weak"), ("auto:100%", "strong"),
  ])
  func aPolicyChoosesAndSaysWhy(name: String, model: String) async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let answer = try await node.chat("Prove the theorem.", model: name)
      #expect(answer.status == 200)
      #expect(answer.json["model"]?.string == model)
      let header = try #require(answer.headers.first(name: "x-prsm-route"))
      #expect(header.contains("model=\(model);"))
      let id = try #require(header.split(separator: ";").first?.dropFirst(3))
      let route = try await node.ask(.GET, "/v1/prsm/routes/\(id)").json
      #expect(route["chosen"]?.string == model && route["name"]?.string == name)
      #expect(route["candidates"]?.array?.count == 2)
      #expect(route["replayed"] == route["chosen"])
      #expect(route["outcome"]?["outcome"] == "finished" && route["outcome"]?["model"]?.string == model)
      let request = try #require(answer.headers.first(name: "x-request-id"))
      #expect(try await node.ask(.GET, "/v1/prsm/routes/\(request)").json["id"]?.string == String(id))
      #expect(try await node.events().map(\.model) == [model])
    }
  }

  @Test func whatCannotTakeARequestIsExcludedWithTheReason() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let image: JSONValue = [
        "model": "auto:cheap",
        "messages": [
          [
            "role": "user",
            "content": [
              ["type": "text", "text": "What is this?"],
              ["type": "image_url", "image_url": ["url": "data:image/png;base64,AA"]],
            ],
          ]
        ],
      ]
      #expect(try await node.ask(.POST, "/v1/chat/completions", image).json["model"] == "strong")
      let none = try await node.chat("x", model: "mars")
      #expect(none.status == 503)
      #expect(none.json["error"]?["message"]?.string?.contains("allowed are mars") == true)
      let unknown = try await node.chat("x", model: "auto:cheep")
      #expect(unknown.status == 404)
      let newest = try await node.ask(.GET, "/v1/prsm/routes?limit=1").json["data"]?[0]
      let excluded = newest?["candidates"]?.array?.compactMap { $0["excluded"]?.string }
      #expect(excluded == ["does not accept image"])
    }
  }

  @Test func aModelThatFailsBeforeItsFirstEventIsFollowedByTheNext() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "strong" { throw GenerationError(.unavailable, "The engine is down.") }
      try await ScriptedProvider.echo(request, continuation)
    }
    for isStreamed in [false, true] {
      try await AccountNode.with(Self.yaml, script: script) { node async throws in
        let answer = try await node.chat("one two", model: "auto:best", [("stream", .bool(isStreamed))])
        #expect(answer.status == 200 && answer.text == "one two")
        let route = try await node.ask(.GET, "/v1/prsm/routes").json["data"]?[0]
        #expect(route?["chosen"] == "strong" && route?["outcome"]?["model"] == "weak")
        #expect(route?["failed"]?[0]?["model"] == "strong")
        #expect(try await node.events().map(\.model) == ["weak"])
        #expect(
          try await node.chat("one", model: "strong").status == 503,
          "a model that was asked for by name is not replaced")
      }
    }
  }

  /// What the dearest that may help out costs is set aside; where that is too much, what is no dearer helps out.
  @Test(arguments: [("1", 200, "strong"), ("0.0003", 503, nil)] as [(String, Int, String?)])
  func aDearerModelHelpsOutWhereTheBudgetPaysForIt(limit: String, status: Int, model: String?) async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "weak" { throw GenerationError(.unavailable, "The engine is down.") }
      try await ScriptedProvider.echo(request, continuation)
    }
    let yaml = Self.yaml + "budgets:\n  - { for: key, per: day, limit: \(limit) }\n"
    try await AccountNode.with(yaml, script: script) { node async throws in
      let answer = try await node.chat("one two", model: "auto:cheap")
      #expect(answer.status == status && answer.json["model"]?.string == model, "\(answer.body)")
      #expect(try await node.events().map(\.model) == [model ?? "weak"])
      #expect(node.metering.meter.openCount == 0)
    }
  }

  @Test func aModelWithoutAPriceThatHelpsOutCostsNothing() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "strong" { throw GenerationError(.unavailable, "The engine is down.") }
      try await ScriptedProvider.echo(request, continuation)
    }
    let yaml = Self.yaml.replacingOccurrences(of: "  weak: { input: 0.1, output: 0.4 }\n", with: "")
    try await AccountNode.with(yaml, script: script) { node async throws in
      #expect(try await node.chat("one two", model: "auto:best").json["model"] == "weak")
      let event = try #require(try await node.events().first)
      #expect(event.model == "weak" && event.usage.totalTokens > 0 && event.cost == .zero)
    }
  }

  @Test func aStreamThatBreaksAfterItsFirstEventKeepsItsModel() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      continuation.yield(.text(TextPiece("word ")))
      throw GenerationError(.unavailable, "The engine broke off.")
    }
    try await AccountNode.with(Self.yaml, script: script) { node async throws in
      _ = try await node.chat("one two", model: "auto:best", [("stream", true)])
      #expect(node.provider.requests.map(\.model) == ["strong"])
    }
  }

  @Test func aBudgetThatIsNearlySpentChoosesWhatItStillPaysFor() async throws {
    let yaml = Self.yaml + "budgets:\n  - { for: key, per: day, limit: 0.001 }\n"
    try await AccountNode.with(yaml) { node async throws in
      let answer = try await node.chat("Prove the theorem.", model: "auto:best")
      #expect(answer.status == 200 && answer.json["model"] == "weak")
    }
  }

  @Test func aConversationStaysWithItsModel() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let session = [("x-prsm-session", "s1")]
      #expect(try await node.chat("Prove it.", model: "auto:best", headers: session).json["model"] == "strong")
      let next = try await node.chat("Thanks!", model: "auto:0%", headers: session)
      #expect(next.json["model"] == "strong")
      #expect(next.headers.first(name: "x-prsm-route")?.contains("basis=session") == true)
      #expect(try await node.chat("Thanks!", model: "auto:0%").json["model"] == "weak")
    }
  }

  @Test func feedbackMovesTheChoiceAndSurvivesARestart() async throws {
    let folder = AccountFolder()
    try await AccountNode.with(Self.yaml, folder: folder) { node async throws in
      var id = ""
      for _ in 0..<60 {
        let answer = try await node.chat("Prove the theorem.", model: "auto:best")
        let model = try #require(answer.json["model"])
        id = try #require(answer.headers.first(name: "x-request-id"))
        let judged = try await node.ask(
          .POST, "/v1/prsm/feedback", ["request_id": .string(id), "quality": model == "strong" ? 0 : 1])
        #expect(judged.status == 200 && judged.json["model"] == model)
      }
      #expect(try await node.chat("Prove the theorem.", model: "auto:best").json["model"] == "weak")
      #expect(try await node.ask(.POST, "/v1/prsm/feedback", ["route_id": "none", "good": true]).status == 404)
      #expect(try await node.ask(.POST, "/v1/prsm/feedback", ["request_id": .string(id), "quality": 2]).status == 400)
    }
    try await AccountNode.with(Self.yaml, folder: folder) { node async throws in
      #expect(try await node.chat("Prove the theorem.", model: "auto:best").json["model"] == "weak")
      #expect(try await node.ask(.GET, "/v1/prsm/routing").json["decisions"]?.integer == 62)
    }
  }

  @Test func anExperimentDividesItsRequestsAndAReleaseSendsItsShare() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      var models: Set<String> = []
      for _ in 0..<40 { models.insert(try await node.chat("a", model: "duel").json["model"]?.string ?? "") }
      #expect(models == ["weak", "strong"])
      for _ in 0..<5 { #expect(try await node.chat("a", model: "stable").json["model"] == "strong") }
      let state = try await node.ask(.GET, "/v1/prsm/routing").json
      #expect(state["releases"]?[0]?["answers"] == 5)
      #expect(state["experiments"]?[0]?["verdict"] == "undecided")
    }
  }

  @Test func aReleaseThatFailsIsRolledBack() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "strong" { throw GenerationError(.unavailable, "The engine is down.") }
      try await ScriptedProvider.echo(request, continuation)
    }
    try await AccountNode.with(Self.yaml, script: script) { node async throws in
      for _ in 0..<30 { #expect(try await node.chat("a", model: "stable").status == 200, "the baseline helps out") }
      let release = try await node.ask(.GET, "/v1/prsm/routing").json["releases"]?[0]
      #expect(release?["stage"]?.string?.hasPrefix("rolled back") == true, "\(release ?? .null)")
      #expect(release?["share"]?.double == 0)
    }
  }

  /// A candidate whose breaker is open is not asked, and so fails no more answers: each request that it would have had counts.
  @Test func aReleaseWhoseCandidateIsDownIsRolledBack() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      node.setHealth(.down, of: "strong")
      for _ in 0..<30 {
        let answer = try await node.chat("a", model: "stable")
        #expect(answer.status == 200 && answer.json["model"] == "weak", "the baseline answers")
      }
      let release = try await node.ask(.GET, "/v1/prsm/routing").json["releases"]?[0]
      #expect(release?["stage"]?.string?.hasPrefix("rolled back: success rate 0 of ") == true, "\(release ?? .null)")
      #expect(release?["share"]?.double == 0)
    }
  }

  @Test func nothingIsHeldAgainstACandidateWhileItsBaselineIsDownToo() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      for model in ["strong", "weak"] { node.setHealth(.down, of: model) }
      for _ in 0..<30 { #expect(try await node.chat("a", model: "stable").status == 503) }
      node.setHealth(.healthy, of: "strong")
      #expect(try await node.chat("a", model: "stable").json["model"] == "strong")
      let release = try await node.ask(.GET, "/v1/prsm/routing").json["releases"]?[0]
      #expect(release?["stage"] == "running" && release?["answers"] == 1, "\(release ?? .null)")
    }
  }

  @Test func aModelThatIsNotOfferedIsChosenByThoseWhoNameItAlone() async throws {
    let yaml = Self.yaml.replacingOccurrences(of: "modalities: [text, image]", with: "offered: false")
    try await AccountNode.with(yaml) { node async throws in
      #expect(try await node.chat("a", model: "auto:best").json["model"] == "weak")
      let answer = try await node.chat("a", model: "stable")
      #expect(answer.status == 200 && answer.json["model"] == "strong", "\(answer.body)")
      var models: Set<String> = []
      for _ in 0..<40 { models.insert(try await node.chat("a", model: "duel").json["model"]?.string ?? "") }
      #expect(models == ["weak", "strong"])
      let candidates = try await node.ask(.GET, "/v1/prsm/routing").json["candidates"]?.array
      #expect(candidates?.compactMap { $0["model"]?.string } == ["weak"])
    }
  }

  @Test func theTimeThatAnotherModelTookToFailIsNotTheOnesThatHelpedOut() async throws {
    let script: ScriptedProvider.Script = { (request, continuation) async throws(GenerationError) in
      if request.model == "strong" {
        try? await Task.sleep(for: .milliseconds(600))
        throw GenerationError(.unavailable, "The engine is down.")
      }
      try await ScriptedProvider.echo(request, continuation)
    }
    try await AccountNode.with(Self.yaml, script: script) { node async throws in
      #expect(try await node.chat("one two", model: "auto:best").json["model"] == "weak")
      await node.routing.refresh()
      let weak = node.routing.state.withLock { $0.candidates.first { $0.name == "weak" } }
      #expect(try #require(weak?.latency).p95 < 500)
    }
  }

  /// A virtual model may leave several of its members to the node: they are routes of one request.
  @Test func aFailureIsNotedWithTheRouteThatItBelongsTo() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      func began(_ name: String) throws -> (RouteTicket, GenerationRequest) {
        var request = GenerationRequest(model: name, prompt: .text("a"), context: RequestContext(requestID: "one"))
        let ticket = try node.routing.decide(request, allowed: nil, embedding: nil, remaining: nil)
        node.routing.began(ticket, model: ticket.model)
        request.model = ticket.model
        request.fallbacks = ticket.fallbacks
        return (ticket, request)
      }
      let (best, request) = try began("auto:best")
      let (cheap, _) = try began("auto:0%")
      #expect(best.model == "strong" && cheap.model == "weak")
      node.routing.failed(request, model: "strong", GenerationError(.unavailable, "The engine is down."))
      let routes = node.routing.state.withLock { state in [best, cheap].compactMap { state.log[$0.id] } }
      #expect(routes.map { $0.failed.map(\.model) } == [["strong"], []])
      #expect(node.routing.state.withLock { $0.log.find("one")?.ticket.id } == cheap.id)
    }
  }

  @Test func theSameJudgementTwiceIsOne() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let answer = try await node.chat("a", model: "duel")
      let id = try #require(answer.headers.first(name: "x-request-id"))
      func judge(_ quality: Double, _ source: String = "person") async throws -> Bool? {
        let body: JSONValue = ["request_id": .string(id), "quality": .double(quality), "source": .string(source)]
        return try await node.ask(.POST, "/v1/prsm/feedback", body).json["counted"]?.bool
      }
      func judged() async throws -> [JSONValue?] {
        let arms = try await node.ask(.GET, "/v1/prsm/routing").json["experiments"]?[0]?["arms"]?.array
        let arm = arms?.first { $0["model"] == answer.json["model"] }
        return [arm?["judged"], arm?["success"]]
      }
      #expect(try await judge(0) == true)
      for _ in 0..<50 { #expect(try await judge(0) == false) }
      #expect(try await judged() == [1, 0.0])
      #expect(try await judge(1, "judge") == true, "another source")
      #expect(try await judged() == [1, 0.0], "people are believed before judges")
      #expect(try await judge(1) == true, "a change of mind")
      #expect(try await judged() == [1, 1.0])
      for index in 0..<50 { _ = try await judge(Double(index % 2)) }
      #expect(try await judge(0.5) == false, "some changes of mind are enough")
      let evidence = try await node.ask(.POST, "/v1/prsm/routes/explain", ["prompt": "a", "model": "duel"]).json
      let candidate = evidence["candidates"]?.array?.first { $0["model"] == answer.json["model"] }
      #expect(candidate?["evidence"] == 1, "\(candidate ?? .null)")
    }
  }

  @Test func askingWhyChangesNothing() async throws {
    try await AccountNode.with(Self.yaml) { node async throws in
      let body: JSONValue = ["prompt": "Prove the theorem.", "model": "auto:best"]
      let why = try await node.ask(.POST, "/v1/prsm/routes/explain", body).json
      #expect(why["chosen"] == "strong" && why["explanation"]?.array?.count == 2)
      #expect(try await node.ask(.GET, "/v1/prsm/routes").json["data"]?.array?.isEmpty == true)
      #expect(try await node.ask(.GET, "/v1/prsm/routing").json["decisions"] == 0)
      #expect(try await node.ask(.POST, "/v1/prsm/routes/explain", ["prompt": "x", "model": "weak"]).status == 404)
    }
  }

  @Test func aRouteIsShownToWhoeverAskedForItAlone() async throws {
    try await AccountNode.with(Self.yaml, authenticator: NamedTenants()) { node async throws in
      let answer = try await node.chat("a", model: "auto", headers: [("authorization", "Bearer ada")])
      let id = try #require(answer.headers.first(name: "x-request-id"))
      func status(_ name: String) async throws -> Int {
        try await node.ask(.GET, "/v1/prsm/routes/\(id)", headers: [("authorization", "Bearer \(name)")]).status
      }
      #expect(try await status("ada") == 200)
      #expect(try await status("bob") == 404)
      #expect(try await status("root") == 200)
    }
  }
}
