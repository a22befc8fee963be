import Foundation
import ModelInterface
import Testing

@testable import LlamaEngine

@Suite(
  .serialized, .enabled(if: TestModel.isPresent, "no model at PRSM_TEST_MODEL or in the cache folder: `make setup`"))
struct EngineTests {
  @Test func `the same seed gives the same text alone and amid eight others`() async throws {
    let request = TestModel.request("Tell a story about two foxes who live by the sea.", tokens: 32, seed: 11)
    let alone = try await Answer(request)
    let amid = try await withThrowingTaskGroup(of: String?.self) { group in
      for number in 0..<8 {
        let filler = String(repeating: "Say more. ", count: number * 3)
        group.addTask {
          _ = try await Answer(TestModel.request("Write about the number \(number). \(filler)", tokens: 40))
          return nil
        }
      }
      group.addTask { try await Answer(request).text }
      return try await group.reduce(nil as String?) { $1 ?? $0 }
    }
    #expect(amid == alone.text)
    #expect(alone.completion?.usage.completionTokens ?? 0 > 0)
  }

  @Test func `a prompt that was seen before is found in the cache`() async throws {
    let text = "Remember this: " + String(repeating: "a fact is a fact. ", count: 20)
    _ = try await Answer(TestModel.request(text + "One?", tokens: 2))
    let second = try await Answer(TestModel.request(text + "Two?", tokens: 2))
    #expect(second.completion?.usage.cachedPromptTokens ?? 0 > 60)
  }

  @Test func `a text of megabytes is refused by its length, before it is cut into tokens`() async throws {
    let text = String(repeating: "word ", count: 2_000_000)
    for prompt in [Prompt.text(text), .messages([Message(role: .user, text: text)])] {
      var request = TestModel.request("long")
      request.prompt = prompt
      let long = request
      let error = await #expect(throws: GenerationError.self) { try await Answer(long) }
      #expect(error?.description.contains("at least") == true)
    }
  }

  @Test func `a stop sequence ends the answer and is not part of it`() async throws {
    let greedy = { (stops: [String]) in
      var request = TestModel.request("Count from one to ten, one number a line.", tokens: 40)
      request.sampling = .greedy
      request.stopSequences = stops
      return request
    }
    let whole = try await Answer(greedy([])).text
    try #require(whole.count > 12)
    let stop = String(whole.dropFirst(6).prefix(4))
    let cut = try await Answer(greedy([stop]))
    #expect(!cut.text.contains(stop))
    #expect(whole.hasPrefix(cut.text))
    #expect(cut.completion?.reason == .stop)
    #expect(cut.completion?.stopSequence == stop)
  }

  @Test func `log-probabilities are those of the model and fit the text`() async throws {
    var request = TestModel.request("Say hello.", tokens: 8, seed: 3)
    request.logprobs = 3
    let answer = try await Answer(request)
    let spelled = answer.tokens.flatMap(\.chosen.bytes)
    #expect(String(decoding: spelled, as: UTF8.self) == answer.text)
    for token in answer.tokens {
      #expect(token.alternatives.count == 3)
      #expect(token.chosen.logprob <= 0)
      #expect(token.alternatives.map(\.logprob) == token.alternatives.map(\.logprob).sorted(by: >))
    }
  }

  @Test func `an echoed prompt is scored and nothing is generated`() async throws {
    let model = try await TestModel.models.tokenModel(named: "test")
    let tokens = model.tokenize("The capital of France is Paris", addsSpecial: true, parsesSpecial: false)
    var request = GenerationRequest(model: "test", prompt: .tokens(tokens), context: RequestContext(requestID: "echo"))
    request.maximumOutputTokens = 0
    request.echoesPrompt = true
    request.logprobs = 1
    let answer = try await Answer(request)
    #expect(answer.prompt.map(\.chosen.token) == tokens)
    let first = try #require(answer.prompt.first)
    #expect(first.chosen.logprob.isNaN)
    #expect(answer.prompt.dropFirst().allSatisfy { $0.chosen.logprob < 0 && $0.alternatives.count == 1 })
    #expect(answer.text.isEmpty)
    #expect(answer.completion?.usage.completionTokens == 0)
  }

