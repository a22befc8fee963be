/// What can be wrong with what routing is given.
package enum RoutingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Training or evaluation needs more labelled records.
  case tooFewRecords(found: Int, needed: Int)
  /// Records have outcomes, but of other models than those that are compared.
  case otherOutcomes(expected: [String], found: [String], records: Int)
  /// The models' outcomes do not differ in the direction that the metric divides by.
  case noQualityGap(weak: Double, strong: Double)
  /// A stored predictor cannot be read.
  case unreadablePredictor(reason: String)
  /// A stored predictor was written by another version.
  case unsupportedVersion(found: Int, supported: Int)
  /// A name that begins with `auto` is not one of those that exist.
  case unknownPolicy(name: String)
  /// No candidate passes the hard constraints; `reasons` says why, a line a candidate, and `exclusions` in numbers.
  case noCandidate(reasons: [String], exclusions: [Exclusion] = [])
  /// A setting is outside its range.
  case invalidSetting(name: String, expected: String, found: String)

  package var description: String {
    switch self {
    case .tooFewRecords(let found, let needed):
      "routing records: expected at least \(needed) with outcomes, found \(found); add labelled records"
    case .otherOutcomes(let expected, let found, let records):
      "routing records: expected outcomes of \(Self.list(expected)), found outcomes of \(Self.list(found)) in \(records)"
        + " records; say which models are compared"
    case .noQualityGap(let weak, let strong):
      "routing records: the strong model must be right more often than the weak one, found strong \(strong) and weak"
        + " \(weak); check which column is which"
    case .unreadablePredictor(let reason):
      "stored routing predictor: \(reason); train it again with `prsm route train FILE`"
    case .unsupportedVersion(let found, let supported):
      "stored routing predictor: expected format \(supported), found \(found); train it again with `prsm route train FILE`"
    case .unknownPolicy(let name):
      "routing policy \"\(name)\": expected auto, auto:cheap, auto:best, auto:fast, auto:N% (N from 0 to 100), or a name"
        + " from the configuration"
    case .noCandidate(let reasons, _):
      "no model can take this request: " + reasons.prefix(8).joined(separator: "; ")
        + (reasons.count > 8 ? "; \(reasons.count - 8) more cannot either" : "") + "; relax a constraint or add a model"
    case .invalidSetting(let name, let expected, let found):
      "routing setting \(name): expected \(expected), found \(found)"
    }
  }

  /// At most eight names.
  private static func list(_ names: [String]) -> String {
    names.isEmpty
      ? "none"
      : names.prefix(8).map { "`\($0)`" }.joined(separator: ", ")
        + (names.count > 8 ? " and \(names.count - 8) more" : "")
  }
}
