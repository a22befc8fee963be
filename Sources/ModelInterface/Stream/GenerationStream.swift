import Synchronization

/// The events of one answer. Read by one task, once.
///
/// It is a bounded channel: a producer that gets ahead of its reader is told so and pauses. Letting go of the stream, or
/// cancelling the task that reads it, tells the producer to stop.
public struct GenerationStream: AsyncSequence, Sendable {
  /// What happens while an answer is generated.
  public typealias Element = GenerationEvent
  /// In fact always a ``GenerationError``.
  public typealias Failure = any Error

  /// How many events wait for a slow reader before the producer is asked to pause.
  public static let defaultCapacity = 256

  private let reader: Reader

  /// A stream and the end that feeds it.
  public static func make(
    capacity: Int = defaultCapacity
  ) -> (stream: GenerationStream, continuation: Continuation) {
    let channel = Channel(capacity: capacity)
    return (GenerationStream(reader: Reader(channel: channel)), Continuation(channel: channel))
  }

  /// A stream of events that are known already.
  public static func events(_ events: [GenerationEvent]) -> GenerationStream {
    let (stream, continuation) = make(capacity: events.count)
    for event in events { continuation.yield(event) }
    continuation.finish()
    return stream
  }

  /// An iterator; all share one place in the stream.
  public func makeAsyncIterator() -> Iterator {
    Iterator(reader: reader)
  }

  /// Puts events that were read back in front, for whoever reads on: for a look at how an answer begins before it is passed
  /// on. Only for a task that has read them itself and knows that nobody else reads yet.
  public func unread(_ events: [GenerationEvent]) {
    reader.channel.unread(events)
  }

  /// Lets go of the stream, and takes what had come and was not read: for whoever keeps the account of an answer that nobody
  /// waits for any more. Once; also after the reading task was cancelled.
  package func takeUnread() -> [GenerationEvent] { reader.channel.takeUnread() }

  /// Takes events one at a time.
  public struct Iterator: AsyncIteratorProtocol {
    let reader: Reader

    /// The next event; nil after the last.
    ///
    /// - Throws: ``GenerationError``; of kind `cancelled` when the reading task is cancelled.
    public func next() async throws -> GenerationEvent? {
      try await reader.channel.next()
    }

    /// The next event where one waits already; nil where none does yet, and after the last. For readers that gather what
    /// has piled up before they pass it on.
    ///
    /// - Throws: ``GenerationError`` where the stream has failed.
    public func nextIfReady() throws -> GenerationEvent? {
      try reader.channel.take()?.get()
    }

    /// The next event; nil after the last.
    public func next(isolation actor: isolated (any Actor)?) async throws -> GenerationEvent? {
      try await reader.channel.next()
    }
  }

  /// Ends the channel when the last holder of the stream lets go of it.
  final class Reader: Sendable {
    let channel: Channel

    init(channel: Channel) {
      self.channel = channel
    }

    deinit {
      channel.abandon()
    }
  }

  /// The producer's end.
  public struct Continuation: Sendable {
    let channel: Channel

    /// What became of an event.
    public enum YieldResult: Sendable, Equatable {
      /// Taken; there is room for so many more.
      case enqueued(remaining: Int)
      /// Taken, and the buffer is now full: pause until ``onDemand(_:)`` calls.
      case full
      /// Nobody reads any more: stop.
      case terminated
    }

    /// Hands over an event; never waits. The event is taken even when the buffer is full, so a producer that heeds
    /// ``YieldResult/full`` exceeds the capacity by no more than what one step of its own yields.
    @discardableResult
    public func yield(_ event: GenerationEvent) -> YieldResult {
      channel.yield(event)
    }

    /// Hands over an event and waits while the buffer is full.
    ///
    /// - Returns: false when nobody reads any more.
    public func send(_ event: GenerationEvent) async -> Bool {
      await channel.send(event)
    }

    /// Ends the stream after what was handed over; with an error, the reader gets that last.
    public func finish(throwing error: GenerationError? = nil) {
      channel.finish(error)
    }

    /// Whether the reader is gone.
    public var isTerminated: Bool { channel.isTerminated }

    /// Called once, from any thread, when the reader goes away or the stream ends; at once if it has already.
    public func onTermination(_ body: @escaping @Sendable () -> Void) {
      channel.onTermination(body)
    }

    /// Called, from any thread, each time the reader has emptied a buffer that was full.
    public func onDemand(_ body: @escaping @Sendable () -> Void) {
      channel.onDemand(body)
    }
  }
}
