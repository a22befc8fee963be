import ModelInterface
import Synchronization

/// The way back to whoever asked. Bytes that have left cannot be taken back, so it remembers whether any have.
final class AnswerOutput: Sendable {
  private struct State {
    var hasStarted = false
    var hasPassed = false
  }

  private let continuation: GenerationStream.Continuation
  private let start: GenerationStart
  private let hasLogprobs: Bool
  private let state = Mutex(State())

  init(_ continuation: GenerationStream.Continuation, start: GenerationStart, hasLogprobs: Bool) {
    self.continuation = continuation
    self.start = start
    self.hasLogprobs = hasLogprobs
  }

  /// Whether anything of an answer has left.
  var hasPassed: Bool { state.withLock(\.hasPassed) }

  /// Says who answers; once.
  func begin() {
    let isFirst = state.withLock { state in
      defer { state.hasStarted = true }
      return !state.hasStarted
    }
    if isFirst { continuation.yield(.started(start)) }
  }

  /// Passes a piece of an answer on, and waits while nobody takes it.
  ///
  /// - Throws: ``GenerationError`` of kind `cancelled` where nobody reads any more.
  func pass(_ event: GenerationEvent) async throws(GenerationError) {
    begin()
    var event = event
    switch event {
    case .started, .finished: return
    case .text(let piece):
      if !hasLogprobs {
        guard !piece.text.isEmpty else { return }
        event = .text(TextPiece(piece.text))
      }
      state.withLock { $0.hasPassed = true }
    case .prompt, .reasoning, .toolCall: state.withLock { $0.hasPassed = true }
    }
    guard await continuation.send(event) else {
      throw GenerationError(.cancelled, "the reader of the answer went away")
    }
  }

  func finish(_ completion: Completion) {
    begin()
    continuation.yield(.finished(completion))
    continuation.finish()
  }

  func fail(_ error: GenerationError) {
    continuation.finish(throwing: error)
  }
}
