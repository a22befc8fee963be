import ModelInterface
import Orchestration
import ScriptedProvider
import Testing

@Suite struct PanelTests {
  private func jury(_ panel: Panel, _ limits: OrchestrationLimits = OrchestrationLimits()) -> VirtualModel {
    VirtualModel("jury", .panel(panel), limits: limits)
  }

  @Test func theAnswerOfMostIsGivenWithTheUsageOfAll() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "c"], threshold: 0.6, quorum: 3))],
      members: ["a": Says.text("It is 4."), "b": Says.text("5"), "c": Says.text("the answer is 4.0")])
    let got = await scene.ask("jury")
    #expect(got.text == "It is 4." || got.text == "the answer is 4.0")
    let usage = scene.trace(got)?.ends.reduce(Usage()) { $0 + $1.usage }
    #expect(got.completion?.usage == usage && usage?.promptTokens == 21)
    #expect(scene.trace(got)?.verdict("agreement")?.value == 2.0 / 3)
  }

  @Test func aMajorityThatCanNoLongerChangeEndsThePanel() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "slow"], threshold: 0.5))],
      members: ["a": Says.text("4"), "b": Says.text("4"), "slow": Says.nothing])
    let got = await scene.ask("jury")
    #expect(got.text == "4" && got.error == nil)
    await scene.settle()
    #expect(scene.trace(got)?.ends.first { $0.outcome == .cancelled } != nil)
  }

  @Test func aQuorumThatWaitedLongEnoughGoesOn() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "slow"], threshold: 0.9, quorum: 2, escalation: "large"))],
      members: ["a": Says.text("4"), "b": Says.text("4"), "slow": Says.nothing, "large": Says.text("large")])
    async let pending = scene.ask("jury")
    // The panel waits for its third member until the patience is over.
    while scene.trace()?.ends.count != 2 { await Task.yield() }
    while scene.trace()?.status == "running", scene.trace()?.verdict("agreement") == nil {
      scene.clock.advance(by: .seconds(5))
      await Task.yield()
    }
    let got = await pending
    #expect(got.text == "4", "two of two agree")
    #expect(scene.trace(got)?.verdict("quorum")?.value == 2)
    await scene.settle()
  }

  @Test func tooFewAnswersAreAnErrorThatCountsThem() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "c"], quorum: 2))],
      members: ["a": Says.text("4"), "b": Says.failure(), "c": Says.failure(.overloaded(retryAfter: .seconds(1)))])
    let got = await scene.ask("jury")
    #expect(got.error?.message.contains("of 3 members 1 answered, and 2 are needed") == true)
    #expect(got.completion == nil && got.text.isEmpty)
  }

  @Test func aQuorumThatCannotBeReachedIsNotWaitedFor() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "slow"], quorum: 2))],
      members: ["a": Says.failure(), "b": Says.failure(), "slow": Says.nothing])
    // The clock stands still, so that a wait for the third would have no end.
    let got = await scene.ask("jury")
    #expect(got.error?.message.contains("of 3 members 0 answered, and 2 are needed") == true)
    await scene.settle()
  }

  @Test func confidenceOutweighsNumbers() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "c"], agreement: .confidence, threshold: 0.5, quorum: 3))],
      members: [
        "a": Says.text("4", logprob: -3), "b": Says.text("4", logprob: -3), "c": Says.text("5", logprob: -0.01),
      ])
    let got = await scene.ask("jury")
    #expect(got.text == "5" && got.tokens.isEmpty)
  }

  @Test func belowTheThresholdAStrongerModelAnswersAndAPersonIsTold() async throws {
    let hook = ReviewHook(url: "http://127.0.0.1/review", authorization: "secret")
    let scene = try Scene(
      [jury(Panel(models: ["a", "b"], threshold: 0.9, quorum: 2, escalation: "large", review: hook))],
      members: ["a": Says.text("4"), "b": Says.text("5"), "large": Says.text("it is six")])
    let got = await scene.ask("jury", "How many?")
    #expect(got.text == "it is six")
    let review = try #require(scene.reviews.all.first)
    #expect(review.question == "How many?" && review.answers.map(\.text) == ["4", "5"] && review.agreement == 0.5)
    #expect(review.given == nil && review.orchestration == scene.trace(got)?.id)
    #expect(!review.json.text.contains("secret"))
  }

  @Test func aJudgeFindsThatFreeTextMeansTheSame() async throws {
    let long = "Because shorter waves are bent more strongly by glass than longer ones are, as every prism shows us."
    let other = "Glass bends short waves more than long ones; so the colours leave a prism at different angles, always."
    let third =
      "It is an illusion that the eye makes up, and nothing that glass itself could ever do to any light at all."
    let scene = try Scene(
      [jury(Panel(models: ["a", "b", "c"], agreement: .judged, threshold: 0.6, judge: "judge", quorum: 3))],
      members: [
        "a": Says.text(long), "b": Says.text(other), "c": Says.text(third),
        "judge": Says.text("{\"groups\": [1, 1, 2]}"),
      ])
    let got = await scene.ask("jury")
    #expect(got.text == long || got.text == other)
    #expect(scene.trace(got)?.verdict("agreement")?.holds == true)
    let judged = try #require(scene.provider.requests.first { $0.model == "judge" })
    guard case .messages(let messages) = judged.prompt else { return }
    #expect(messages.last?.text.contains(third) == true)
  }

  @Test func aJudgeThatFailsLeavesTheWordsToDecide() async throws {
    let scene = try Scene(
      [jury(Panel(models: ["a", "b"], agreement: .judged, threshold: 0.9, judge: "judge", quorum: 2))],
      members: ["a": Says.text("x y"), "b": Says.text("z"), "judge": Says.failure()])
    let got = await scene.ask("jury")
    #expect(got.text == "x y" && scene.trace(got)?.verdict("agreement")?.holds == false)
  }

  @Test func noMoreThanAllowedAreAtWork() async throws {
    let models = (0..<9).map { "m\($0)" }
    var limits = OrchestrationLimits()
    limits.concurrency = 3
    let most = MostAtOnce()
    let behaviour: Scene.Behaviour = { (request, continuation) async throws(GenerationError) in
      most.begin()
      for _ in 0..<20 { await Task.yield() }
      most.end()
      await Says.write(request.model, request, continuation)
    }
    let scene = try Scene(
      [jury(Panel(models: models, threshold: 0.1, quorum: 9), limits)],
      members: Dictionary(uniqueKeysWithValues: models.map { ($0, behaviour) }))
    #expect(await scene.ask("jury").error == nil)
    #expect(most.most == 3)
  }
}
