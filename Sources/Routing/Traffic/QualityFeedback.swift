/// What was learned of one answer after it was given.
package struct QualityFeedback: Sendable, Codable, Equatable {
  /// Where the judgement came from; each has its own weight.
  package enum Source: String, Sendable, Codable, CaseIterable {
    /// A person's rating.
    case person
    /// A judge model's score.
    case judge
    /// The answer had to be asked for again.
    case retry

    /// How many full labels one judgement of this kind is worth.
    var weight: Double {
      switch self {
      case .person: 1
      case .judge: 0.5
      case .retry: 0.25
      }
    }
  }

  package var model: String
  /// 0 (bad) to 1 (good).
  package var quality: Double
  package var source: Source

  /// A judgement; a quality outside 0 to 1 counts as the nearest end, and one that is not a number as 0.
  package init(model: String, quality: Double, source: Source) {
    self.model = model
    self.quality = quality.isNaN ? 0 : max(0, min(1, quality))
    self.source = source
  }
}

/// A Beta posterior of P(good) for each model and domain, from feedback alone; older feedback fades.
struct FeedbackRecord: Sendable, Codable, Equatable {
  /// Pseudo-counts of good and bad answers.
  struct Counts: Sendable, Codable, Equatable {
    var good = 0.0
    var bad = 0.0
  }

  /// Feedback beyond this many labels fades, so that a model that changes is noticed.
  static let memory = 500.0
  /// Models remembered at most; further ones are not recorded.
  static let modelLimit = 1024
  /// How many labels the predictor's own estimate is worth.
  static let priorWeight = 20.0

  private var counts: [String: [String: Counts]] = [:]

  mutating func add(_ feedback: QualityFeedback, domain: PromptDomain) {
    guard counts[feedback.model] != nil || counts.count < Self.modelLimit else { return }
    var value = counts[feedback.model]?[domain.rawValue] ?? Counts()
    let total = value.good + value.bad
    if total >= Self.memory {
      value.good *= 1 - feedback.source.weight / Self.memory
      value.bad *= 1 - feedback.source.weight / Self.memory
    }
    value.good += feedback.source.weight * feedback.quality
    value.bad += feedback.source.weight * (1 - feedback.quality)
    counts[feedback.model, default: [:]][domain.rawValue] = value
  }

  /// Lets a judgement take the place of an earlier one of the same answer, by the same kind of source.
  mutating func replace(_ earlier: QualityFeedback, by later: QualityFeedback, domain: PromptDomain) {
    guard var value = counts[later.model]?[domain.rawValue] else { return }
    let change = later.source.weight * (later.quality - earlier.quality)
    value.good = max(0, value.good + change)
    value.bad = max(0, value.bad - change)
    counts[later.model]?[domain.rawValue] = value
  }

  /// The posterior's parameters, from an estimate that counts as `priorWeight` labels.
  func posterior(of model: String, domain: PromptDomain, estimate: Double) -> (good: Double, bad: Double) {
    let value = counts[model]?[domain.rawValue] ?? Counts()
    let probability = max(0.01, min(0.99, estimate))
    return (Self.priorWeight * probability + value.good, Self.priorWeight * (1 - probability) + value.bad)
  }

  /// Labels behind a model in a domain, in units of one person's rating.
  func evidence(of model: String, domain: PromptDomain) -> Double {
    let value = counts[model]?[domain.rawValue] ?? Counts()
    return value.good + value.bad
  }
}
