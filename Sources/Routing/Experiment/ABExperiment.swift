/// Compares models on live traffic: each unit is assigned to one arm by a stable hash, and the arms' success rates are
/// compared by confidence sequences, which may be looked at after every answer.
package struct ABExperiment: Sendable, Codable, Equatable {
  /// One side of the comparison.
  package struct Arm: Sendable, Codable, Equatable {
    package var model: String
    /// Its share of the traffic, relative to the other arms'.
    package var weight: Double
    package var outcomes: ConfidenceSequence
  }

  /// What is known so far.
  package enum Verdict: Sendable, Codable, Equatable {
    case undecided
    /// This arm is better than every other, with confidence 1 − α over all time.
    case winner(model: String, successLower: Double, nextUpper: Double)
  }

  /// Arms of one experiment at most.
  package static let armLimit = 16

  package let name: String
  package private(set) var arms: [Arm]

  /// An experiment between at least two models.
  ///
  /// - Parameter alpha: the probability, over all time, of a wrong winner; divided evenly among the arms.
  /// - Throws: `invalidSetting` unless there are 2 to 16 different models with positive weights.
  package init(name: String, weights: [(model: String, weight: Double)], alpha: Double = 0.05) throws(RoutingError) {
    guard (2...Self.armLimit).contains(weights.count), Set(weights.map(\.model)).count == weights.count else {
      throw .invalidSetting(
        name: "experiments.\(name)", expected: "2 to \(Self.armLimit) different models",
        found: weights.map(\.model).joined(separator: ", "))
    }
    for (model, weight) in weights where !(weight > 0 && weight.isFinite) {
      throw .invalidSetting(
        name: "experiments.\(name).\(model).weight", expected: "a number above 0", found: String(weight))
    }
    self.name = name
    arms = weights.map {
      Arm(
        model: $0.model, weight: $0.weight, outcomes: ConfidenceSequence(alpha: alpha / Double(weights.count)))
    }
  }

  /// The model that answers for `unit` (a request, a session or a user): the same every time, and independent between
  /// experiments of different names.
  package func assignment(of unit: String) -> String {
    let total = arms.reduce(0) { $0 + $1.weight }
    var position = Double(mixed(stableHash("\(name)\n\(unit)")) >> 11) * 0x1p-53 * total
    for arm in arms {
      position -= arm.weight
      if position < 0 { return arm.model }
    }
    return arms[arms.count - 1].model
  }

  /// Counts one outcome of `model`; one of a model that takes no part is passed over.
  ///
  /// - Parameter earlier: what was counted of the same answer before, and no longer holds; nil where nothing was.
  package mutating func observe(_ model: String, succeeded: Bool, insteadOf earlier: Bool? = nil) {
    guard let index = arms.firstIndex(where: { $0.model == model }) else { return }
    if let earlier { arms[index].outcomes.takeBack(earlier) }
    arms[index].outcomes.observe(succeeded)
  }

  /// A winner once its interval lies wholly above every other arm's.
  package var verdict: Verdict {
    for arm in arms {
      let next = arms.filter { $0.model != arm.model }.map(\.outcomes.upper).max() ?? 1
      if arm.outcomes.lower > next {
        return .winner(model: arm.model, successLower: arm.outcomes.lower, nextUpper: next)
      }
    }
    return .undecided
  }
}
