import Synchronization

/// What a model's loop has done and is doing.
package struct EngineSnapshot: Sendable, Equatable {
  /// The model.
  package var model = ""
  /// Requests that compute now.
  package var active = 0
  /// Requests that wait.
  package var waiting = 0
  /// Requests finished, and requests refused because too many waited.
  package var finished = 0
  package var refused = 0
  /// Prompt tokens that were computed, that were found in the cache, and tokens generated.
  package var promptTokens = 0
  package var cachedTokens = 0
  package var generatedTokens = 0
  /// Generated tokens a second over the last seconds in which anything ran.
  package var tokensPerSecond = 0.0
  /// Cells of the cache in use, and all.
  package var usedCells = 0
  package var cells = 0
  /// Sequences kept for later prompts.
  package var keptSequences = 0
  /// Seconds a step takes, as a moving average.
  package var stepSeconds = 0.0
  /// Threads in use.
  package var threads = 1
}

/// Keeps an ``EngineSnapshot`` that any thread may read.
final class EngineMeter: Sendable {
  private struct State {
    var snapshot = EngineSnapshot()
    var requestSeconds = 1.0
    var places = 1
  }

  private let state = Mutex(State())

  var snapshot: EngineSnapshot { state.withLock { $0.snapshot } }

  func refused() {
    state.withLock { $0.snapshot.refused += 1 }
  }

  func update(_ body: (inout EngineSnapshot) -> Void) {
    state.withLock { body(&$0.snapshot) }
  }

  func finished(seconds: Double, places: Int) {
    state.withLock { state in
      state.snapshot.finished += 1
      state.requestSeconds += 0.1 * (seconds - state.requestSeconds)
      state.places = max(1, places)
    }
  }

  /// How long until a place in the queue is free, at the present pace.
  func expectedWait(behind waiting: Int) -> Duration {
    let seconds = state.withLock { $0.requestSeconds * Double(max(1, waiting / 4)) / Double($0.places) }
    return .seconds(min(60, max(1, seconds.rounded(.up))))
  }
}
