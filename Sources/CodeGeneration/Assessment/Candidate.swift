import Sandbox

/// A program that was run.
package struct Candidate: Sendable, Hashable, Identifiable {
  /// Where a program came from.
  package enum Origin: String, Sendable, Hashable, Codable {
    /// The likeliest tokens, without guidance.
    case greedy
    /// Drawn from the plain prompt.
    case sample
    /// Written line by line under guidance.
    case guided
    /// Changed by a rule, because of what its trace showed; costs no tokens.
    case repair
  }

  /// Unique within its search, in the order of appearance.
  package let id: Int
  /// Where it came from.
  package var origin: Origin
  /// The attempt that it belongs to; nil for the first wave.
  package var attempt: Int?
  /// The candidate that it was made of, for a repair.
  package var parent: Int?
  /// The program in canonical form.
  package var source: String
  /// The program as it was written.
  package var written: String
  /// Whether it was written to its end; else it is a beginning, made executable.
  package var isWhole: Bool
  /// Mean log-probability of its tokens; nil for a repair.
  package var meanLogprob: Double?
  /// What it did on each test's input.
  package var runs: [TracedRun]
  /// Whether it passes all given tests.
  package var passes: Bool
  /// How near it comes to passing, 0…1.
  package var score: Double
  /// How its first test ended, in words.
  package var summary: String

  var draft: CodeDraft?
}
