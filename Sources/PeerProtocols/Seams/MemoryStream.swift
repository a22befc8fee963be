package import Multiformats
internal import Synchronization

/// A stream whose other end is in this process: for tests and simulation.
///
/// Each direction holds at most ``capacity`` bytes; a writer waits beyond that.
package final class MemoryStream: PeerStream {
  /// The most bytes that wait in one direction.
  package static let capacity = 1 << 20

  package let peer: PeerID
  package let protocolName: String
  package let isInbound: Bool
  package var isLimited: Bool { false }
  private let incoming: MemoryPipe
  private let outgoing: MemoryPipe

  private init(peer: PeerID, protocolName: String, isInbound: Bool, incoming: MemoryPipe, outgoing: MemoryPipe) {
    self.peer = peer
    self.protocolName = protocolName
    self.isInbound = isInbound
    self.incoming = incoming
    self.outgoing = outgoing
  }

  /// Two ends of one stream: `dialer` opened it, `listener` was dialled.
  package static func pair(
    dialer: PeerID, listener: PeerID, protocolName: String
  ) -> (dialer: MemoryStream, listener: MemoryStream) {
    let there = MemoryPipe()
    let back = MemoryPipe()
    return (
      MemoryStream(peer: listener, protocolName: protocolName, isInbound: false, incoming: back, outgoing: there),
      MemoryStream(peer: dialer, protocolName: protocolName, isInbound: true, incoming: there, outgoing: back)
    )
  }

  package func read(upTo maximum: Int) async throws(PeerError) -> [UInt8]? {
    while true {
      switch incoming.take(upTo: maximum) {
      case .success(let bytes?): return bytes.isEmpty ? nil : bytes
      case .success(nil): try await incoming.change(of: self) { !$0.bytes.isEmpty || $0.ended }
      case .failure(let error): throw error
      }
    }
  }

  package func write(_ bytes: [UInt8]) async throws(PeerError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch outgoing.put(&rest) {
      case .success: if !rest.isEmpty { try await outgoing.change(of: self) { $0.bytes.count < Self.capacity } }
      case .failure(let error): throw error
      }
    }
  }

  package func write(_ bytes: [UInt8], patience: Duration) async throws(PeerError) {
    let before = outgoing.deadline
    setTimeout(patience)
    try await write(bytes)
    setDeadline(before)
  }

  package func closeWrite() async throws(PeerError) { outgoing.end(nil) }

  package func reset() { fail(PeerError(.reset, "\(protocolName): the stream was reset")) }

  private func fail(_ error: PeerError) {
    incoming.end(error)
    outgoing.end(error)
  }

  package func setDeadline(_ deadline: ContinuousClock.Instant?) {
    incoming.setDeadline(deadline)
    outgoing.setDeadline(deadline)
  }
}

/// One direction of a ``MemoryStream``.
private final class MemoryPipe: Sendable {
  struct State {
    var bytes: [UInt8] = []
    var ended = false
    var error: PeerError?
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var nextWaiter = 0
    var deadline: ContinuousClock.Instant?
  }

  private let state = Mutex(State())

  var deadline: ContinuousClock.Instant? { state.withLock { $0.deadline } }

  /// Bytes; empty at the end; nil where there are none yet.
  func take(upTo maximum: Int) -> Result<[UInt8]?, PeerError> {
    let (result, wake) = state.withLock { state -> (Result<[UInt8]?, PeerError>, [CheckedContinuation<Void, Never>]) in
      if let error = state.error { return (.failure(error), []) }
      if state.bytes.isEmpty { return (.success(state.ended ? [] : nil), []) }
      let taken = Array(state.bytes.prefix(max(1, maximum)))
      state.bytes.removeFirst(taken.count)
      return (.success(taken), state.wake())
    }
    for waiter in wake { waiter.resume() }
    return result
  }

  func put(_ rest: inout ArraySlice<UInt8>) -> Result<Void, PeerError> {
    let offered = rest
    let (result, wake) = state.withLock { state -> (Result<Int, PeerError>, [CheckedContinuation<Void, Never>]) in
      if let error = state.error { return (.failure(error), []) }
      if state.ended { return (.failure(PeerError(.closed, "the stream is closed for writing")), []) }
      let count = min(offered.count, MemoryStream.capacity - state.bytes.count)
      state.bytes.append(contentsOf: offered.prefix(count))
      return (.success(count), state.wake())
    }
    for waiter in wake { waiter.resume() }
    return result.map { rest.removeFirst($0) }
  }

  func end(_ error: PeerError?) {
    let wake = state.withLock { state in
      if state.error == nil { state.error = error }
      state.ended = true
      return state.wake()
    }
    for waiter in wake { waiter.resume() }
  }

  func setDeadline(_ deadline: ContinuousClock.Instant?) {
    let wake = state.withLock { state in
      state.deadline = deadline
      return state.wake()
    }
    for waiter in wake { waiter.resume() }
  }

  /// Waits until `condition` may hold, the pipe has failed, the deadline is over or the task cancelled.
  func change(
    of stream: MemoryStream, until condition: @escaping @Sendable (State) -> Bool
  ) async throws(PeerError) {
    let deadline = state.withLock { $0.deadline }
    let alarm = deadline.map { deadline in
      // Ends with the wait: it is cancelled below.
      Task { [weak self] in
        try await Task.sleep(until: deadline, clock: .continuous)
        self?.end(PeerError(.timedOut, "\(stream.protocolName): no answer within the deadline"))
      }
    }
    defer { alarm?.cancel() }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state in
          if condition(state) || state.error != nil || state.deadline != deadline { return true }
          state.waiting[state.nextWaiter] = continuation
          state.nextWaiter += 1
          return false
        }
        if ready { continuation.resume() }
      }
    } onCancel: {
      end(PeerError(.cancelled, "\(stream.protocolName): the caller was cancelled"))
    }
  }
}

extension MemoryPipe.State {
  fileprivate mutating func wake() -> [CheckedContinuation<Void, Never>] {
    defer { waiting.removeAll() }
    return Array(waiting.values)
  }
}
