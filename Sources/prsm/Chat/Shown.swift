import Synchronization

/// What of an answer has been shown, for when it is stopped half-way.
final class Shown: Sendable {
  private let state = Mutex("")

  var text: String { state.withLock { $0 } }

  func add(_ piece: String) {
    state.withLock { $0 += piece }
  }
}