  @Test func `JSON mode gives JSON and a schema is kept to`() async throws {
    var request = TestModel.request("Describe a dog.", tokens: 200, seed: 5)
    let schema = try JSONValue.parse(
      #"{"type":"object","properties":{"name":{"enum":["Rex","Fido"]},"age":{"enum":[1,2]}},"required":["name","age"]}"#
    )
    request.responseFormat = .jsonSchema(name: "dog", schema: schema, isStrict: true)
    let answer = try await Answer(request)
    let value = try JSONValue.parse(answer.text)
    #expect(["Rex", "Fido"].contains(value["name"]?.string))
    #expect([1, 2].contains(value["age"]?.integer))
  }

  @Test func `a required function is called with arguments of its schema`() async throws {
    var request = TestModel.request("What is the weather in Paris?", tokens: 120, seed: 1)
    let schema = try JSONValue.parse(
      #"{"type":"object","properties":{"city":{"enum":["Paris","Rome"]}},"required":["city"]}"#)
    request.tools = [Tool(name: "get_weather", summary: "The weather of a city", parameters: schema, isStrict: true)]
    request.toolChoice = .function("get_weather")
    let answer = try await Answer(request)
    let call = try #require(answer.calls.first)
    #expect(call.name == "get_weather")
    #expect(try JSONValue.parse(call.arguments)["city"]?.string != nil)
    #expect(answer.completion?.reason == .toolCalls)
    #expect(answer.text.isEmpty)
  }

  @Test func `a reader that goes away frees its place`() async throws {
    do {
      let iterator = try await TestModel.models.generate(TestModel.request("Talk for long.", tokens: 4000))
        .makeAsyncIterator()
      _ = try await iterator.next()
    }
    _ = try await Answer(TestModel.request("Hi", tokens: 2))
    let deadline = ContinuousClock.now + .seconds(20)
    var active = 1
    while active > 0, ContinuousClock.now < deadline {
      active = TestModel.models.snapshots().first?.active ?? 0
      await Task.yield()
    }
    #expect(active == 0)
  }

  @Test func `what is wrong with a request is said with the parameter's name`() async throws {
    func parameter(_ change: (inout GenerationRequest) -> Void) async -> String? {
      var request = TestModel.request("Hi")
      change(&request)
      do {
        _ = try await TestModel.models.generate(request)
        return nil
      } catch {
        if case .invalidRequest(let parameter) = error.kind { return parameter }
        return "\(error.kind)"
      }
    }
    #expect(await parameter { $0.prompt = .tokens([1, 99_999_999]) } == "prompt")
    #expect(await parameter { $0.prompt = .tokens([-1]) } == "prompt")
    #expect(await parameter { $0.prompt = .messages([]) } == "messages")
    #expect(await parameter { $0.sampling.temperature = .nan } == "temperature")
    #expect(await parameter { $0.sampling.logitBias = [123_456_789: 1] } == "logit_bias")
    for grammar in Self.unreadable { #expect(await parameter { $0.responseFormat = .grammar(grammar) } == "grammar") }
    #expect(await parameter { $0.toolChoice = .function("none") } == "tool_choice")
    #expect(
      await parameter { $0.prompt = .tokens([TokenID](repeating: 1, count: 100_000)) }?.hasPrefix("context") == true)
    #expect(await parameter { $0.model = "other" } == "modelNotFound")
  }

  /// Grammars that are wrong, or would keep llama.cpp's reader busy for ever, or overflow its stack.
  private static let unreadable = [
    "", "\n", "root ::= (", "root ::= other", "root ::= root \"a\" | \"b\"",
    "root ::= " + String(repeating: "(", count: 1_000) + "\"a\"" + String(repeating: ")", count: 1_000),
    "root ::= r0\n" + (0..<100_000).map { "r\($0) ::= r\($0 + 1)\n" }.joined() + "r100000 ::= \"a\"",
    "root ::= r0\n" + (0..<40).map { "r\($0) ::= r\($0 + 1) | r\($0 + 1)\n" }.joined() + "r40 ::= \"a\"",
  ]

  @Test(
    arguments: [
      .jsonSchema(
        name: "x", schema: ["type": "string", "pattern": "^(a?){0,100}b$"], isStrict: true),
      .jsonSchema(
        name: "x", schema: ["type": "string", "pattern": .string("^" + String(repeating: "a*", count: 100) + "b$")],
        isStrict: true),
      .grammar("root ::= " + String(repeating: "\"a\"? ", count: 2_000)), .grammar("root ::= [z-a]"),
    ] as [ResponseFormat])
  func `a format that matches in too many ways, or never, is refused`(
    _ format: ResponseFormat
  ) async throws {
    async let other = Answer(TestModel.request("Count to ten.", tokens: 30, seed: 1))
    var request = TestModel.request("Write the letter a a hundred times.", tokens: 40, seed: 3)
    request.responseFormat = format
    do {
      let answer = try await Answer(request)
      // A model may find its way without the choices that would be too many.
      #expect(answer.completion != nil)
    } catch let error as GenerationError {
      guard case .invalidRequest = error.kind else {
        Issue.record("\(error)")
        return
      }
    }
    #expect(try await other.completion != nil)
  }

  @Test func `an enumeration of thousands costs no more than a short one`() async throws {
    let values = (0..<3_000).map { JSONValue.string("value \($0)") }
    var request = TestModel.request("Pick a value.", tokens: 24, seed: 5)
    request.responseFormat = .jsonSchema(name: "x", schema: ["enum": .array(values)], isStrict: true)
    let answer = try await Answer(request)
    #expect(values.contains { $0.text == answer.text })
  }

  @Test func `sequences of a session share a beginning and agree to the bit`() async throws {
    let model = try await TestModel.models.tokenModel(named: "test")
    let session = try await model.openSession(sequences: 3, context: RequestContext(requestID: "session"))
    let tokens = model.tokenize("The capital of France is", addsSpecial: true, parsesSpecial: false)
    let last = try #require(tokens.last)
    let first = try await session.evaluate([(sequence: 0, tokens: tokens)])
    try await session.fork(0, to: 1)
    try await session.truncate(1, to: tokens.count - 1)
    let both = try await session.evaluate([(sequence: 1, tokens: [last]), (sequence: 2, tokens: tokens)])
    #expect(first[0].count == model.vocabularySize)
    #expect(both[0] == first[0])
    #expect(both[1] == first[0])
    await session.close()
    await #expect(throws: GenerationError.self) { try await session.evaluate([(sequence: 0, tokens: tokens)]) }
  }

  @Test func `embeddings have unit length and like texts are near`() async throws {
    let texts = ["A cat sat on the mat.", "A dog sat on the mat.", "Quantum chromodynamics has eight gluons."]
    let response = try await TestModel.models.embed(
      EmbeddingRequest(model: "alias", inputs: texts.map { .text($0) }, context: RequestContext(requestID: "embed")))
    func product(_ left: Int, _ right: Int) -> Float {
      zip(response.vectors[left], response.vectors[right]).map(*).reduce(0, +)
    }
    #expect(abs(product(0, 0) - 1) < 1e-4)
    #expect(product(0, 1) > product(0, 2))
    let short = try await TestModel.models.embed(
      EmbeddingRequest(
        model: "test", inputs: [.text(texts[0])], dimensions: 8, context: RequestContext(requestID: "short")))
    #expect(short.vectors[0].count == 8)
  }

  @Test func `a file that is no model is refused by name`() async throws {
    let models = LocalModels(source: FixedModelSource([ModelFileEntry(name: "none", path: "/nonexistent.gguf")]))
    do {
      _ = try await models.generate(
        GenerationRequest(model: "none", prompt: .text("x"), context: RequestContext(requestID: "x")))
      Issue.record("a file that is not there was loaded")
    } catch {
      #expect(error.kind == .unavailable)
      #expect(error.message.contains("none"))
    }
  }
}
