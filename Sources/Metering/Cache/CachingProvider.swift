package import ModelInterface

/// Answers what has been answered before from memory, and asks another provider for everything else.
///
/// A replayed answer is a whole stream: who answers (the model, with ``name`` as the provider), the pieces as they came, and
/// the end, whose usage says that the prompt was cached. Only answers that came to their end are kept; one that the provider
/// withheld, that failed, or that the client broke off, is not.
package struct CachingProvider: ModelProvider {
  /// What a replayed answer names as its provider.
  package static let name = "cache"

  /// Puts the meaning of a text into a vector.
  package typealias Embedder = @Sendable (String) async throws(GenerationError) -> [Float]

  private let provider: any ModelProvider
  private let cache: AnswerCache
  private let embedder: Embedder?

  /// A cache before a provider.
  ///
  /// - Parameter embedder: for ``CachePolicy/similarity``; where it fails, the request is asked as if it were new.
  package init(_ provider: any ModelProvider, cache: AnswerCache, embedder: Embedder? = nil) {
    self.provider = provider
    self.cache = cache
    self.embedder = embedder
  }

  package func models() async -> [ModelDescriptor] { await provider.models() }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await provider.embed(request)
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    let policy = cache.policy
    guard policy.covers(request) else { return try await provider.generate(request) }
    let key = CacheKey(request)
    if let events = cache.find(key) { return Self.replay(events) }
    let meaning = await meaning(of: request, policy)
    if let meaning, let events = cache.find(like: meaning) {
      return Self.replay(events)
    }
    cache.missed()
    let stream = try await provider.generate(request)
    return record(stream, key, request, meaning, limit: policy.maximumEntryBytes)
  }

  private func meaning(of request: GenerationRequest, _ policy: CachePolicy) async -> AnswerCache.Meaning? {
    guard policy.similarity != nil, let embedder, let (rest, turn) = CacheKey.semantic(request) else { return nil }
    do {
      return AnswerCache.Meaning(rest: rest, turn: turn, embedding: try await embedder(turn))
    } catch {
      return nil
    }
  }

  /// The stream, passed on as it comes, and kept if it ends well.
  private func record(
    _ source: GenerationStream, _ key: CacheKey, _ request: GenerationRequest, _ meaning: AnswerCache.Meaning?,
    limit: Int
  ) -> GenerationStream {
    let (stream, continuation) = GenerationStream.make()
    let cache = cache
    // Unstructured because it is the producer of a stream whose reader is not known yet. It ends with the source, and is
    // cancelled when the reader goes away.
    let relay = Task {
      var events: [GenerationEvent] = []
      var bytes = 0
      do {
        for try await event in source {
          bytes += event.approximateBytes
          if bytes <= limit { events.append(event) } else { events = [] }
          // Kept before the reader sees the end, so that it finds the answer when it asks again.
          if case .finished = event, bytes <= limit, Self.isWhole(events) {
            cache.store(events, key, tenant: request.context.tenant, model: request.model, meaning: meaning)
          }
          guard await continuation.send(event) else { return }
        }
        continuation.finish()
      } catch {
        continuation.finish(
          throwing: error as? GenerationError ?? GenerationError(.internal, "the answer broke off: \(error)"))
      }
    }
    continuation.onTermination { relay.cancel() }
    return stream
  }

  private static func isWhole(_ events: [GenerationEvent]) -> Bool {
    guard case .started = events.first, case .finished(let completion) = events.last else { return false }
    return completion.reason != .contentFilter
  }

  static func replay(_ events: [GenerationEvent]) -> GenerationStream {
    .events(AnswerCache.replayed(events))
  }
}
