package import ModelInterface

/// A piece of work before it begins.
package struct MeteredRequest: Sendable {
  /// The request's `x-request-id`.
  package var requestID: String
  /// On whose account.
  package var account: Account
  /// The model by the name that was asked for.
  package var model: String
  /// Models that may answer in its place: what the dearest of all of them may cost is set aside.
  package var alternatives: [String] = []
  /// Tokens of the prompt, estimated.
  package var promptTokens: Int
  /// The most tokens of answer; nil takes ``MeteringPolicy/outputTokens``.
  package var outputTokens: Int?
  /// Requests of a user that it is: 1, or 0 for a further call for the same request.
  package var requests = 1
  /// Below 0 the work can wait.
  package var priority: Int
  /// After this instant an answer is worth nothing.
  package var deadline: ContinuousClock.Instant?
  /// The models that the account may use; nil for all.
  package var models: Set<String>?

  /// A piece of work of known size.
  package init(
    requestID: String, account: Account, model: String, promptTokens: Int, outputTokens: Int?, priority: Int = 0
  ) {
    self.requestID = requestID
    self.account = account
    self.model = model
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.priority = priority
  }

  /// A generation.
  package init(_ request: GenerationRequest, account: Account, estimate: PromptEstimate) {
    self.init(
      requestID: request.context.requestID, account: account, model: request.model,
      promptTokens: estimate.tokens(request), outputTokens: request.maximumOutputTokens,
      priority: request.context.priority)
    deadline = request.context.deadline
  }

  /// An embedding, which generates nothing.
  package init(_ request: EmbeddingRequest, account: Account, estimate: PromptEstimate) {
    self.init(
      requestID: request.context.requestID, account: account, model: request.model,
      promptTokens: estimate.tokens(request), outputTokens: 0, priority: request.context.priority)
    deadline = request.context.deadline
  }

  func tokens(_ policy: MeteringPolicy) -> Usage {
    Usage(promptTokens: promptTokens, completionTokens: outputTokens ?? policy.outputTokens).inRange
  }

  func allowsModel(_ model: String) -> Bool { models?.contains(model) ?? true }
}

/// What became of a piece of work.
package struct MeteredUse: Sendable, Equatable {
  /// A part of it that one provider did. A cascade or panel has several.
  package struct Part: Sendable, Equatable {
    /// The model that answered; nil where none began.
    package var model: String?
    /// The provider that ran it; nil where none began.
    package var provider: String?
    /// What was used, or seen of it.
    package var usage: Usage
    /// Whether ``usage`` is what the provider reported.
    package var isExact: Bool
    /// Whether ``usage`` was held against what was sent and received already.
    package var isChecked = false
    /// Tokens of the answer that were seen to arrive; nil where nobody looked.
    package var seen: Int?

    /// A part.
    package init(model: String?, provider: String?, usage: Usage, isExact: Bool, seen: Int? = nil) {
      self.model = model
      self.provider = provider
      self.usage = usage
      self.isExact = isExact
      self.seen = seen
    }
  }

  /// How it ended.
  package var outcome: UsageEvent.Outcome
  /// Its parts, at least one; each becomes an event.
  package var parts: [Part]

  /// Work of one part.
  package init(
    outcome: UsageEvent.Outcome, model: String?, provider: String?, usage: Usage, isExact: Bool, seen: Int? = nil
  ) {
    let part = Part(model: model, provider: provider, usage: usage, isExact: isExact, seen: seen)
    self.init(outcome: outcome, parts: [part])
  }

  /// Work of several parts.
  package init(outcome: UsageEvent.Outcome, parts: [Part]) {
    self.outcome = outcome
    self.parts = parts.isEmpty ? [Part(model: nil, provider: nil, usage: Usage(), isExact: true)] : parts
  }
}
