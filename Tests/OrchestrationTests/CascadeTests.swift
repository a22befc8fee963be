import ModelInterface
import Orchestration
import ScriptedProvider
import Testing

@Suite struct CascadeTests {
  private func cascade(_ checks: AnswerChecks, models: [String] = ["small", "large"]) -> VirtualModel {
    VirtualModel("frugal", .cascade(Cascade(models: models, checks: checks)))
  }

  @Test func aSureAnswerOfTheCheapModelIsPassedOn() async throws {
    var checks = AnswerChecks()
    checks.meanLogprob = -0.5
    let scene = try Scene(
      [cascade(checks)], members: ["small": Says.text("it is four", logprob: -0.2), "large": Says.text("five")])
    let got = await scene.ask("frugal")
    #expect(got.text == "it is four" && got.error == nil)
    #expect(got.completion?.usage == Usage(promptTokens: 7, completionTokens: 3))
    #expect(got.tokens.isEmpty, "log-probabilities that nobody asked for are not passed on")
    #expect(scene.trace(got)?.called == ["small"])
    #expect(scene.trace(got)?.verdict("mean-logprob")?.holds == true)
    #expect(got.start?.model == "frugal" && got.start?.provider == "virtual")
  }

  @Test func anUnsureAnswerEscalatesAndBothArePaid() async throws {
    var checks = AnswerChecks()
    checks.meanLogprob = -0.5
    let scene = try Scene(
      [cascade(checks)],
      members: ["small": Says.text("it is four", logprob: -2), "large": Says.text("it is five, really")])
    let got = await scene.ask("frugal")
    #expect(got.text == "it is five, really")
    #expect(got.completion?.usage == Usage(promptTokens: 14, completionTokens: 7))
    #expect(scene.trace(got)?.called == ["small", "large"])
    #expect(scene.trace(got)?.cost == Int128(14 + 70))
    #expect(scene.provider.requests.last?.logprobs == nil, "the last answer is not measured")
  }

  @Test func anAliasStandsForAVirtualModel() async throws {
    var checks = AnswerChecks()
    checks.meanLogprob = -0.5
    let scene = try Scene(
      [cascade(checks)], aliases: ["gpt-4o": "frugal", "other": "large", "frugal": "large"],
      members: ["small": Says.text("four", logprob: -0.2), "large": Says.text("five")])
    let got = await scene.ask("gpt-4o")
    #expect(got.text == "four" && got.start?.model == "frugal")
    #expect(await scene.virtual.models().map(\.aliases) == [["gpt-4o"]])
    #expect(scene.virtual.set["other"] == nil)
    #expect(await scene.ask("frugal").text == "four", "an alias never takes a virtual model's own name")
  }

  @Test func aModelWithoutLogprobsIsNotTrusted() async throws {
    var checks = AnswerChecks()
    checks.meanLogprob = -5
    let scene = try Scene([cascade(checks)], members: ["small": Says.text("four"), "large": Says.text("five")])
    #expect(await scene.ask("frugal").text == "five")
  }

  @Test(arguments: [(["four", "Four.", "the answer is 4"], true), (["four", "five", "six"], false)])
  func samplesThatSayTheSameHold(texts: [String], holds: Bool) async throws {
    var checks = AnswerChecks()
    checks.consistency = AnswerChecks.Consistency(samples: 3, share: 0.6)
    let scene = try Scene([cascade(checks)], members: ["small": Says.each(texts), "large": Says.text("large")])
    let got = await scene.ask("frugal")
    #expect((got.text == "four") == holds)
    #expect(scene.trace(got)?.called.count == (holds ? 3 : 4))
    let temperatures = Set(scene.provider.requests.map(\.sampling.temperature))
    #expect(temperatures == [1])
  }

  @Test func greedySamplesAreDrawnWithATemperatureAndTheirOwnSeeds() async throws {
    var checks = AnswerChecks()
    checks.consistency = AnswerChecks.Consistency(samples: 3, share: 1, temperature: 0.7)
    let scene = try Scene([cascade(checks)], members: ["small": Says.text("x"), "large": Says.text("y")])
    var request = scene.request("frugal")
    request.sampling = .greedy
    request.sampling.seed = 5
    _ = await scene.ask(request)
    let drawn = scene.provider.requests.map { "\($0.sampling.temperature) \($0.sampling.seed ?? 0)" }.sorted()
    #expect(drawn == ["0.0 5", "0.7 6", "0.7 7"])
  }

  @Test func anAnswerThatIsNotByTheSchemaEscalates() async throws {
    var checks = AnswerChecks()
    checks.checksSchema = true
    let scene = try Scene(
      [cascade(checks)], members: ["small": Says.text("{\"age\":\"old\"}"), "large": Says.text("{\"age\":7}")])
    var request = scene.request("frugal")
    request.responseFormat = .jsonSchema(
      name: "p", schema: ["type": "object", "properties": ["age": ["type": "integer"]], "required": ["age"]],
      isStrict: true)
    let got = await scene.ask(request)
    #expect(got.text == "{\"age\":7}")
    #expect(scene.trace(got)?.verdict("schema")?.note == "`age` is a string, expected integer")
    #expect(scene.provider.requests.allSatisfy { $0.responseFormat == request.responseFormat })
  }

