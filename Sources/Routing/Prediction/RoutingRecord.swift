/// One labelled request: what was asked, and which models' answers were good.
package struct RoutingRecord: Sendable, Equatable {
  /// The prompt as the models saw it.
  package var prompt: String
  /// How good each model's answer was, by the model's name: 0 (wrong) to 1 (right). A model may be missing.
  package var outcomes: [String: Double]
  /// The prompt's mean-pooled embedding by a local model, if there is one.
  package var embedding: [Float]?

  /// A record of any number of models.
  package init(prompt: String, outcomes: [String: Double], embedding: [Float]? = nil) {
    self.embedding = embedding
    self.prompt = prompt
    self.outcomes = outcomes.mapValues { $0.isFinite ? max(0, min(1, $0)) : 0 }
  }

  /// The name under which a pair's cheap model is recorded.
  package static let weak = "weak"
  /// The name under which a pair's expensive model is recorded.
  package static let strong = "strong"

  /// A record of a weak and a strong model, as in RouteLLM's published outcomes.
  package init(prompt: String, weakCorrect: Bool, strongCorrect: Bool) {
    self.init(prompt: prompt, outcomes: [Self.weak: weakCorrect ? 1 : 0, Self.strong: strongCorrect ? 1 : 0])
  }
}
