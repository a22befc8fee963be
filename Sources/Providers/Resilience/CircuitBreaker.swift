/// Keeps requests away from an endpoint that fails, and lets one at a time find out whether it has recovered
/// (Nygard, *Release It!*, chapter 5).
package struct CircuitBreaker: Sendable, Hashable {
  /// Where it stands.
  package enum State: Sendable, Hashable {
    /// Requests pass; so many have failed in a row.
    case closed(failures: Int)
    /// None passes until then.
    case open(until: ContinuousClock.Instant)
    /// One probe is under way; nothing else passes.
    case halfOpen
  }

  /// What became of an attempt, as far as the endpoint's health goes.
  package enum Outcome: Sendable, Hashable {
    /// It answered, if only to refuse.
    case alive
    /// It failed.
    case failed
    /// It was given up before anything could be said.
    case unknown
  }

  /// Where it stands.
  package private(set) var state = State.closed(failures: 0)
  private let failuresToOpen: Int
  private let openTime: Duration

  /// A closed breaker.
  package init(failuresToOpen: Int, openTime: Duration) {
    self.failuresToOpen = max(1, failuresToOpen)
    self.openTime = openTime
  }

  /// Whether a request may pass now.
  package func admits(at now: ContinuousClock.Instant) -> Bool {
    switch state {
    case .closed: true
    case .open(let until): now >= until
    case .halfOpen: false
    }
  }

  /// Until when none passes, where that is known.
  package var closedUntil: ContinuousClock.Instant? {
    if case .open(let until) = state { until } else { nil }
  }

  /// Lets a request pass that ``admits(at:)`` allowed.
  ///
  /// - Returns: whether it is the probe.
  package mutating func pass() -> Bool {
    if case .closed = state { return false }
    state = .halfOpen
    return true
  }

  /// Notes what became of an attempt. While the breaker is not closed, only the probe counts: what was sent before it
  /// opened says nothing about now.
  package mutating func note(_ outcome: Outcome, isProbe: Bool, at now: ContinuousClock.Instant) {
    switch (state, outcome) {
    case (.closed, .alive): state = .closed(failures: 0)
    case (.closed(let failures), .failed):
      state = failures + 1 >= failuresToOpen ? .open(until: now + openTime) : .closed(failures: failures + 1)
    case (.halfOpen, .alive) where isProbe: state = .closed(failures: 0)
    case (.halfOpen, .failed) where isProbe: state = .open(until: now + openTime)
    case (.halfOpen, .unknown) where isProbe: state = .open(until: now)
    default: break
    }
  }
}
