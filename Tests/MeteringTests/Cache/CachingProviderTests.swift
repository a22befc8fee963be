import Metering
import ModelInterface
import Synchronization
import Testing

@Suite struct CachingProviderTests {
  private func events(_ stream: GenerationStream) async throws -> [GenerationEvent] {
    var events: [GenerationEvent] = []
    for try await event in stream { events.append(event) }
    return events
  }

  @Test func anEqualRequestIsAnsweredByAWholeStreamThatSaysSo() async throws {
    let provider = CountingProvider()
    let cache = AnswerCache()
    let caching = CachingProvider(provider, cache: cache)
    let fresh = try await events(try await caching.generate(CacheKeyTests.request()))
    let again = try await events(try await caching.generate(CacheKeyTests.request()))
    #expect(provider.calls == 1)
    #expect(fresh.first == .started(GenerationStart(model: "m", provider: "mock")))
    #expect(again.first == .started(GenerationStart(model: "m", provider: CachingProvider.name)))
    #expect(again.dropFirst().dropLast() == fresh.dropFirst().dropLast())
    guard case .finished(let end) = again.last else { throw TestFailure("the stream has no end") }
    #expect(end.usage == Usage(promptTokens: 5, cachedPromptTokens: 5, completionTokens: 2) && end.reason == .stop)
    #expect(cache.statistics.hits == 1 && cache.statistics.misses == 1)
  }

  @Test func tenantsNeverShareAnAnswer() async throws {
    let provider = CountingProvider()
    let caching = CachingProvider(provider, cache: AnswerCache())
    for tenant in ["a", "b"] {
      _ = try await events(try await caching.generate(CacheKeyTests.request(tenant: tenant)))
    }
    #expect(provider.calls == 2)
  }

  @Test func answersAreNoOlderThanThePolicyAllowsNowNorThanWhereTheyCameFrom() throws {
    let time = Mutex(ContinuousClock.now)
    let cache = AnswerCache(policy: CachePolicy(lifetime: .seconds(60))) { time.withLock { $0 } }
    let keys = ["own", "theirs"].map { CacheKey(CacheKeyTests.request(tenant: $0)) }
    let answer: [GenerationEvent] = [
      .started(GenerationStart(model: "m", provider: "p")), .finished(Completion(reason: .stop, usage: Usage())),
    ]
    cache.keep(answer, keys[0], tenant: "own", model: "m")
    cache.keep(answer, keys[1], tenant: "theirs", model: "m", lifetime: .seconds(5))
    time.withLock { $0 += .seconds(6) }
    #expect(cache.find(keys[0]) != nil && cache.find(keys[1]) == nil)
    cache.policy = CachePolicy(lifetime: .seconds(3))
    #expect(cache.find(keys[0]) == nil)
  }

  @Test func answersGoWhenTheyAreOldOrPurged() async throws {
    let provider = CountingProvider()
    let time = Mutex(ContinuousClock.now)
    let cache = AnswerCache(policy: CachePolicy(lifetime: .seconds(60))) { time.withLock { $0 } }
    let caching = CachingProvider(provider, cache: cache)
    func ask(_ tenant: String = "t") async throws {
      _ = try await events(try await caching.generate(CacheKeyTests.request(tenant: tenant)))
    }
    try await ask()
    time.withLock { $0 += .seconds(61) }
    try await ask()
    #expect(provider.calls == 2)
    try await ask("u")
    #expect(cache.purge(tenant: "t", model: "other") == 0)
    #expect(cache.purge(tenant: "t", model: "m") == 1)
    try await ask()
    try await ask("u")
    #expect(provider.calls == 4 && cache.purge() == 2 && cache.statistics.bytes == 0)
  }

  @Test func answersThatDoNotComeToTheirEndAreNotKept() async throws {
    for ending in [CountingProvider.Ending.fails, .withheld] {
      let provider = CountingProvider(ending)
      let caching = CachingProvider(provider, cache: AnswerCache())
      for _ in 0..<2 { _ = try? await events(try await caching.generate(CacheKeyTests.request())) }
      #expect(provider.calls == 2, "\(ending)")
    }
    let provider = CountingProvider()
    let caching = CachingProvider(provider, cache: AnswerCache())
    for _ in 0..<2 {
      let stream = try await caching.generate(CacheKeyTests.request())
      for try await _ in stream { break }
    }
    _ = try await events(try await caching.generate(CacheKeyTests.request()))
  }

