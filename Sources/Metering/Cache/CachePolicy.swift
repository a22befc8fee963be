package import ModelInterface

/// Which answers are kept, for how long, and how many.
package struct CachePolicy: Sendable, Hashable {
  /// Which requests are answered from the cache.
  package enum Scope: String, Sendable, Hashable, CaseIterable {
    /// Those that ask for the same answer every time: temperature 0, or a seed.
    case deterministic
    /// All. A client that asks twice for something surprising gets it once.
    case all
    /// None.
    case none
  }

  /// Which requests.
  package var scope: Scope
  /// How long an answer is good.
  package var lifetime: Duration
  /// The most bytes that all answers together take in memory; the least recently used go first.
  package var maximumBytes: Int
  /// The most bytes one answer takes; larger ones are not kept.
  package var maximumEntryBytes: Int
  /// How alike two last turns must be to share an answer, as the cosine of their embeddings; nil shares only between equal
  /// requests.
  package var similarity: Float?

  /// A policy; sizes are brought into range.
  package init(
    scope: Scope = .deterministic, lifetime: Duration = .seconds(3_600), maximumBytes: Int = 64 << 20,
    maximumEntryBytes: Int = 1 << 20, similarity: Float? = nil
  ) {
    self.scope = scope
    self.lifetime = lifetime
    self.maximumBytes = max(0, maximumBytes)
    self.maximumEntryBytes = min(max(0, maximumEntryBytes), self.maximumBytes)
    self.similarity = similarity.map { min(max($0, 0), 1) }
  }

  /// Whether a request may be answered from the cache whose prompt is nothing but texts.
  package func covers(textIsDeterministic isDeterministic: Bool) -> Bool {
    guard maximumBytes > 0 else { return false }
    return switch scope {
    case .none: false
    case .deterministic: isDeterministic
    case .all: true
    }
  }

  /// Whether a request may be answered from the cache. One whose prompt refers to something that may change under it, a
  /// picture on the web, never is.
  package func covers(_ request: GenerationRequest) -> Bool {
    switch scope {
    case .none: return false
    case .deterministic where request.sampling.temperature != 0 && request.sampling.seed == nil: return false
    case .deterministic, .all: break
    }
    guard case .messages(let messages) = request.prompt else { return true }
    return messages.allSatisfy { message in
      message.content.allSatisfy { part in
        switch part {
        case .text: true
        case .image(let url, _): url.hasPrefix("data:")
        case .other: false
        }
      }
    }
  }
}
