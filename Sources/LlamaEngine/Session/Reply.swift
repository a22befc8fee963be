import ModelInterface
import Synchronization

/// Resumes a waiting task once, whatever comes first: an answer or a cancellation.
final class Reply<Value: Sendable>: Sendable {
  private let continuation: Mutex<CheckedContinuation<Result<Value, GenerationError>, Never>?>

  init(_ continuation: CheckedContinuation<Result<Value, GenerationError>, Never>) {
    self.continuation = Mutex(continuation)
  }

  func send(_ result: Result<Value, GenerationError>) {
    let waiting = continuation.withLock { continuation in
      defer { continuation = nil }
      return continuation
    }
    waiting?.resume(returning: result)
  }
}

extension DecodeLoop {
  /// Has the loop's thread do something and waits for its reply.
  ///
  /// - Throws: ``GenerationError``; of kind `unavailable` when the loop has ended.
  func ask<Value: Sendable>(
    _ body: @escaping @Sendable (DecodeCore, Reply<Value>) -> Void
  ) async throws(GenerationError) -> Value {
    let result = await withCheckedContinuation { continuation in
      let reply = Reply<Value>(continuation)
      if !post({ core in body(core, reply) }) {
        reply.send(.failure(GenerationError(.unavailable, "the model was unloaded")))
      }
    }
    return try result.get()
  }
}
