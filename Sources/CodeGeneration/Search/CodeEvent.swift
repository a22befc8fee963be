/// What happens while a program is searched for, in order; for whoever watches.
package enum CodeEvent: Sendable, Hashable {
  /// The search begins, with the tests that will decide; whether they were found in the description.
  case started(tests: [String], derived: Bool)
  /// An attempt begins at some code, which is empty at the root.
  case attempt(id: Int, configuration: AttemptConfiguration, code: String, parent: Int?)
  /// An attempt's code has grown by a token. `divergence` says how much the traces moved the distribution, 0…1.
  case token(attempt: Int, text: String, probability: Double, divergence: Double)
  /// A program was run.
  case candidate(Candidate)
  /// An attempt's prompt has new traces.
  case signal(attempt: Int, text: String, gamma: Double)
  /// An attempt ends.
  case attemptEnded(id: Int, reason: String)
  /// What has been used so far.
  case progress(tokens: Int, executions: Int, seconds: Double)
}

/// How one attempt goes about it.
package struct AttemptConfiguration: Sendable, Hashable {
  /// The strength of guidance.
  package var gamma: Float
  /// The temperature of its candidates.
  package var temperature: Float
  /// Lines that its candidates look ahead.
  package var horizon: Int
  /// The number of its candidates.
  package var candidates: Int
  /// The prompt's style.
  package var style: PromptStyle
}

/// What a search came to.
package struct CodeResult: Sendable, Hashable {
  /// Why it ended.
  package enum Ending: String, Sendable, Hashable, Codable {
    /// A program passes the given tests.
    case passed
    /// The budget of tokens is used up.
    case tokens
    /// The time is over.
    case seconds
    /// There were no tests to pass: the likeliest program that runs is returned.
    case untested
  }

  /// The program; the nearest one where none passes. Empty where nothing could be run.
  package var program: String
  /// The candidate that it is.
  package var candidate: Candidate?
  /// Whether it passes the tests that decided.
  package var passes: Bool
  /// Those tests.
  package var tests: [String]
  /// Whether they were found in the description.
  package var testsAreDerived: Bool
  /// Why the search ended.
  package var ending: Ending
  /// Tokens that were generated.
  package var generatedTokens: Int
  /// Tokens that were read.
  package var readTokens: Int
  /// Runs in the sandbox.
  package var executions: Int
  /// Distinct programs that were run.
  package var programs: Int
  /// Drafts of which nothing executable could be made.
  package var unusable: Int
  /// Drafts equal to earlier programs.
  package var duplicates: Int
  /// Attempts that were begun.
  package var attempts: Int
  /// Seconds in all, and of these in executions.
  package var seconds: Double
  package var executionSeconds: Double
}
