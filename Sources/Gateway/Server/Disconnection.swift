import Synchronization

/// Tells the task that answers a connection that the client has gone away.
///
/// A half-closed connection counts as gone while a generation runs, as it does for most servers: clients that give up
/// close, and the model's time is worth more than the rare client that shuts down its sending side and still listens.
package final class Disconnection: Sendable {
  private struct State {
    var isGone = false
    var isHalfClosed = false
    var isGenerating = false
    var isOver = false
    var waiter: CheckedContinuation<Void, Never>?

    var isDue: Bool { isGone || isOver || (isHalfClosed && isGenerating) }

    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      guard isDue else { return nil }
      defer { waiter = nil }
      return waiter
    }
  }

  private let state = Mutex(State())

  init() {}

  /// Whether the client can be assumed to have gone.
  package var isGone: Bool { state.withLock { $0.isGone || $0.isHalfClosed } }

  /// The connection is closed.
  func closed() {
    change { $0.isGone = true }
  }

  /// The client will send nothing more.
  func inputClosed() {
    change { $0.isHalfClosed = true }
  }

  /// A generation begins or ends, during which a half-closed connection counts as gone.
  func generating(_ isGenerating: Bool) {
    change { $0.isGenerating = isGenerating }
  }

  /// Nothing is left to be answered on this connection.
  func answered() {
    change { $0.isOver = true }
  }

  private func change(_ body: (inout sending State) -> Void) {
    let waiter = state.withLock { state in
      body(&state)
      return state.takeWaiter()
    }
    waiter?.resume()
  }

  /// Returns when the client is gone, when everything is answered, or when the task is cancelled.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isDue = state.withLock { state in
          if state.isDue || Task.isCancelled { return true }
          state.waiter = continuation
          return false
        }
        if isDue { continuation.resume() }
      }
    } onCancel: {
      answered()
    }
  }
}
