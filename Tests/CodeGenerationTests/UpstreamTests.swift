import ModelInterface
import Synchronization
import Testing

@testable import CodeGeneration

/// The toy model as it looks from outside: requests and answers.
private final class ToyProvider: ModelProvider {
  let model: ToyModel
  private let spent = Mutex((tokens: 0, requests: 0))

  init(_ model: ToyModel) { self.model = model }

  var tokens: Int { spent.withLock { $0.tokens } }
  var requests: Int { spent.withLock { $0.requests } }

  func models() async -> [ModelDescriptor] { [ModelDescriptor(name: "toy", provider: "test")] }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    guard case .text(let prompt) = request.prompt else {
      throw GenerationError(.invalidRequest(parameter: nil), "the search asks with texts")
    }
    var random = SplitMix(seed: UInt64(prompt.utf8.count))
    var tokens = model.tokenize(prompt, addsSpecial: true, parsesSpecial: false)
    var pieces: [GenerationEvent] = []
    var text = ""
    var stop: String?
    var count = 0
    while count < request.maximumOutputTokens ?? 64, stop == nil {
      let logits = model.logits(after: tokens)
      let temperature = request.sampling.temperature
      let rule: TokenRule =
        temperature > 0 ? .drawn(temperature: temperature, topP: 1, topK: 0, uniform: random.uniform()) : .greedy
      guard let choice = rule.choice(from: logits) else { break }
      count += 1
      if model.isEndOfGeneration(choice.token) { break }
      func candidate(_ token: TokenID, _ logprob: Float) -> TokenLogprob.Candidate {
        .init(token: token, bytes: model.bytes(of: token), logprob: logprob)
      }
      let others = TokenRule.likeliest(logits, request.logprobs ?? 0).map { candidate($0.token, $0.logprob) }
      tokens.append(choice.token)
      text += String(decoding: model.bytes(of: choice.token), as: UTF8.self)
      stop = request.stopSequences.first { text.hasSuffix($0) }
      pieces.append(
        .text(
          TextPiece(
            String(decoding: model.bytes(of: choice.token), as: UTF8.self),
            tokens: request.logprobs == nil
              ? [] : [TokenLogprob(chosen: candidate(choice.token, choice.logprob), alternatives: others)])))
    }
    if let stop {
      pieces = [.text(TextPiece(String(text.dropLast(stop.count))))]
    }
    let isCut = count == request.maximumOutputTokens ?? 64 && stop == nil
    pieces.append(
      .finished(
        Completion(
          reason: isCut ? .length : .stop, stopSequence: stop,
          usage: Usage(promptTokens: prompt.utf8.count, completionTokens: count))))
    spent.withLock { $0 = ($0.tokens + count, $0.requests + 1) }
    return .events(pieces)
  }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(.invalidRequest(parameter: nil), "the toy model makes no vectors")
  }
}

@Suite struct UpstreamTests {
  private static let task = CodeTask(instruction: "Write f that adds.", tests: ["assert f(2, 4) == 6"])
  private static let runner = ToyRunner(values: [("a + b", "6"), ("a - b", "-2")])

  private func search(
    _ provider: ToyProvider, _ change: (inout CodeSettings) -> Void = { _ in }
  ) async throws -> CodeResult {
    var settings = CodeSettings()
    settings.firstWave = 2
    settings.guidedLines = 6
    change(&settings)
    return try await UpstreamSearch(
      Self.task, settings: settings, provider: provider, model: "toy", context: RequestContext(requestID: "test"),
      runner: Self.runner, clock: { 0 }
    ).run()
  }

  @Test func aProgramThatPassesAtOnceEndsIt() async throws {
    let provider = ToyProvider(ToyModel([.init(text: "def f(a, b):\n    return a + b\n```", plain: 9, traced: 9)]))
    let result = try await search(provider)
    #expect(result.passes)
    #expect(result.attempts == 0)
    #expect(result.generatedTokens == provider.tokens)
  }

  @Test(arguments: [Float(1), 3]) func guidanceFindsWhatThePlainPromptNeverSays(_ gamma: Float) async throws {
    let provider = ToyProvider(
      ToyModel([
        .init(text: "def f(a, b):\n    return a - b\n```", plain: 12, traced: 0),
        .init(text: "def f(a, b):\n    return a + b\n```", plain: -4, traced: 14),
      ]))
    let result = try await search(provider) {
      $0.gammas = [gamma]
      $0.budgetTokens = 4_000
    }
    #expect(result.passes)
    #expect(result.candidate?.origin == .guided)
    #expect(result.program.contains("a + b"))
  }

  @Test(arguments: [20, 61, 200, 513], [Float(1), 3]) func theBudgetIsKept(_ budget: Int, _ gamma: Float) async throws {
    let provider = ToyProvider(
      ToyModel([.init(text: "def f(a, b):\n    return a - b\n```", plain: 3, traced: 3)], noise: 4))
    let result = try await search(provider) {
      $0.gammas = [gamma]
      $0.budgetTokens = budget
      $0.programTokens = 64
    }
    #expect(!result.passes)
    #expect(result.generatedTokens == provider.tokens)
    #expect(result.generatedTokens <= budget)
  }

  @Test(arguments: [Float(1), 3]) func theSecondsAreKept(_ gamma: Float) async throws {
    let provider = ToyProvider(
      ToyModel([.init(text: "def f(a, b):\n    return a - b\n```", plain: 3, traced: 3)], noise: 4))
    var settings = CodeSettings()
    settings.gammas = [gamma]
    settings.budgetSeconds = 6
    // Every request takes two seconds.
    let result = try await UpstreamSearch(
      Self.task, settings: settings, provider: provider, model: "toy", context: RequestContext(requestID: "test"),
      runner: Self.runner, clock: { Double(provider.requests) * 2 }
    ).run()
    #expect(result.ending == .seconds)
    #expect(provider.requests <= 4)
  }
}
