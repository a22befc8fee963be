/// One thing that is wrong with the configuration.
struct ConfigurationProblem: Sendable, Equatable, CustomStringConvertible {
  /// Where: `prsm.yaml:12`, `--listen` or `PRSM_LISTEN`.
  let place: String
  /// What was expected, what was found, and what to do.
  let message: String

  var description: String { "\(place): \(message)" }
}

/// Everything that is wrong with the configuration, so that it can be put right in one go.
struct ConfigurationProblems: Error, Equatable, CustomStringConvertible {
  var problems: [ConfigurationProblem]

  init(_ problems: [ConfigurationProblem] = []) {
    self.problems = problems
  }

  var description: String {
    problems.count == 1
      ? problems[0].description
      : "\(problems.count) problems in the configuration:\n"
        + problems.map { "  \($0)" }.joined(separator: "\n")
  }
}
