package import ModelInterface

/// What virtual models need from the rest of the node.
package struct OrchestrationServices: Sendable {
  /// Answers for the members that are no virtual models.
  package var members: any ModelProvider
  /// Where traces are kept.
  package var traces: TraceStore
  /// What tokens of a model cost, in 10^-12 of the currency; nil where no price is known.
  package var price: @Sendable (_ model: String, _ provider: String, _ usage: Usage) -> Int128?
  /// Takes a question that a person should look at. Must not wait.
  package var review: @Sendable (ReviewCase) -> Void
  /// Hears what a judge gave a model's answer to a question, 0 to 1. Must not wait.
  package var judged: @Sendable (_ model: String, _ question: String, _ quality: Double) -> Void
  /// The time.
  package var now: @Sendable () -> ContinuousClock.Instant
  /// Returns at that time.
  package var sleep: @Sendable (ContinuousClock.Instant) async throws -> Void
  /// Milliseconds since 1970.
  package var wallClock: @Sendable () -> Int
  /// A number that has not been drawn before and cannot be guessed.
  package var random: @Sendable () -> UInt64

  /// Services with the real clock and without prices.
  package init(
    members: any ModelProvider, traces: TraceStore = TraceStore(), wallClock: @escaping @Sendable () -> Int
  ) {
    self.members = members
    self.traces = traces
    self.wallClock = wallClock
    price = { _, _, _ in nil }
    review = { _ in }
    judged = { _, _, _ in }
    now = { .now }
    sleep = { try await Task.sleep(until: $0, clock: .continuous) }
    random = { .random(in: .min ... .max) }
  }
}

/// A question on which a panel did not agree, for a person to look at.
package struct ReviewCase: Sendable, Equatable {
  /// Where it goes.
  package var hook: ReviewHook
  /// The orchestration, whose trace tells the rest.
  package var orchestration: String
  /// The request's `x-request-id`.
  package var requestID: String
  /// On whose account.
  package var tenant: String
  /// The virtual model.
  package var model: String
  /// The question.
  package var question: String
  /// Each member with its answer.
  package var answers: [(model: String, text: String)]
  /// The share that agreed.
  package var agreement: Double
  /// The share that was asked for.
  package var threshold: Double
  /// The answer that was given meanwhile; nil where a stronger model was asked.
  package var given: String?

  /// The most characters of the question and of each answer that are sent.
  package static let longestText = 20_000

  /// As it is sent.
  package var json: JSONValue {
    func cut(_ text: String) -> JSONValue { .string(String(text.prefix(Self.longestText))) }
    return [
      "type": "prsm.orchestration.review", "orchestration": .string(orchestration), "request_id": .string(requestID),
      "tenant": .string(tenant), "model": .string(model), "question": cut(question),
      "answers": .array(answers.map { ["model": .string($0.model), "text": cut($0.text)] }),
      "agreement": .double(agreement), "threshold": .double(threshold), "given": given.map(cut) ?? .null,
    ]
  }

  /// Equal in everything.
  package static func == (left: ReviewCase, right: ReviewCase) -> Bool {
    left.hook == right.hook && left.json == right.json
  }
}
