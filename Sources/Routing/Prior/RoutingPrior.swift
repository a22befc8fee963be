internal import CRoutingPrior

/// What is known about requests before a node has labels of its own: how a weak and a strong model of published outcomes
/// fared on them, learned beforehand and shipped with the program.
///
/// It has one expert a subject (a set of outcomes), each with a head `weak` and a head `strong`, and a gate that tells which
/// subject a request belongs to. A predictor that is trained on a user's own labels starts from the expert of their subject, unless
/// they contradict it.
package struct RoutingPrior: Sendable, Equatable {
  /// What was learned from one set of outcomes.
  package struct Expert: Sendable, Equatable {
    /// The set's name, such as `gsm8k`.
    package var subject: String
    /// Its predictor, with the heads `weak` and `strong`.
    package var predictor: QualityPredictor
    /// The slope by which the predictor's linear parts were calibrated, above 0 to 1.
    var slope: Float
    /// How firmly its labels hold its linear weights.
    var curvature: PriorCurvature
  }

  /// The share of training records that the prior may know already: beyond it, its agreement with them says nothing.
  static let overlapLimit = 0.01

  /// Ordered by subject.
  package let experts: [Expert]
  /// Its heads are the subjects; each predicts whether a request belongs to it.
  let gate: QualityPredictor
  /// Hashes of the prompts that it was trained on, in ascending order.
  let seen: [UInt32]

  /// The prior that the program was built with; nil where its file does not belong to this version.
  package static let builtIn: RoutingPrior? = {
    let bytes = UnsafeBufferPointer(start: routing_prior_bytes(), count: routing_prior_length())
    return try? RoutingPrior(decoding: Array(bytes))
  }()

  /// Learns from sets of outcomes, each by its subject.
  ///
  /// - Throws: `tooFewRecords` for a set without enough outcomes of both models.
  package static func train(
    on sets: [(subject: String, records: [RoutingRecord])],
    settings: QualityPredictor.Training = RoutingPrior.exhaustive,
    curvature: PriorCurvature.Shape = PriorCurvature.Shape(), seed: UInt64 = 1
  ) throws(RoutingError) -> RoutingPrior {
    let sets = sets.sorted { $0.subject < $1.subject }
    var experts: [Expert] = []
    var membership: [RoutingRecord] = []
    var seen = Set<UInt32>()
    for set in sets {
      let examples = set.records.map { (record: $0, features: PromptFeatures($0.prompt)) }
      let (predictor, slope) = try QualityPredictor.trained(on: examples, settings: settings, seed: seed, prior: nil)
      guard predictor.models.contains(RoutingRecord.weak), predictor.models.contains(RoutingRecord.strong) else {
        throw .tooFewRecords(found: 0, needed: 2)
      }
      experts.append(
        Expert(
          subject: set.subject, predictor: predictor, slope: slope > 0 ? slope : 1,
          curvature: PriorCurvature(
            of: examples.map { predictor.row($0.features) }, penalty: settings.penalty(records: examples.count),
            shape: curvature)))
      for record in set.records {
        seen.insert(promptHash(record.prompt))
        membership.append(
          RoutingRecord(
            prompt: record.prompt,
            outcomes: Dictionary(uniqueKeysWithValues: sets.map { ($0.subject, $0.subject == set.subject ? 1 : 0) })))
      }
    }
    var plain = settings
    plain.trees.trees = 1
    plain.treeRuns = 1
    plain.treeShare = 0
    return RoutingPrior(
      experts: experts, gate: try QualityPredictor.train(on: membership, settings: plain, seed: seed, prior: nil),
      seen: seen.sorted())
  }

  /// Weights that others start from are worth more passes.
  package static var exhaustive: QualityPredictor.Training {
    var settings = QualityPredictor.Training()
    settings.passes *= 4
    return settings
  }

  /// How well a request fits each expert's subject: above 0, in the order of the experts.
  func fits(of features: PromptFeatures) -> [Double] {
    let estimates = gate.rawEstimates(for: features)
    return experts.map { expert in
      let head = gate.heads.firstIndex { $0.model == expert.subject }
      return max(0.01, head.map { Double(estimates[$0]) } ?? 0)
    }
  }

  /// Whether it was trained on this prompt.
  package func hasSeen(_ prompt: String) -> Bool {
    let hash = Self.promptHash(prompt)
    var range = seen.startIndex..<seen.endIndex
    while !range.isEmpty {
      let middle = (range.lowerBound + range.upperBound) / 2
      if seen[middle] == hash { return true }
      range = seen[middle] < hash ? (middle + 1)..<range.upperBound : range.lowerBound..<middle
    }
    return false
  }

  private static func promptHash(_ prompt: String) -> UInt32 {
    UInt32(truncatingIfNeeded: mixed(stableHash(prompt)))
  }

  init(experts: [Expert], gate: QualityPredictor, seen: [UInt32]) {
    self.experts = experts
    self.gate = gate
    self.seen = seen
  }
}