  @Test func aJudgesNoEscalatesAndItsYesDoesNot() async throws {
    var checks = AnswerChecks()
    checks.judge = Judge(model: "judge", least: 6)
    for (score, expected) in [("{\"score\": 8}", "small"), ("{\"score\": 3}", "large"), ("no idea", "large")] {
      let scene = try Scene(
        [cascade(checks)],
        members: ["small": Says.text("small"), "large": Says.text("large"), "judge": Says.text(score)])
      #expect(await scene.ask("frugal").text == expected, "\(score)")
      let judged = scene.provider.requests.first { $0.model == "judge" }
      #expect(judged?.sampling.temperature == 0 && judged?.tools.isEmpty == true)
      let quality = ["{\"score\": 8}": 0.8, "{\"score\": 3}": 0.3][score]
      let told = quality.map { [JudgementBox.Entry(model: "small", question: "What is it?", quality: $0)] } ?? []
      #expect(scene.judged.entries == told, "routing hears what the judge gave")
    }
  }

  @Test func checksCombineAsAllOrAny() async throws {
    var checks = AnswerChecks()
    checks.meanLogprob = -0.5
    checks.judge = Judge(model: "judge")
    let members = [
      "small": Says.text("small", logprob: -2), "large": Says.text("large"), "judge": Says.text("{\"score\": 9}"),
    ]
    let strict = try Scene([cascade(checks)], members: members)
    #expect(await strict.ask("frugal").text == "large")
    #expect(strict.trace()?.called == ["small", "large"], "the judge is spared where the result is clear")
    checks.demand = .any
    let lenient = try Scene([cascade(checks)], members: members)
    #expect(await lenient.ask("frugal").text == "small")
  }

  @Test func aBrokenModelIsSteppedOverAndABrokenLastOneFallsBack() async throws {
    var checks = AnswerChecks()
    checks.judge = Judge(model: "judge")
    let scene = try Scene(
      [cascade(checks, models: ["broken", "small", "dead"])],
      members: [
        "broken": Says.failure(), "small": Says.text("small"), "dead": Says.failure(),
        "judge": Says.text("{\"score\": 1}"),
      ])
    let got = await scene.ask("frugal")
    #expect(got.text == "small" && got.error == nil)
    #expect(scene.trace(got)?.verdict("fallback") != nil)
  }

  @Test func whatHasLeftIsNotTakenBack() async throws {
    var checks = AnswerChecks()
    checks.judge = Judge(model: "judge")
    let scene = try Scene(
      [cascade(checks)],
      members: [
        "small": Says.text("small"), "large": Says.failure(.unavailable, after: "half an "),
        "judge": Says.text("{\"score\": 1}"),
      ])
    let got = await scene.ask("frugal")
    #expect(got.text == "half an " && got.completion == nil && got.error?.kind == .unavailable)
    #expect(scene.trace(got)?.status == "failed")
  }

  @Test func whereAllFailTheLastReasonIsTold() async throws {
    var checks = AnswerChecks()
    checks.checksSchema = true
    let scene = try Scene(
      [cascade(checks)],
      members: ["small": Says.failure(), "large": Says.failure(.overloaded(retryAfter: .seconds(3)))])
    let got = await scene.ask("frugal")
    #expect(got.error?.kind == .overloaded(retryAfter: .seconds(3)))
  }

  @Test func toolCallsAreCheckedByTheirParameters() async throws {
    var checks = AnswerChecks()
    checks.checksSchema = true
    let calling: Scene.Behaviour = { (request, continuation) async throws(GenerationError) in
      let city = request.model == "small" ? "7" : "\"Paris\""
      continuation.yield(.toolCall(ToolCallPiece(index: 0, id: "c", name: "weather")))
      continuation.yield(.toolCall(ToolCallPiece(index: 0, arguments: "{\"city\":\(city)}")))
      continuation.yield(.finished(Completion(reason: .toolCalls, usage: Usage(promptTokens: 1, completionTokens: 2))))
    }
    let scene = try Scene([cascade(checks)], members: ["small": calling, "large": calling])
    var request = scene.request("frugal")
    request.tools = [
      Tool(name: "weather", parameters: ["type": "object", "properties": ["city": ["type": "string"]]])
    ]
    let got = await scene.ask(request)
    #expect(got.calls.map(\.arguments).joined() == "{\"city\":\"Paris\"}")
    #expect(got.completion?.reason == .toolCalls)
    #expect(got.completion?.usage.completionTokens == 4)
  }
}
