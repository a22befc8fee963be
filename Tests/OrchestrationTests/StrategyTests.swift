import ModelInterface
import Orchestration
import ScriptedProvider
import Testing

@Suite struct StrategyTests {
  private func text(_ request: GenerationRequest) -> String {
    guard case .messages(let messages) = request.prompt else { return "" }
    return messages.map(\.text).joined(separator: "\n")
  }

  @Test func aMixtureShowsEachLayerWhatTheOneBeforeSaid() async throws {
    let model = VirtualModel(
      "council", .mixture(Mixture(layers: [["a", "b"], ["a"]], aggregator: "large", quorum: 1)))
    let scene = try Scene(
      [model],
      members: ["a": Says.each(["first a", "second a"]), "b": Says.text("first b"), "large": Says.text("the answer")])
    var request = scene.request("council", "Why?")
    request.prompt = .messages([Message(role: .system, text: "Be brief."), Message(role: .user, text: "Why?")])
    request.tools = [Tool(name: "t")]
    let got = await scene.ask(request)
    #expect(got.text == "the answer")
    let requests = scene.provider.requests
    try #require(requests.count == 4)
    #expect(requests.prefix(2).allSatisfy { !text($0).contains("first") && $0.tools.isEmpty })
    #expect(text(requests[2]).contains("first a") && text(requests[2]).contains("first b"))
    #expect(text(requests[3]).contains("second a") && !text(requests[3]).contains("first b"))
    #expect(requests[3].tools.count == 1 && requests[3].isStreamed)
    guard case .messages(let last) = requests[3].prompt else { return }
    #expect(last.map(\.role) == [.system, .user] && last[0].text.hasPrefix("Be brief."))
  }

  @Test func aMixtureGoesOnWithAQuorumAndFallsBackToAProposal() async throws {
    let model = VirtualModel("council", .mixture(Mixture(layers: [["a", "b", "c"]], aggregator: "dead", quorum: 2)))
    let scene = try Scene(
      [model],
      members: ["a": Says.failure(), "b": Says.text("b"), "c": Says.text("c"), "dead": Says.failure()])
    #expect(await scene.ask("council").text == "b")
  }

  @Test func bestOfTakesWhatItsModelIsSurestOf() async throws {
    let model = VirtualModel("careful", .bestOf(BestOf(models: ["a"], samples: 3)))
    let scene = try Scene([model], members: ["a": Says.each(["x", "y", "z"], logprobs: [-2, -0.1, -1])])
    let got = await scene.ask("careful")
    #expect(got.text == "y" && got.completion?.usage.promptTokens == 21)
  }

  @Test func bestOfTakesWhatTheJudgeLikesMost() async throws {
    let model = VirtualModel(
      "careful", .bestOf(BestOf(models: ["a"], samples: 3, score: .judge(Judge(model: "judge")))))
    let scene = try Scene(
      [model],
      members: [
        "a": Says.each(["poor", "good", "fair"]),
        "judge": Says.answer { request in
          guard case .messages(let messages) = request.prompt, let text = messages.last?.text else { return "" }
          return "{\"score\": \(text.contains("good") ? 9 : text.contains("fair") ? 5 : 1)}"
        },
      ])
    #expect(await scene.ask("careful").text == "good")
  }

  @Test func bestOfEndsWithTheFirstValidSample() async throws {
    var limits = OrchestrationLimits()
    limits.concurrency = 1
    let model = VirtualModel(
      "careful", .bestOf(BestOf(models: ["a"], samples: 4, score: .schema(["type": "object"]))), limits: limits)
    let scene = try Scene([model], members: ["a": Says.each(["no", "{\"a\":1}", "no", "no"])])
    #expect(await scene.ask("careful").text == "{\"a\":1}")
    #expect(scene.provider.requests.count == 2)
  }

