import ModelInterface
import Orchestration
import ScriptedProvider
import Synchronization
import Testing

@Suite struct LimitTests {
  @Test func theDeadlineEndsEverything() async throws {
    let model = VirtualModel("jury", .panel(Panel(models: ["a", "b"], quorum: 2)))
    let scene = try Scene([model], members: ["a": Says.nothing, "b": Says.nothing])
    async let pending = scene.ask("jury")
    while scene.trace()?.called.count != 2 { await Task.yield() }
    let members = scene.provider.requests.compactMap(\.context.deadline)
    #expect(members.allSatisfy { $0 == scene.clock.now + .seconds(120) })
    while scene.trace()?.status == "running" {
      scene.clock.advance(by: .seconds(121))
      await Task.yield()
    }
    let got = await pending
    #expect(got.error?.kind == .timedOut)
    #expect(scene.trace()?.ends.allSatisfy { $0.outcome == .late } == true)
    await scene.settle()
    #expect(scene.provider.running == 0)
  }

  @Test func theClientsOwnDeadlineComesFirst() async throws {
    let scene = try Scene(
      [VirtualModel("p", .pipeline(Pipeline(steps: [Pipeline.Step(name: "s", model: "a", prompt: nil)])))],
      members: ["a": Says.text("x")])
    var request = scene.request("p")
    request.context.deadline = scene.clock.now + .seconds(3)
    _ = await scene.ask(request)
    #expect(try #require(scene.provider.requests.first).context.deadline == request.context.deadline)
  }

  @Test func aCascadeOutOfTimeGivesWhatItHas() async throws {
    var checks = AnswerChecks()
    checks.judge = Judge(model: "judge")
    let scene = try Scene(
      [VirtualModel("frugal", .cascade(Cascade(models: ["small", "slow", "large"], checks: checks)))],
      members: [
        "small": Says.text("small"), "slow": Says.nothing, "large": Says.text("large"),
        "judge": Says.text("{\"score\": 1}"),
      ])
    async let pending = scene.ask("frugal")
    while scene.trace()?.called.last != "slow" { await Task.yield() }
    while scene.trace()?.status == "running" {
      scene.clock.advance(by: .seconds(121))
      await Task.yield()
    }
    #expect(await pending.text == "small")
    await scene.settle()
  }

  @Test func callsTokensAndCostsAreBudgets() async throws {
    var checks = AnswerChecks()
    checks.judge = Judge(model: "judge")
    let cascade = VirtualModel.Plan.cascade(Cascade(models: ["small", "large"], checks: checks))
    var tokens = OrchestrationLimits()
    tokens.tokens = 8
    var cost = OrchestrationLimits()
    cost.cost = 1
    let members = ["small": Says.text("small", prompt: 200_000), "large": Says.text("large"), "judge": Says.text("1")]
    let scene = try Scene(
      [VirtualModel("tokens", cascade, limits: tokens), VirtualModel("cost", cascade, limits: cost)], members: members)
    let got = await scene.ask("tokens")
    #expect(got.text == "small", "nothing is called beyond the budget, and what is there is given")
    #expect(scene.trace(got)?.called == ["small"])
    // A millionth is 10^6 pico; 200,000 tokens at 1 pico are less, so that only the tokens are limited above.
    #expect(await scene.ask("cost").text == "large")
  }

  @Test func aReaderThatGoesAwayStopsEveryMember() async throws {
    let models = ["a", "b", "c"]
    let scene = try Scene(
      [VirtualModel("jury", .panel(Panel(models: models, quorum: 3)))],
      members: Dictionary(uniqueKeysWithValues: models.map { ($0, Says.nothing) }))
    let request = scene.request("jury")
    let task = Task { await scene.ask(request) }
    while scene.provider.running < 3 { await Task.yield() }
    task.cancel()
    #expect(await task.value.error?.kind == .cancelled)
    await scene.settle()
    #expect(scene.provider.running == 0 && scene.provider.stopped == 3)
    #expect(scene.trace()?.status == "failed")
  }

  @Test func tooManyAreToldToComeBack() async throws {
    let scene = try Scene(
      [VirtualModel("p", .pipeline(Pipeline(steps: [Pipeline.Step(name: "s", model: "a", prompt: nil)])))],
      members: ["a": Says.nothing])
    var streams: [GenerationStream] = []
    for _ in 0..<VirtualModels.maximumRuns { streams.append(try await scene.virtual.generate(scene.request("p"))) }
    let refused = await #expect(throws: GenerationError.self) { try await scene.virtual.generate(scene.request("p")) }
    #expect(refused?.kind == .overloaded(retryAfter: .seconds(1)))
    streams = []
    await scene.settle()
    #expect(scene.virtual.runs == 0)
  }

  @Test func aRequestThatComesBackToItsOwnVirtualModelIsRefused() async throws {
    let scene = try Scene(
      [VirtualModel("p", .pipeline(Pipeline(steps: [Pipeline.Step(name: "s", model: "a", prompt: nil)])))],
      members: ["a": Says.text("x")])
    var request = scene.request("p")
    request.context.enclosing = ["auto-outer", "p"]
    #expect(await scene.ask(request).error?.message.contains("circle") == true)
  }

  @Test func modelsAreReplacedForWhatComesNext() async throws {
    let scene = try Scene(
      [VirtualModel("p", .pipeline(Pipeline(steps: [Pipeline.Step(name: "s", model: "a", prompt: nil)])))],
      members: ["a": Says.text("x")])
    #expect(await scene.virtual.models().map(\.name) == ["p"])
    scene.virtual.replace(VirtualModelSet())
    #expect(await scene.ask("p").error?.kind == .modelNotFound)
  }
}
