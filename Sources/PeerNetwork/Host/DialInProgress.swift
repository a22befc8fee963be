internal import PeerProtocols
internal import Synchronization

/// A dial that several callers may wait for, each until a deadline of its own.
final class DialInProgress: Sendable {
  typealias Outcome = Result<Void, PeerError>

  private struct State {
    var outcome: Outcome?
    var waiters: [Int: CheckedContinuation<Outcome, Never>] = [:]
    var nextWaiter = 0
  }

  private let state = Mutex(State())

  func finish(_ outcome: Outcome) {
    let waiters = state.withLock { state in
      state.outcome = outcome
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: outcome) }
  }

  /// The outcome; the dial goes on where the deadline passes first, or the task is cancelled.
  func value(by deadline: ContinuousClock.Instant) async -> Outcome {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    // The alarm ends with the wait: it is cancelled below.
    let alarm = Task {
      try await Task.sleep(until: deadline, clock: .continuous)
      self.giveUp(number, PeerError(.timedOut, "no connection within the deadline"))
    }
    defer { alarm.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let known = state.withLock { state -> Outcome? in
          if let outcome = state.outcome { return outcome }
          state.waiters[number] = continuation
          return nil
        }
        if let known { continuation.resume(returning: known) }
        // An alarm or a cancellation that came before the waiter was there did not find it.
        if Task.isCancelled {
          giveUp(number, PeerError(.cancelled, "the caller was cancelled"))
        } else if deadline <= .now {
          giveUp(number, PeerError(.timedOut, "no connection within the deadline"))
        }
      }
    } onCancel: {
      giveUp(number, PeerError(.cancelled, "the caller was cancelled"))
    }
  }

  private func giveUp(_ number: Int, _ error: PeerError) {
    state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: .failure(error))
  }
}
