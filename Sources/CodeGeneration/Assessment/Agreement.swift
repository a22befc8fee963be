/// What a program that passes does on inputs near the test's.
struct Standing: Sendable, Hashable {
  /// What it returns for each, as text.
  var behaviour: [String]
  /// Whether it returns the same whatever it is given.
  var isConstant: Bool
  /// The share of inputs on which it fails.
  var failures: Double
  /// Whether a rule has made it.
  var isRepair: Bool

  /// - Parameter value: what it returns on the test's own input.
  init(_ behaviour: [String], value: String, isRepair: Bool) {
    self.behaviour = behaviour
    isConstant = behaviour.allSatisfy { $0 == value }
    failures = behaviour.isEmpty ? 0 : Double(behaviour.count { Self.failed($0) }) / Double(behaviour.count)
    self.isRepair = isRepair
  }

  /// How much it counts where programs that do the same are counted.
  var weight: Double { (isRepair ? 0.5 : 1) * (1 - 0.5 * failures) * (isConstant ? 0.1 : 1) }

  /// How ``Assessor/behaviours(_:on:)`` spells what was not a value.
  static let failureMark = "!"
  static func failed(_ text: String) -> Bool { text.hasPrefix(failureMark) }
}

/// Which of several programs that pass to submit: the one that most others agree with on inputs near the test's.
///
/// One test often leaves room for wrong programs; they tend to differ from each other, and right ones do not.
enum Agreement {
  /// The weight, and the lead over others, that a group of programs has once there is no need to look for more.
  static let settledWeight = 2.0
  static let settledLead = 1.0

  private struct Group {
    var behaviour: [String]
    var weight: Double
    var members: [Candidate]
  }

  private static func groups(_ passing: [(candidate: Candidate, standing: Standing?)]) -> [Group] {
    var groups: [Group] = []
    for (candidate, standing) in passing {
      guard let standing else { continue }
      if let group = groups.firstIndex(where: { $0.behaviour == standing.behaviour }) {
        groups[group].members.append(candidate)
        groups[group].weight += standing.weight
      } else {
        groups.append(Group(behaviour: standing.behaviour, weight: standing.weight, members: [candidate]))
      }
    }
    return groups
  }

  /// Whether enough programs agree, and few enough do otherwise. Without standings there is nothing to wait for.
  static func isSettled(_ passing: [(candidate: Candidate, standing: Standing?)]) -> Bool {
    if passing.contains(where: { $0.standing == nil }) { return true }
    let weights = groups(passing).map(\.weight).sorted(by: >)
    guard let best = weights.first else { return false }
    return best >= settledWeight - 1e-9 && best - (weights.dropFirst().first ?? 0) >= settledLead - 1e-9
  }

  /// The first candidate of the heaviest group of equal behaviour, one that was written before one that a rule has made; of
  /// equals the earlier group.
  static func choose(among passing: [(candidate: Candidate, standing: Standing?)]) -> Candidate? {
    var best: Group?
    for group in groups(passing) where group.weight > (best?.weight ?? 0) + 1e-9 { best = group }
    let pool = best?.members ?? passing.map(\.candidate)
    return pool.first { $0.origin != .repair } ?? pool.first
  }
}
