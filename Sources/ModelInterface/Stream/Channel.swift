import Synchronization

/// The state behind a ``GenerationStream``: lock, ask what to do, do it outside the lock.
final class Channel: Sendable {
  private struct State {
    var buffer: [GenerationEvent] = []
    var head = 0
    var isFinished = false
    var failure: GenerationError?
    /// Whether the reader has the event that ends an answer: a reader that goes away after it has missed nothing.
    var isComplete = false
    var isAbandoned = false
    /// What waited when the reader went away.
    var unread: [GenerationEvent] = []
    var wasFull = false
    var reader: CheckedContinuation<GenerationEvent?, any Error>?
    var writer: CheckedContinuation<Void, Never>?
    var termination: (@Sendable () -> Void)?
    var demand: (@Sendable () -> Void)?

    var count: Int { buffer.count - head }

    mutating func pop() -> GenerationEvent? {
      guard head < buffer.count else { return nil }
      let event = buffer[head]
      head += 1
      note(event)
      if head == buffer.count {
        buffer.removeAll(keepingCapacity: true)
        head = 0
      } else if head >= 64 {
        buffer.removeFirst(head)
        head = 0
      }
      return event
    }

    /// Remembers what the reader is given.
    mutating func note(_ event: GenerationEvent) {
      if case .finished = event { isComplete = true }
    }

    /// What a reader gets that was cancelled, or let go of the stream.
    var gone: Result<GenerationEvent?, any Error> {
      isComplete ? .success(nil) : .failure(GenerationError(.cancelled, "the reader of the answer went away"))
    }
  }

  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) {
    self.capacity = Swift.max(1, capacity)
  }

  var isTerminated: Bool { state.withLock { $0.isAbandoned } }

  func yield(_ event: GenerationEvent) -> GenerationStream.Continuation.YieldResult {
    typealias Outcome = (GenerationStream.Continuation.YieldResult, CheckedContinuation<GenerationEvent?, any Error>?)
    let (result, reader): Outcome = state.withLock { state in
      if state.isAbandoned || state.isFinished { return (.terminated, nil) }
      if let reader = state.reader {
        state.reader = nil
        state.note(event)
        return (.enqueued(remaining: capacity), reader)
      }
      state.buffer.append(event)
      guard state.count < capacity else {
        state.wasFull = true
        return (.full, nil)
      }
      return (.enqueued(remaining: capacity - state.count), nil)
    }
    reader?.resume(returning: event)
    return result
  }

  func send(_ event: GenerationEvent) async -> Bool {
    switch yield(event) {
    case .terminated: return false
    case .enqueued: return true
    case .full:
      await withTaskCancellationHandler {
        await withCheckedContinuation { writer in
          let isReady = state.withLock { state in
            if state.isAbandoned || state.count < capacity || Task.isCancelled { return true }
            state.writer = writer
            return false
          }
          if isReady { writer.resume() }
        }
      } onCancel: {
        state.withLock { state in
          defer { state.writer = nil }
          return state.writer
        }?.resume()
      }
      return !isTerminated
    }
  }

  func finish(_ error: GenerationError?) {
    let (reader, termination) = state.withLock { state in
      guard !state.isFinished else {
        return (nil, nil) as (CheckedContinuation<GenerationEvent?, any Error>?, (@Sendable () -> Void)?)
      }
      state.isFinished = true
      state.failure = error
      defer {
        state.termination = nil
        state.demand = nil
      }
      guard let reader = state.reader else { return (nil, state.termination) }
      state.reader = nil
      state.failure = nil
      return (reader, state.termination)
    }
    if let error { reader?.resume(throwing: error) } else { reader?.resume(returning: nil) }
    termination?()
  }

  func next() async throws -> GenerationEvent? {
    if Task.isCancelled {
      abandon()
      return try state.withLock(\.gone).get()
    }
    if let ready = take() { return try ready.get() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { reader in
        let ready: Result<GenerationEvent?, any Error>? = state.withLock { state in
          if let event = state.pop() { return .success(event) }
          if let failure = Self.takeFailure(&state) { return .failure(failure) }
          if state.isFinished { return .success(nil) }
          if Task.isCancelled || state.isAbandoned { return state.gone }
          if state.reader != nil { return .failure(Self.twoReaders) }
          state.reader = reader
          return nil
        }
        if let ready { reader.resume(with: ready) }
      }
    } onCancel: {
      abandon()
    }
  }

  /// What needs no waiting: an event, or the end.
  func take() -> Result<GenerationEvent?, any Error>? {
    typealias Taken = (Result<GenerationEvent?, any Error>?, (@Sendable () -> Void)?, CheckedContinuation<Void, Never>?)
    let (ready, demand, writer): Taken = state.withLock { state in
      if let event = state.pop() {
        guard state.wasFull, state.count <= capacity / 2 else { return (.success(event), nil, nil) }
        state.wasFull = false
        defer { state.writer = nil }
        return (.success(event), state.demand, state.writer)
      }
      if let failure = Self.takeFailure(&state) { return (.failure(failure), nil, nil) }
      if state.isFinished { return (.success(nil), nil, nil) }
      return (nil, nil, nil)
    }
    writer?.resume()
    demand?()
    return ready
  }

  /// Puts events that were taken back in front of those that wait.
  func unread(_ events: [GenerationEvent]) {
    state.withLock { state in
      guard !state.isAbandoned else {
        state.unread.insert(contentsOf: events, at: 0)
        return
      }
      state.buffer.insert(contentsOf: events, at: state.head)
      state.isComplete = false
    }
  }

  private static func takeFailure(_ state: inout State) -> GenerationError? {
    defer { state.failure = nil }
    return state.failure
  }

  private static var twoReaders: GenerationError { GenerationError(.internal, "two tasks read one answer") }

  /// The reader is gone: forget what waits, and tell the producer.
  func abandon() {
    typealias Woken = (
      CheckedContinuation<GenerationEvent?, any Error>?, CheckedContinuation<Void, Never>?, (@Sendable () -> Void)?,
      Result<GenerationEvent?, any Error>
    )
    let (reader, writer, termination, gone): Woken = state.withLock { state in
      guard !state.isAbandoned else { return (nil, nil, nil, state.gone) }
      state.isAbandoned = true
      state.unread = Array(state.buffer[state.head...])
      state.buffer = []
      state.head = 0
      defer {
        state.reader = nil
        state.writer = nil
        state.termination = nil
        state.demand = nil
      }
      return (state.reader, state.writer, state.termination, state.gone)
    }
    reader?.resume(with: gone)
    writer?.resume()
    termination?()
  }

  /// Ends the reading, and takes what had come and was not read.
  func takeUnread() -> [GenerationEvent] {
    abandon()
    return state.withLock { state in
      defer { state.unread = [] }
      return state.unread
    }
  }

  func onTermination(_ body: @escaping @Sendable () -> Void) {
    let isOver = state.withLock { state in
      if state.isAbandoned || state.isFinished { return true }
      state.termination = body
      return false
    }
    if isOver { body() }
  }

  func onDemand(_ body: @escaping @Sendable () -> Void) {
    state.withLock { $0.demand = body }
  }
}