  @Test func anErrorReachesTheReaderAsItIs() async throws {
    let caching = CachingProvider(CountingProvider(.fails), cache: AnswerCache())
    let stream = try await caching.generate(CacheKeyTests.request())
    await #expect(throws: GenerationError(.unavailable, "gone")) { for try await _ in stream {} }
  }

  @Test func memoryIsBoundedAndTheLeastRecentlyUsedGoesFirst() async throws {
    let provider = CountingProvider()
    let cache = AnswerCache(policy: CachePolicy(maximumBytes: 5_000))
    let caching = CachingProvider(provider, cache: cache)
    func ask(_ text: String) async throws {
      _ = try await events(try await caching.generate(CacheKeyTests.request(text)))
    }
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<300 {
      try await ask("favourite")
      try await ask("\(Int.random(in: 0..<50, using: &generator))")
      #expect(cache.statistics.bytes <= 5_000 && cache.statistics.entries >= 1)
    }
    #expect(cache.statistics.evictions > 50)
    let calls = provider.calls
    try await ask("favourite")
    #expect(provider.calls == calls)
    cache.policy = CachePolicy(maximumBytes: 0)
    #expect(cache.statistics.entries == 0)
  }

  @Test func similarTurnsShareAnAnswerOnlyWhereEverythingElseIsEqual() async throws {
    let provider = CountingProvider()
    let cache = AnswerCache(policy: CachePolicy(similarity: 0.92))
    let vectors: [String: [Float]] = [
      "What is the capital of France?": [1, 0, 0], "Name France's capital.": [0.95, 0.2, 0],
      "What is the capital of Spain?": [0.7, 0.7, 0], "Is 17 a prime?": [0, 0, 1], "Is 18 a prime?": [0, 0, 1],
      "Is it safe?": [0, 1, 0], "Is it not safe?": [0, 1, 0], "broken": [],
    ]
    let caching = CachingProvider(provider, cache: cache) { text throws(GenerationError) in vectors[text] ?? [] }
    func ask(_ text: String, system: String = "s") async throws -> Bool {
      let before = provider.calls
      _ = try await events(try await caching.generate(CacheKeyTests.request(text, system: system)))
      return provider.calls == before
    }
    #expect(try await !ask("What is the capital of France?"))
    #expect(try await ask("Name France's capital."))
    #expect(try await !ask("What is the capital of Spain?"))
    #expect(try await !ask("Name France's capital.", system: "answer in Latin"))
    #expect(try await !ask("Is 17 a prime?"))
    #expect(try await !ask("Is 18 a prime?"), "numbers must be equal")
    #expect(try await !ask("Is it safe?"))
    #expect(try await !ask("Is it not safe?"), "denials must be equal")
    #expect(try await !ask("broken"))
    #expect(cache.statistics.semanticHits == 1)
  }
}

/// Answers "Hello world", and counts how often it was asked.
final class CountingProvider: ModelProvider {
  enum Ending: Sendable {
    case finishes, fails, withheld
  }

  private let count = Atomic(0)
  private let ending: Ending

  init(_ ending: Ending = .finishes) {
    self.ending = ending
  }

  var calls: Int { count.load(ordering: .relaxed) }

  func models() async -> [ModelDescriptor] { [ModelDescriptor(name: "m", provider: "mock")] }

  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    throw GenerationError(.invalidRequest(parameter: "model"), "makes no embeddings")
  }

  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    count.wrappingAdd(1, ordering: .relaxed)
    let (stream, continuation) = GenerationStream.make()
    continuation.yield(.started(GenerationStart(model: request.model, provider: "mock")))
    continuation.yield(.text(TextPiece("Hello")))
    continuation.yield(.text(TextPiece(" world")))
    switch ending {
    case .fails: continuation.finish(throwing: GenerationError(.unavailable, "gone"))
    case .finishes, .withheld:
      continuation.yield(
        .finished(
          Completion(
            reason: ending == .withheld ? .contentFilter : .stop,
            usage: Usage(promptTokens: 5, completionTokens: 2))))
      continuation.finish()
    }
    return stream
  }
}
