internal import Dispatch

/// Work that waits for a disk, kept off the threads that tasks share.
package enum BlockingWork {
  /// Runs `body` on a thread of its own and waits for it without holding one.
  package static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws(ContentError) -> Value
  ) async throws(ContentError) -> Value {
    let result: Result<Value, ContentError> = await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(returning: Result { () throws(ContentError) in try body() })
      }
    }
    return try result.get()
  }
}
