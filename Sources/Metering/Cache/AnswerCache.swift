package import ModelInterface
import Synchronization

/// Answers in memory, bounded in bytes; the least recently used goes first. Safe to share between tasks.
package final class AnswerCache: Sendable {
  /// The most answers whose meaning one request is compared with.
  static let maximumCandidates = 512

  private let state: Mutex<State>
  private let clock: @Sendable () -> ContinuousClock.Instant

  /// An empty cache.
  ///
  /// - Parameter clock: a clock that only moves forward.
  package init(
    policy: CachePolicy = CachePolicy(), clock: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) {
    state = Mutex(State(policy: policy))
    self.clock = clock
  }

  /// The policy; a smaller one drops what no longer fits.
  package var policy: CachePolicy {
    get { state.withLock(\.policy) }
    set {
      state.withLock { state in
        state.policy = newValue
        state.shrink()
      }
    }
  }

  /// Whether the policy lets a request be answered from the cache whose prompt is nothing but texts.
  package func covers(textIsDeterministic isDeterministic: Bool) -> Bool {
    state.withLock { $0.policy.covers(textIsDeterministic: isDeterministic) }
  }

  /// How the cache stands.
  package var statistics: CacheStatistics { state.withLock(\.statistics) }

  /// The events of the answer to an equal request; nil where there is none that is still good.
  package func find(_ key: CacheKey) -> [GenerationEvent]? {
    let now = clock()
    return state.withLock { $0.find(key, now) }
  }

  /// The events of the answer to the most similar request that agrees in the rest and in every number of its last turn.
  ///
  /// - Returns: nil where none reaches the policy's similarity.
  package func find(like meaning: Meaning) -> [GenerationEvent]? {
    let now = clock()
    return state.withLock {
      $0.find(rest: meaning.rest, turn: meaning.turn, embedding: meaning.embedding, now)
    }
  }

  /// Keeps an answer. Ones that are too large, that are not whole, or that the provider withheld a part of, are not kept.
  ///
  /// - Parameter lifetime: how long it is good, where that is less than the policy's: it was kept elsewhere before.
  package func keep(
    _ events: [GenerationEvent], _ key: CacheKey, tenant: String, model: String, meaning: Meaning? = nil,
    lifetime: Duration? = nil
  ) {
    guard case .started = events.first, case .finished(let completion) = events.last,
      completion.reason != .contentFilter
    else { return }
    store(events, key, tenant: tenant, model: model, meaning: meaning, lifetime: lifetime)
  }

  /// The events of a kept answer as they are given again: by the cache, with a prompt that was found in it.
  package static func replayed(_ events: [GenerationEvent]) -> [GenerationEvent] {
    events.map { event in
      switch event {
      case .started(let start): return .started(GenerationStart(model: start.model, provider: CachingProvider.name))
      case .finished(var completion):
        completion.usage.cachedPromptTokens = completion.usage.promptTokens
        completion.timings = nil
        return .finished(completion)
      case .prompt, .text, .reasoning, .toolCall: return event
      }
    }
  }

  /// Keeps an answer. Ones that are too large are not kept.
  func store(
    _ events: [GenerationEvent], _ key: CacheKey, tenant: String, model: String, meaning: Meaning?,
    lifetime: Duration? = nil
  ) {
    let now = clock()
    state.withLock {
      $0.store(events, key, tenant: tenant, model: model, meaning: meaning, lifetime: lifetime, now)
    }
  }

  /// Forgets answers: those of a tenant, of a model, of both, or all.
  ///
  /// - Returns: how many.
  @discardableResult
  package func purge(tenant: String? = nil, model: String? = nil) -> Int {
    state.withLock { $0.purge(tenant: tenant, model: model) }
  }

  /// What a request is compared by when it is compared by meaning.
  package struct Meaning: Sendable {
    /// What must be equal.
    var rest: CacheKey
    /// The turn that is compared.
    var turn: String
    /// Its embedding.
    var embedding: [Float]

    /// The meaning of a request's last turn.
    package init(rest: CacheKey, turn: String, embedding: [Float]) {
      self.rest = rest
      self.turn = turn
      self.embedding = embedding
    }
  }
}

/// How a cache stands.
package struct CacheStatistics: Sendable, Equatable {
  /// Answers found for an equal request.
  package var hits = 0
  /// Answers found for a similar one.
  package var semanticHits = 0
  /// Requests that might have been answered, and were not.
  package var misses = 0
  /// Answers that were dropped for want of space.
  package var evictions = 0
  /// Answers held.
  package var entries = 0
  /// Bytes that they take, as far as they are counted.
  package var bytes = 0
}

extension AnswerCache {
  private struct Entry {
    var events: [GenerationEvent]
    var tenant: String
    var model: String
    var bytes: Int
    var kept: ContinuousClock.Instant
    /// How long it is good, unless the policy says less by now.
    var lifetime: Duration
    var meaning: Meaning?
    var older: CacheKey?
    var newer: CacheKey?
  }

  /// Entries by key, linked in the order of their last use.
  private struct State {
    var policy: CachePolicy
    var statistics = CacheStatistics()
    private var entries: [CacheKey: Entry] = [:]
    private var similar: [CacheKey: [CacheKey]] = [:]
    private var oldest: CacheKey?
    private var newest: CacheKey?

