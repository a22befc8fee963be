/// Which model each conversation last used, so that it can stay there: bounded in number and in age.
///
/// Two generations: when the younger is full it becomes the older, and the older is forgotten. A conversation that is heard
/// from again moves to the younger. Memory and time are bounded without any scan.
package struct SessionAffinity: Sendable, Codable, Equatable {
  private struct Entry: Codable, Equatable {
    var model: String
    var at: Double
  }

  private let generationSize: Int
  private let lifetime: Double
  private var younger: [String: Entry] = [:]
  private var older: [String: Entry] = [:]

  /// An empty memory.
  ///
  /// - Parameters:
  ///   - capacity: conversations remembered at most; at least half of it always are.
  ///   - lifetime: seconds after which an unused conversation is forgotten.
  package init(capacity: Int = 20_000, lifetime: Double = 3600) {
    generationSize = max(1, capacity / 2)
    self.lifetime = lifetime
  }

  /// Takes over what another remembers, by its own bounds.
  package mutating func adopt(_ other: SessionAffinity) {
    younger = other.younger
    older = other.older
  }

  /// How many conversations are held, whether or not their time is over.
  package var count: Int { younger.count + older.count }

  /// The model that `session` used last, if that is no longer ago than the lifetime; `time` in seconds.
  package func model(of session: String, at time: Double) -> String? {
    guard let entry = younger[session] ?? older[session], time - entry.at <= lifetime else { return nil }
    return entry.model
  }

  /// Remembers that `session` used `model` at `time`, in seconds.
  package mutating func remember(_ session: String, _ model: String, at time: Double) {
    older[session] = nil
    if younger[session] == nil, younger.count >= generationSize {
      older = younger
      younger = [:]
    }
    younger[session] = Entry(model: model, at: time)
  }
}
