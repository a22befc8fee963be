/// What was decided about one request, and every number that led there. It can be stored, shown and replayed.
package struct RouteDecision: Sendable, Codable, Equatable {
  /// One candidate as it was weighed.
  package struct Considered: Sendable, Codable, Equatable {
    package var name: String
    /// Why it could not take the request; nil when it could.
    package var excluded: Exclusion?
    /// P(good answer): the predictor's, corrected by feedback.
    package var quality: Double
    /// How many labelled answers and feedbacks stand behind `quality`.
    package var evidence: Int
    /// A draw from the posterior of `quality`, by which exploration chose.
    package var drawnQuality: Double
    /// Expected cost of the request in millionths of a dollar.
    package var costMicros: Int
    /// Expected latency in milliseconds; nil while it is unknown.
    package var latency: Double?
    /// What the policy compared: the highest wins. Nil when excluded.
    package var score: Double?
  }

  /// What settled the choice.
  package enum Basis: String, Sendable, Codable {
    /// The policy's best score.
    case policy
    /// The conversation's earlier model.
    case session
    /// A posterior draw, within the exploration cap.
    case exploration
    /// No candidate met the policy's floor or cap, and the nearest was taken.
    case fallback
    /// The arm of an experiment, or of a release that is being tried out.
    case experiment
    /// The best that what is left of the budget could be set aside for.
    case budget
  }

  package var policy: RoutePolicy
  package var profile: RequestProfile
  package var seed: UInt64
  package var chosen: String
  package var basis: Basis
  /// What the policy alone would have chosen.
  package var greedy: String
  /// In the order in which the candidates were given.
  package var candidates: [Considered]
  /// For a share of strong calls: the gain from which the strong model was called, and this request's.
  package var gainThreshold: Double?
  package var gain: Double?
  /// The share of decisions that may explore, and the share that had when this one was made.
  package var explorationCap: Double
  package var exploredShare: Double

  /// What the policy would choose, had it only those of the candidates that can take the request and that `isOpen` lets
  /// through; nil where there is none.
  package func best(where isOpen: (Considered) -> Bool) -> Considered? {
    let open = candidates.filter { $0.excluded == nil && isOpen($0) }
    let choice = Choice.best(of: open, policy: policy, gainThreshold: gainThreshold, drawn: false)
    return open.first { $0.name == choice?.name }
  }

  /// Repeats the policy's choice from the stored numbers alone; equal to `greedy` unless the decision was altered.
  package func replayedGreedyChoice() -> String? { replayed(drawn: false) }

  /// Repeats from the stored numbers alone what settled the choice: by the drawn qualities where it was exploration, else by the
  /// policy. Equal to `chosen` unless a conversation, an experiment or the budget settled it, or the decision was altered.
  package func replayedChoice() -> String? { replayed(drawn: basis == .exploration) }

  private func replayed(drawn: Bool) -> String? {
    let eligible = candidates.filter { $0.excluded == nil }
    return Choice.best(of: eligible, policy: policy, gainThreshold: gainThreshold, drawn: drawn)?.name
  }

  /// The decision in words: one line a candidate, the chosen one first.
  package var explanation: [String] {
    let first = candidates.filter { $0.name == chosen } + candidates.filter { $0.name != chosen }
    return first.map { candidate in
      if let excluded = candidate.excluded { return "\(candidate.name): excluded, \(excluded)" }
      let latency = candidate.latency.map { "\(Self.rounded($0, 1)) ms" } ?? "unknown latency"
      let verdict = candidate.name == chosen ? "chosen by \(basis.rawValue)" : "not chosen"
      return "\(candidate.name): \(verdict), quality \(Self.rounded(candidate.quality, 1000)), cost"
        + " \(candidate.costMicros) micro-dollars, \(latency), "
        + (candidate.score.map { "score \(Self.rounded($0, 1000))" } ?? "not within the policy's floor or cap")
    }
  }

  /// The value of the `x-prsm-route` header: chosen model, basis, and the numbers of the chosen candidate.
  package var header: String {
    let candidate = candidates.first { $0.name == chosen }
    return "model=\(chosen); basis=\(basis.rawValue); quality=\(Self.rounded(candidate?.quality ?? 0, 1000));"
      + " cost_micros=\(candidate?.costMicros ?? 0); candidates=\(candidates.count);"
      + " excluded=\(candidates.count { $0.excluded != nil })"
  }

  private static func rounded(_ value: Double, _ scale: Double) -> Double {
    (value * scale).rounded() / scale
  }
}
