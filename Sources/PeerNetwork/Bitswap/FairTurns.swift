internal import Multiformats
internal import Synchronization

/// A number of places, given to those that wait in the order that someone else decides.
final class FairTurns: Sendable {
  private struct State {
    var free: Int
    var waiting: [(peer: PeerID, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state: Mutex<State>

  init(places: Int) { state = Mutex(State(free: places)) }

  /// Waits for a place.
  func enter(_ peer: PeerID) async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.free > 0 {
          state.free -= 1
          return true
        }
        state.waiting.append((peer, continuation))
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  /// Gives the place to the one of those that wait whom `choose` names.
  func leave(_ choose: ([PeerID]) -> PeerID?) {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard !state.waiting.isEmpty else {
        state.free += 1
        return nil
      }
      let chosen = choose(state.waiting.map(\.peer))
      let index = state.waiting.firstIndex { $0.peer == chosen } ?? 0
      return state.waiting.remove(at: index).continuation
    }
    next?.resume()
  }
}
