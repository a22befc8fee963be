import Metering
import ModelInterface

/// Where an answer would be in the cache.
struct CacheLookup: Sendable {
  let key: CacheKey
  let mayBeSimilar: Bool
  private(set) var meaning: AnswerCache.Meaning?

  /// Nil for a request that is not answered from the cache.
  init?(_ request: GenerationRequest, _ cache: AnswerCache) {
    let policy = cache.policy
    guard policy.maximumBytes > 0, policy.covers(request) else { return nil }
    key = CacheKey(request)
    mayBeSimilar = policy.similarity != nil
  }

  /// Finds out what the last turn means; without an embedding it is only itself.
  mutating func embed(_ request: GenerationRequest, by embedder: NodeMeter.Embedder?, model: String?) async {
    guard let embedder, let model, let (rest, turn) = CacheKey.semantic(request) else { return }
    do throws(GenerationError) {
      meaning = AnswerCache.Meaning(rest: rest, turn: turn, embedding: try await embedder(model, turn))
    } catch {
      meaning = nil
    }
  }
}