    init(policy: CachePolicy) {
      self.policy = policy
    }

    mutating func find(_ key: CacheKey, _ now: ContinuousClock.Instant) -> [GenerationEvent]? {
      guard let entry = entries[key], isGood(entry, now) else {
        remove(key)
        return nil
      }
      touch(key)
      statistics.hits += 1
      return entry.events
    }

    mutating func find(
      rest: CacheKey, turn: String, embedding: [Float], _ now: ContinuousClock.Instant
    ) -> [GenerationEvent]? {
      guard let threshold = policy.similarity, let unit = Similarity.normalized(embedding) else { return nil }
      let decisive = Similarity.decisive(turn)
      var best: (key: CacheKey, cosine: Float)?
      for key in similar[rest] ?? [] {
        guard let entry = entries[key], isGood(entry, now), let meaning = entry.meaning,
          let cosine = Similarity.dot(unit, meaning.embedding), cosine >= threshold, cosine > best?.cosine ?? -1,
          Similarity.decisive(meaning.turn) == decisive, !Similarity.differsInAPartOnly(meaning.turn, turn)
        else { continue }
        best = (key, cosine)
      }
      guard let best, let entry = entries[best.key] else { return nil }
      touch(best.key)
      statistics.semanticHits += 1
      return entry.events
    }

    mutating func store(
      _ events: [GenerationEvent], _ key: CacheKey, tenant: String, model: String, meaning: Meaning?,
      lifetime: Duration?, _ now: ContinuousClock.Instant
    ) {
      var bytes = events.reduce(512) { $0 + $1.approximateBytes }
      if let meaning { bytes += meaning.turn.utf8.count + meaning.embedding.count * 4 + 64 }
      guard bytes <= policy.maximumEntryBytes else { return }
      remove(key)
      var meaning = meaning
      meaning = meaning.flatMap { known in
        Similarity.normalized(known.embedding).map { Meaning(rest: known.rest, turn: known.turn, embedding: $0) }
      }
      if let rest = meaning?.rest {
        while let first = similar[rest]?.first, similar[rest, default: []].count >= AnswerCache.maximumCandidates {
          remove(first)
        }
        similar[rest, default: []].append(key)
      }
      entries[key] = Entry(
        events: events, tenant: tenant, model: model, bytes: bytes, kept: now, lifetime: lifetime ?? policy.lifetime,
        meaning: meaning)
      append(key)
      statistics.bytes += bytes
      statistics.entries += 1
      shrink()
    }

    private func isGood(_ entry: Entry, _ now: ContinuousClock.Instant) -> Bool {
      entry.kept + min(entry.lifetime, policy.lifetime) > now
    }

    mutating func shrink() {
      while statistics.bytes > policy.maximumBytes, let oldest {
        remove(oldest)
        statistics.evictions += 1
      }
    }

    mutating func purge(tenant: String?, model: String?) -> Int {
      let chosen = entries.filter { (tenant ?? $1.tenant) == $1.tenant && (model ?? $1.model) == $1.model }.map(\.key)
      for key in chosen { remove(key) }
      return chosen.count
    }

    private mutating func remove(_ key: CacheKey) {
      guard let entry = entries[key] else { return }
      unlink(key)
      entries[key] = nil
      statistics.bytes -= entry.bytes
      statistics.entries -= 1
      guard let rest = entry.meaning?.rest else { return }
      similar[rest]?.removeAll { $0 == key }
      if similar[rest]?.isEmpty == true { similar[rest] = nil }
    }

    private mutating func touch(_ key: CacheKey) {
      guard newest != key else { return }
      unlink(key)
      append(key)
    }

    private mutating func append(_ key: CacheKey) {
      entries[key]?.older = newest
      entries[key]?.newer = nil
      if let newest { entries[newest]?.newer = key } else { oldest = key }
      newest = key
    }

    private mutating func unlink(_ key: CacheKey) {
      guard let entry = entries[key] else { return }
      if let older = entry.older { entries[older]?.newer = entry.newer } else { oldest = entry.newer }
      if let newer = entry.newer { entries[newer]?.older = entry.older } else { newest = entry.older }
    }
  }

  /// Counts a request that was not answered from the cache.
  package func missed() {
    state.withLock { $0.statistics.misses += 1 }
  }
}

extension GenerationEvent {
  /// About as much memory as it takes.
  var approximateBytes: Int {
    func size(_ token: TokenLogprob) -> Int {
      ([token.chosen] + token.alternatives).reduce(64) { $0 + 56 + $1.bytes.count }
    }
    switch self {
    case .started(let start): return 64 + start.model.utf8.count + start.provider.utf8.count
    case .prompt(let tokens): return tokens.reduce(64) { $0 + size($1) }
    case .text(let piece): return piece.tokens.reduce(96 + piece.text.utf8.count) { $0 + size($1) }
    case .reasoning(let text): return 96 + text.utf8.count
    case .toolCall(let piece):
      return 144 + piece.arguments.utf8.count + (piece.id?.utf8.count ?? 0) + (piece.name?.utf8.count ?? 0)
    case .finished(let completion): return 192 + (completion.stopSequence?.utf8.count ?? 0)
    }
  }
}
