package import ModelInterface

/// What an answer has to hold against before it is passed on.
package struct AnswerChecks: Sendable, Hashable {
  /// How many of the checks have to hold.
  package enum Demand: String, Sendable, Hashable, CaseIterable {
    /// Every one.
    case all
    /// One of them.
    case any
  }

  /// More answers of the same model have to say the same.
  package struct Consistency: Sendable, Hashable {
    /// How many answers there are together, at least 2.
    package var samples: Int
    /// The share of them that has to say what most say, above 0 and at most 1.
    package var share: Double
    /// How the further ones are drawn where the request asks for no randomness, in 0…2.
    package var temperature: Float

    /// More answers.
    package init(samples: Int = 3, share: Double = 0.6, temperature: Float = 0.7) {
      self.samples = samples
      self.share = share
      self.temperature = temperature
    }
  }

  /// The least mean log-probability of the answer's tokens; nil does not look at it. An answer without log-probabilities
  /// does not hold.
  package var meanLogprob: Double?
  /// Further samples of the same model; nil for none.
  package var consistency: Consistency?
  /// Whether an answer has to be valid JSON: by ``schema``, or else by the request's response format. Arguments of tool
  /// calls are checked against their tool's parameters.
  package var checksSchema = false
  /// A schema of the configuration's own.
  package var schema: JSONValue?
  /// A model that says how good the answer is; nil for none.
  package var judge: Judge?
  /// How many of the checks have to hold.
  package var demand = Demand.all

  /// No checks: every answer holds.
  package init() {}

  /// Whether there is anything to check.
  package var isEmpty: Bool {
    meanLogprob == nil && consistency == nil && !checksSchema && schema == nil && judge == nil
  }
}

/// A model that scores answers.
package struct Judge: Sendable, Hashable {
  /// The model.
  package var model: String
  /// The least score that is good enough, in 0…10.
  package var least: Double
  /// What to look at, for the judge; nil leaves it at correctness, completeness and clarity.
  package var instruction: String?

  /// A judge.
  package init(model: String, least: Double = 6, instruction: String? = nil) {
    self.model = model
    self.least = least
    self.instruction = instruction
  }
}
