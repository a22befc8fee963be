/// What a search may use, and how it goes about it.
package struct CodeSettings: Sendable, Hashable {
  /// What is not in the paper; each can be switched off, and its worth measured.
  package struct Extensions: Sendable, Hashable {
    /// Guidance grows with what the runs tell apart.
    package var adaptsGuidance = true
    /// The traces in the prompt change only where candidates end in a way that was not shown yet.
    package var condenses = true
    /// Tests are taken from the description where none are given.
    package var derivesTests = true
    /// A failing program is taken up again where it went wrong, its trace in the prompt, and changed by rules.
    package var repairs = true
    /// The candidates of one refresh begin in different parts of the distribution.
    package var diversifies = true
    /// A candidate that passes ends the search before it is written out line by line.
    package var accepts = true
    /// Of several programs that pass at once, the one that others agree with is taken.
    package var agrees = true
    /// Once the budget is used up, operators and numbers of the nearest programs are changed by rules.
    package var lastResort = true
    /// Whole programs are drawn between the rounds of guided attempts, too.
    package var resamples = true
    /// Whole programs give the function the name and the number of parameters that the tests' calls want.
    package var signs = true
    /// Where there are one or two tests, a program that passes them waits for a second one that does the same elsewhere.
    package var doubts = true

    /// All of them.
    package init() {}

    /// None of them: the published algorithm.
    package static var none: Extensions {
      var none = Extensions()
      none.adaptsGuidance = false
      none.condenses = false
      none.derivesTests = false
      none.repairs = false
      none.diversifies = false
      none.accepts = false
      none.agrees = false
      none.lastResort = false
      none.resamples = false
      none.signs = false
      none.doubts = false
      return none
    }
  }

  /// Prompt styles, the most promising first.
  package var styles: [PromptStyle] = [.fewShot, .longCode]
  /// Strengths of guidance: γ = 0 follows the plain prompt, 1 the one with traces, more goes beyond.
  package var gammas: [Float] = [1, 0.5, 3, 0]
  /// Temperatures of candidates.
  package var temperatures: [Float] = [0.75, 0.95, 0.7, 0.85, 1.2]
  /// Lines that candidates look ahead.
  package var horizons: [Int] = [8, 3, 6, 2]
  /// Rows of traces that are read for each token written under them, the first ones aside: where more have been read, what was
  /// shown last is shown on. Only where `condenses`.
  package var traceRowsPerToken = 1.0
  /// Candidates of one refresh.
  package var candidates = 3
  /// Programs that are written out first, the likeliest one among them, before any guidance.
  package var firstWave = 8
  /// Their temperature.
  package var firstTemperature: Float = 0.8
  /// Waves of as many whole programs between two rounds of guided attempts.
  package var wavesPerRound = 3
  /// The most tokens that are spent on a second opinion, once a program passes.
  package var opinionTokens = 1_024
  /// Attempts that are written side by side.
  package var attempts = 3
  /// Guided lines after which an attempt is given up that began at the root.
  package var guidedLines = 24
  /// Guided lines of an attempt that takes up a failing program.
  package var repairLines = 2
  /// The most tokens of one program.
  package var programTokens = 256
  /// The most tokens generated in all.
  package var budgetTokens = 2_048
  /// The most seconds from the start.
  package var budgetSeconds = 120.0
  /// What is beyond the paper.
  package var extensions = Extensions()
  /// The same seed and answers of the model give the same search.
  package var seed: UInt64 = 40

  /// The usual settings.
  package init() {}

  /// Sequences of the model's cache that a search with these settings holds.
  package var sequences: Int {
    styles.count + 1 + max(firstWave, attempts * (candidates + 2))
  }
}
