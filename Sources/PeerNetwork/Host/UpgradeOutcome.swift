internal import PeerProtocols
internal import Synchronization

/// What became of one attempt to connect; awaited once.
final class UpgradeOutcome: Sendable {
  private struct State {
    var result: Result<Connection, PeerError>?
    var waiter: CheckedContinuation<Result<Connection, PeerError>, Never>?
  }

  private let state = Mutex(State())

  /// The first result counts.
  func finish(_ result: Result<Connection, PeerError>) {
    let waiter = state.withLock { state -> CheckedContinuation<Result<Connection, PeerError>, Never>? in
      guard state.result == nil else { return nil }
      state.result = result
      return state.waiter.take()
    }
    waiter?.resume(returning: result)
  }

  /// The result, or the failure to have one by the deadline. The attempt goes on, within its own limit of time.
  func value(by deadline: ContinuousClock.Instant?) async -> Result<Connection, PeerError> {
    guard let deadline else { return await value() }
    // The alarm ends with the wait: it is cancelled below.
    let alarm = Task {
      try await Task.sleep(until: deadline, clock: .continuous)
      self.finish(.failure(PeerError(.timedOut, "no connection within the deadline")))
    }
    defer { alarm.cancel() }
    return await value()
  }

  /// The result. Cancelling the task ends the wait, not the attempt.
  func value() async -> Result<Connection, PeerError> {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let result = state.withLock { state in
          if state.result == nil { state.waiter = continuation }
          return state.result
        }
        if let result { continuation.resume(returning: result) }
      }
    } onCancel: {
      finish(.failure(PeerError(.cancelled, "the dial was cancelled")))
    }
  }
}
