package import ModelInterface

/// Admits work, and keeps the account of what is used. Reserve, then settle, on every path: each reservation is settled
/// exactly once, whether the answer finished, failed, or was cancelled.
package protocol RequestMeter: Sendable {
  /// ``reserve(_:)`` where nothing has to be waited for.
  ///
  /// - Returns: nil where something has; nothing has been set aside then.
  /// - Throws: as ``reserve(_:)`` does.
  func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)?

  /// ``reserveNow(_:)`` for a generation of which nothing but its size has to be known, as long as nobody asks for all of it.
  ///
  /// - Parameter whole: makes the request itself.
  func reserveNow(
    _ size: GenerationSize, for principal: Principal, whole: () -> GenerationRequest
  ) throws(GenerationError) -> (any MeterReservation)?

  /// Sets aside what the work may cost.
  ///
  /// - Throws: ``GenerationError`` of kind `budgetExceeded` or `overloaded` where it may not run.
  func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation
}

extension RequestMeter {
  /// Always has to wait.
  package func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)? { nil }

  /// Asks for all of it.
  package func reserveNow(
    _ size: GenerationSize, for principal: Principal, whole: () -> GenerationRequest
  ) throws(GenerationError) -> (any MeterReservation)? {
    try reserveNow(MeteredWork(kind: .generation(whole()), principal: principal))
  }
}

/// What decides on the price of a generation whose messages are plain texts, without tools or format.
package struct GenerationSize: Sendable {
  /// The model, by the name that the client used.
  package var model: String
  /// How many messages there are.
  package var messages: Int
  /// The bytes of UTF-8 of their texts and names.
  package var bytes: Int
  /// The most tokens of answer; nil where the request does not say.
  package var maximumOutputTokens: Int?
  /// Whether the same request would have the same answer.
  package var isDeterministic: Bool
  /// Who asks, until when, and under which identifiers.
  package var context: RequestContext

  /// A size.
  package init(
    model: String, messages: Int, bytes: Int, maximumOutputTokens: Int?, isDeterministic: Bool,
    context: RequestContext
  ) {
    self.model = model
    self.messages = messages
    self.bytes = bytes
    self.isDeterministic = isDeterministic
    self.maximumOutputTokens = maximumOutputTokens
    self.context = context
  }
}

/// What was set aside for one piece of work.
package protocol MeterReservation: Sendable {
  /// What the work has become by being admitted.
  var admission: Admission { get }

  /// ``settle(_:)`` where nothing has to be waited for.
  ///
  /// - Returns: false where something has; nothing has been settled then.
  func settleNow(_ settlement: Settlement) -> Bool

  /// Replaces the reservation by what was used. Called once; never while the calling task is cancelled.
  func settle(_ settlement: Settlement) async

  /// What is on the account of it, once it is settled: tokens, and the cost in 10^-12 of the currency. Nil where no account is
  /// kept.
  var billed: (usage: Usage, cost: Int128)? { get }

  /// Gives the reservation back instead of settling it: the work has not begun, and is asked for again in another way.
  func withdraw()
}

extension MeterReservation {
  /// The work as it was asked for.
  package var admission: Admission { Admission() }

  /// No account.
  package var billed: (usage: Usage, cost: Int128)? { nil }

  /// Always has to wait.
  package func settleNow(_ settlement: Settlement) -> Bool { false }

  /// Settles it as cancelled.
  package func withdraw() {
    settleSoon(Settlement(outcome: .cancelled, model: nil, provider: nil, usage: Usage(), isExact: true))
  }
}

/// What a piece of work has become by being admitted: perhaps for another model than the one that was asked for, perhaps
/// answered already.
package struct Admission: Sendable {
  /// The model that may be used; nil for the one that was asked for.
  package var model: String?
  /// Models that answer where that one cannot, in order, before the first event.
  package var fallbacks: [String] = []
  /// The events of the answer, where it is known already; no provider is asked then.
  package var answer: [GenerationEvent]?
  /// Whether a finished answer's events are handed over in ``Settlement/events``.
  package var recordsEvents = false
  /// Headers of the response.
  package var headers: [(String, String)] = []

  /// The work as it was asked for.
  package init() {}
}

/// A piece of work before it begins.
package struct MeteredWork: Sendable {
  /// What is to be done.
  package enum Kind: Sendable {
    case generation(GenerationRequest)
    case embedding(EmbeddingRequest)
    /// Many turns with the model that the request names, which generate no more than it allows and read about so many
    /// tokens. Never answered from a cache.
    case search(GenerationRequest, reads: Int)
  }

  /// What is to be done.
  package var kind: Kind
  /// On whose account.
  package var principal: Principal
  /// Whether it is one of several calls for a request that has been counted already, and so is none more.
  package var isFurtherCall = false

  /// A piece of work.
  package init(kind: Kind, principal: Principal) {
    self.kind = kind
    self.principal = principal
  }

  /// The identifiers of the request.
  package var context: RequestContext {
    switch kind {
    case .generation(let request): request.context
    case .embedding(let request): request.context
    case .search(let request, _): request.context
    }
  }
}

/// What became of a piece of work.
package struct Settlement: Sendable, Equatable {
  /// How it ended.
  package enum Outcome: String, Sendable, Equatable, CaseIterable {
    case finished, failed, cancelled
  }

  /// How it ended.
  package var outcome: Outcome
  /// The model that answered; nil where none began.
  package var model: String?
  /// The provider that ran it; nil where none began.
  package var provider: String?
  /// What was used. Where the work did not finish, what was seen of it: pieces of text stand for tokens.
  package var usage: Usage
  /// Whether ``usage`` is what the provider reported, and not what was seen.
  package var isExact: Bool
  /// Whether ``usage`` was held against what was sent and received by whoever asked, and needs no more doubt.
  package var isChecked = false
  /// Tokens of the answer that were seen to arrive, where that is known: what stands for a report that cannot be.
  package var seen: Int?
  /// Why it failed, where the provider said so.
  package var failure: GenerationError.Kind?
  /// The answer's events, where it finished and ``Admission/recordsEvents`` asked for them.
  package var events: [GenerationEvent]?
  /// What upstreams did beside the answer, and may bill.
  package var others: [SideAttempts.Attempt] = []

  /// What became of it.
  package init(
    outcome: Outcome, model: String?, provider: String?, usage: Usage, isExact: Bool, seen: Int? = nil,
    failure: GenerationError.Kind? = nil, events: [GenerationEvent]? = nil
  ) {
    self.outcome = outcome
    self.model = model
    self.provider = provider
    self.usage = usage
    self.isExact = isExact
    self.seen = seen
    self.failure = failure
    self.events = events
  }

  /// Takes over what speaks for its usage.
  package mutating func note(_ basis: UsageBasis) {
    isChecked = basis != .reported
    if basis == .estimated { isExact = false }
  }
}

/// Lets everything pass and remembers nothing.
package struct NoMeter: RequestMeter, MeterReservation {
  /// A meter that measures nothing.
  package init() {}
  /// Grants everything.
  package func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)? { self }
  /// Grants everything.
  package func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation { self }
  /// Does nothing.
  package func settleNow(_ settlement: Settlement) -> Bool { true }
  /// Does nothing.
  package func settle(_ settlement: Settlement) async {}
  /// Does nothing.
  package func withdraw() {}
}
