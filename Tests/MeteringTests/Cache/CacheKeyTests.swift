import Metering
import ModelInterface
import Testing

@Suite struct CacheKeyTests {
  static func request(_ text: String = "hi", tenant: String = "t", system: String? = nil) -> GenerationRequest {
    var messages = [Message(role: .user, text: text)]
    if let system { messages.insert(Message(role: .system, text: system), at: 0) }
    var request = GenerationRequest(
      model: "m", prompt: .messages(messages), context: RequestContext(requestID: "r", tenant: tenant))
    request.sampling = .greedy
    return request
  }

  @Test func whateverDecidesOnTheAnswerDecidesOnTheKey() {
    let changes: [(String, (inout GenerationRequest) -> Void)] = [
      ("tenant", { $0.context.tenant = "u" }), ("model", { $0.model = "n" }),
      ("text", { $0.prompt = .text("hi") }), ("tokens", { $0.prompt = .tokens([1]) }),
      ("parts", { $0.prompt = .messages([Message(role: .user, content: [.text("h"), .text("i")])]) }),
      ("role", { $0.prompt = .messages([Message(role: .system, text: "hi")]) }),
      ("temperature", { $0.sampling.temperature = 0.5 }), ("seed", { $0.sampling.seed = 1 }),
      ("top p", { $0.sampling.topP = 0.5 }), ("bias", { $0.sampling.logitBias = [1: 2] }),
      ("maximum", { $0.maximumOutputTokens = 5 }), ("stop", { $0.stopSequences = ["a"] }),
      ("two stops", { $0.stopSequences = ["a", "b"] }), ("format", { $0.responseFormat = .jsonObject }),
      ("grammar", { $0.responseFormat = .grammar("json") }), ("tools", { $0.tools = [Tool(name: "f")] }),
      ("strict tool", { $0.tools = [Tool(name: "f", isStrict: true)] }), ("choice", { $0.toolChoice = .required }),
      ("named choice", { $0.toolChoice = .function("required") }), ("parallel", { $0.allowsParallelToolCalls = false }),
      ("logprobs", { $0.logprobs = 0 }), ("echo", { $0.echoesPrompt = true }),
      ("effort", { $0.reasoningEffort = "low" }),
      ("passthrough", { $0.passthrough = ["x": 1] }), ("other passthrough", { $0.passthrough = ["x": "1"] }),
    ]
    var keys: Set<CacheKey> = [CacheKey(Self.request())]
    for (name, change) in changes {
      var request = Self.request()
      change(&request)
      #expect(keys.insert(CacheKey(request)).inserted, "\(name)")
    }
  }

  @Test func whatDoesNotDecideOnTheAnswerIsLeftOut() {
    var request = Self.request()
    request.isStreamed = false
    request.context.requestID = "other"
    request.context.priority = 5
    request.context.deadline = .now
    request.context.session = "s"
    #expect(CacheKey(request) == CacheKey(Self.request()))
    var one = Self.request()
    one.passthrough = ["a": ["x": 1, "y": 2], "b": 3]
    var two = Self.request()
    two.passthrough = ["b": 3, "a": ["y": 2, "x": 1]]
    #expect(CacheKey(one) == CacheKey(two))
  }

  @Test func onlyTheLastTurnIsComparedByMeaning() throws {
    let first = try #require(CacheKey.semantic(Self.request("hello", system: "be kind")))
    let second = try #require(CacheKey.semantic(Self.request("good day", system: "be kind")))
    let third = try #require(CacheKey.semantic(Self.request("good day", system: "be rude")))
    #expect(first.rest == second.rest && second.rest != third.rest && first.turn == "hello")
    var withTools = Self.request()
    withTools.tools = [Tool(name: "f")]
    #expect(CacheKey.semantic(withTools) == nil)
  }

  @Test func onlyRequestsForTheSameAnswerAreKeptByDefault() {
    var request = Self.request()
    #expect(CachePolicy().covers(request))
    request.sampling.temperature = 1
    #expect(!CachePolicy().covers(request) && CachePolicy(scope: .all).covers(request))
    request.sampling.seed = 7
    #expect(CachePolicy().covers(request) && !CachePolicy(scope: .none).covers(request))
    request.prompt = .messages([Message(role: .user, content: [.image(url: "https://example.org/a.png", detail: nil)])])
    #expect(!CachePolicy(scope: .all).covers(request), "what a link shows may change")
  }
}
