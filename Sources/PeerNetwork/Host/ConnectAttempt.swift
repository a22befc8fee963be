internal import NIOCore
internal import PeerProtocols
internal import Synchronization

/// A TCP connection that is being made, so that it can be given up: a dial that another address has won does not wait for it.
final class ConnectAttempt: Sendable {
  private struct State {
    var channel: (any Channel)?
    var isCancelled = false
  }

  private let state = Mutex(State())

  /// - Throws: `.cancelled` where the attempt was given up before it began.
  func began(_ channel: any Channel) throws(PeerError) {
    let isCancelled = state.withLock { state in
      state.channel = channel
      return state.isCancelled
    }
    if isCancelled { throw PeerError(.cancelled, "another address was faster") }
  }

  func cancel() {
    let channel = state.withLock { state in
      state.isCancelled = true
      return state.channel
    }
    channel?.close(promise: nil)
  }
}
