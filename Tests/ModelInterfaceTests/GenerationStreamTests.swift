import ModelInterface
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct GenerationStreamTests {
  private func piece(_ number: Int) -> GenerationEvent { .text(TextPiece("\(number)")) }

  @Test func eventsArriveInOrderAndTheStreamEnds() async throws {
    let (stream, continuation) = GenerationStream.make(capacity: 4)
    let producer = Task {
      for number in 0..<1000 where !(await continuation.send(piece(number))) { return false }
      continuation.finish()
      return true
    }
    var received: [GenerationEvent] = []
    for try await event in stream { received.append(event) }
    #expect(received == (0..<1000).map(piece))
    #expect(await producer.value)
  }

  @Test func anErrorArrivesAfterTheEventsBeforeIt() async throws {
    let (stream, continuation) = GenerationStream.make()
    continuation.yield(piece(1))
    continuation.finish(throwing: GenerationError(.unavailable, "broke off"))
    let iterator = stream.makeAsyncIterator()
    #expect(try await iterator.next() == piece(1))
    await #expect(throws: GenerationError(.unavailable, "broke off")) { try await iterator.next() }
    #expect(try await iterator.next() == nil)
  }

  @Test func aProducerThatGetsAheadIsToldAndCalledBack() async throws {
    let (stream, continuation) = GenerationStream.make(capacity: 2)
    let calls = Mutex(0)
    continuation.onDemand { calls.withLock { $0 += 1 } }
    #expect(continuation.yield(piece(1)) == .enqueued(remaining: 1))
    #expect(continuation.yield(piece(2)) == .full)
    let iterator = stream.makeAsyncIterator()
    _ = try await iterator.next()
    #expect(calls.withLock { $0 } == 1)
    _ = try await iterator.next()
    #expect(calls.withLock { $0 } == 1)
  }

  @Test func lettingGoOfTheStreamTellsTheProducerOnce() {
    let calls = Mutex(0)
    let continuation: GenerationStream.Continuation
    do {
      let (stream, end) = GenerationStream.make()
      continuation = end
      continuation.onTermination { calls.withLock { $0 += 1 } }
      #expect(continuation.yield(piece(1)) != .terminated)
      withExtendedLifetime(stream) {}
    }
    #expect(continuation.yield(piece(2)) == .terminated)
    #expect(calls.withLock { $0 } == 1)
  }

  @Test func cancellingTheReaderTellsTheProducer() async {
    let (stream, continuation) = GenerationStream.make()
    let reader = Task {
      for try await _ in stream {}
    }
    reader.cancel()
    await #expect(throws: GenerationError.self) { try await reader.value }
    #expect(continuation.isTerminated)
  }

  @Test func aWaitingProducerIsReleasedWhenTheReaderGoes() async {
    let (stream, continuation) = GenerationStream.make(capacity: 1)
    #expect(continuation.yield(piece(0)) == .full)
    let producer = Task {
      while await continuation.send(piece(1)) {}
    }
    let reader = Task {
      for try await _ in stream {}
    }
    reader.cancel()
    _ = try? await reader.value
    await producer.value
    #expect(continuation.isTerminated)
  }

  private let finished = GenerationEvent.finished(Completion(reason: .stop, usage: Usage()))

  @Test func whoLeavesWithTheWholeAnswerIsNotToldOfAnother() async throws {
    let (stream, continuation) = GenerationStream.make()
    continuation.yield(finished)
    let reader = Task {
      let iterator = stream.makeAsyncIterator()
      #expect(try await iterator.next() == finished)
      withUnsafeCurrentTask { $0?.cancel() }
      return try await iterator.next()
    }
    #expect(try await reader.value == nil)
    #expect(continuation.isTerminated)
  }

  @Test func whoWaitsWithTheWholeAnswerLeavesInPeace() async throws {
    let (stream, continuation) = GenerationStream.make()
    let hasRead = Mutex(false)
    let reader = Task {
      let iterator = stream.makeAsyncIterator()
      #expect(try await iterator.next() == finished)
      hasRead.withLock { $0 = true }
      return try await iterator.next()
    }
    await Task.yield()
    continuation.yield(finished)
    while !hasRead.withLock({ $0 }) { await Task.yield() }
    reader.cancel()
    #expect(try await reader.value == nil)
    #expect(continuation.isTerminated)
  }

  @Test func anEndThatWasPutBackHasNotBeenRead() async throws {
    let (stream, continuation) = GenerationStream.make()
    continuation.yield(finished)
    let reader = Task {
      let iterator = stream.makeAsyncIterator()
      let end = try #require(await iterator.next())
      stream.unread([end])
      withUnsafeCurrentTask { $0?.cancel() }
      return try await iterator.next()
    }
    await #expect(throws: GenerationError(.cancelled, "the reader of the answer went away")) { try await reader.value }
  }
}
