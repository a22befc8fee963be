package import ModelInterface

/// Keeps the account of what is used. Reserve, then settle, on every path: each reservation is settled exactly once,
/// whether the answer finished, failed, or was cancelled.
package protocol RequestMeter: Sendable {
  /// Sets aside what the work may cost.
  ///
  /// - Throws: ``GenerationError`` of kind `budgetExceeded` or `overloaded` where it may not run.
  func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation
}

/// What was set aside for one piece of work.
package protocol MeterReservation: Sendable {
  /// Replaces the reservation by what was used. Called once; never while the calling task is cancelled.
  func settle(_ settlement: Settlement) async
}

/// A piece of work before it begins.
package struct MeteredWork: Sendable {
  /// What is to be done.
  package enum Kind: Sendable {
    case generation(GenerationRequest)
    case embedding(EmbeddingRequest)
  }

  /// What is to be done.
  package var kind: Kind
  /// On whose account.
  package var principal: Principal

  /// The identifiers of the request.
  package var context: RequestContext {
    switch kind {
    case .generation(let request): request.context
    case .embedding(let request): request.context
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
}

/// Lets everything pass and remembers nothing.
package struct NoMeter: RequestMeter, MeterReservation {
  /// A meter that measures nothing.
  package init() {}
  /// Grants everything.
  package func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation { self }
  /// Does nothing.
  package func settle(_ settlement: Settlement) async {}
}