  @Test func aPipelineHandsOnWhatItsStepsWrote() async throws {
    let model = VirtualModel(
      "essay",
      .pipeline(
        Pipeline(steps: [
          Pipeline.Step(name: "outline", model: "a", prompt: try PromptTemplate("Outline: {{input}}"), outputTokens: 9),
          Pipeline.Step(
            name: "text", model: "b", prompt: try PromptTemplate("{{outline}} for {{input}} after {{previous}}")),
        ])))
    let scene = try Scene(
      [model], members: ["a": Says.text("one {{input}} two"), "b": Says.answer { "[" + ScriptedText.last($0) + "]" }])
    var request = scene.request("essay", "rain")
    request.responseFormat = .jsonObject
    request.stopSequences = ["END"]
    let got = await scene.ask(request)
    #expect(got.text == "[one {{input}} two for rain after one {{input}} two]")
    let requests = scene.provider.requests
    try #require(requests.count == 2)
    #expect(requests[0].maximumOutputTokens == 9 && requests[0].responseFormat == .text)
    #expect(requests[0].stopSequences.isEmpty && !requests[0].isStreamed)
    #expect(requests[1].responseFormat == .jsonObject && requests[1].stopSequences == ["END"])
    #expect(requests.allSatisfy { $0.context.enclosing == ["essay"] })
  }

  @Test func mapReduceWorksOnEachPartAndPutsTheResultsTogetherInOrder() async throws {
    let work = MapReduce(
      split: .text(characters: 200), maximumParts: 10, worker: "a",
      task: try PromptTemplate("{{index}}/{{count}} {{part}}"),
      combiner: "b", combination: try PromptTemplate("{{results}}"))
    let model = VirtualModel("digest", .mapReduce(work))
    let scene = try Scene(
      [model],
      members: ["a": Says.answer { String(ScriptedText.last($0).prefix(3)) }, "b": Says.answer(ScriptedText.last)])
    let got = await scene.ask("digest", String(repeating: "words of a text ", count: 60))
    #expect(got.text.hasPrefix("Result 1:\n1/5\n\nResult 2:\n2/5"))
    #expect(scene.trace(got)?.called.count == 6)
  }

  @Test func aModelNamesThePartsAndSomeMayFail() async throws {
    let work = MapReduce(
      split: .model("splitter", .decompose), maximumParts: 3, worker: "a", task: try PromptTemplate("{{part}}"),
      combiner: "b", combination: try PromptTemplate("{{count}} of them: {{results}}"), quorum: 0.6)
    let scene = try Scene(
      [VirtualModel("digest", .mapReduce(work))],
      members: [
        "splitter": Says.text("{\"parts\": [\"one\", \"two\", \"three\"]}"),
        "a": { (request, continuation) async throws(GenerationError) in
          if ScriptedText.last(request) == "two" { throw GenerationError(.unavailable, "broken") }
          await Says.write("did " + ScriptedText.last(request), request, continuation)
        },
        "b": Says.answer(ScriptedText.last),
      ])
    #expect(await scene.ask("digest").text == "2 of them: Result 1:\ndid one\n\nResult 2:\ndid three")
  }

  @Test func virtualModelsStandInsideEachOther() async throws {
    let inner = VirtualModel("inner", .bestOf(BestOf(models: ["a"], samples: 2)))
    let outer = VirtualModel("outer", .panel(Panel(models: ["inner", "b"], threshold: 0.9, quorum: 2)))
    let scene = try Scene([inner, outer], members: ["a": Says.text("4", logprob: -1), "b": Says.text("4")])
    let got = await scene.ask("outer")
    #expect(got.text == "4" && got.completion?.usage.promptTokens == 21)
    let trace = try #require(scene.trace(got))
    let id = try #require(trace.ends.compactMap(\.trace).first)
    #expect(scene.virtual.traces.trace(id)?.enclosing == ["outer"])
    #expect(trace.cost == Int128(21 + 30), "the cost of the inner ones is counted once")
  }

  @Test func tokensAreRefusedWhereWordsAreNeeded() async throws {
    let scene = try Scene(
      [VirtualModel("council", .mixture(Mixture(layers: [["a"]], aggregator: "a")))], members: ["a": Says.text("x")])
    var request = scene.request("council")
    request.prompt = .tokens([1, 2])
    #expect(await scene.ask(request).error?.kind == .invalidRequest(parameter: "prompt"))
  }
}

enum ScriptedText {
  @Sendable static func last(_ request: GenerationRequest) -> String {
    guard case .messages(let messages) = request.prompt else { return "" }
    return messages.last?.text ?? ""
  }
}
