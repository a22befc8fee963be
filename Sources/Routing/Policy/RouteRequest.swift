/// A request as routing sees it: the text that features are read from, and what any answer must satisfy.
package struct RouteRequest: Sendable, Codable, Equatable {
  /// The text to be judged: usually the last user message, or the whole prompt.
  package var prompt: String
  /// Tokens of the whole conversation; estimated from the prompt when nil.
  package var promptTokens: Int?
  /// Tokens that the answer may take; reckoned with in the context window and the cost.
  package var answerTokens: Int
  package var messageCount: Int
  /// How many tools the request offers to the model.
  package var toolCount: Int
  package var modalities: [Modality]
  /// The mean-pooled embedding of the prompt by a local model, where there is one.
  package var embedding: [Float]?
  /// The conversation it belongs to; its later requests prefer the same model.
  package var session: String?
  package var constraints: Constraints

  /// What an answer must satisfy whatever the policy.
  package struct Constraints: Sendable, Codable, Equatable {
    /// What may still be spent, in millionths of a dollar; nil for no limit.
    package var budgetMicros: Int?
    /// Regions that may process the request; nil for all. A model whose region is unknown is then excluded.
    package var regions: [String]?
    /// Names that may be used; nil for all.
    package var allowedModels: [String]?
    package var deniedModels: [String]
    /// Whether the request must stay on this machine.
    package var localOnly: Bool
    /// The slowest p95 that is acceptable, in milliseconds; nil for any.
    package var latencyLimit: Double?

    /// No constraints unless named.
    package init(
      budgetMicros: Int? = nil, regions: [String]? = nil, allowedModels: [String]? = nil, deniedModels: [String] = [],
      localOnly: Bool = false, latencyLimit: Double? = nil
    ) {
      self.budgetMicros = budgetMicros
      self.regions = regions
      self.allowedModels = allowedModels
      self.deniedModels = deniedModels
      self.localOnly = localOnly
      self.latencyLimit = latencyLimit
    }
  }

  /// A text request; an answer counts as 512 tokens unless said otherwise.
  package init(
    prompt: String, promptTokens: Int? = nil, answerTokens: Int = 512, messageCount: Int = 1, toolCount: Int = 0,
    modalities: [Modality] = [.text], embedding: [Float]? = nil, session: String? = nil,
    constraints: Constraints = Constraints()
  ) {
    self.prompt = prompt
    self.promptTokens = promptTokens
    self.answerTokens = max(0, answerTokens)
    self.messageCount = messageCount
    self.toolCount = toolCount
    self.modalities = modalities
    self.embedding = embedding
    self.session = session
    self.constraints = constraints
  }
}
