package import Multiformats
internal import NIOCore
package import PeerProtocols
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A yamux stream. Readers and writers meet the event loop behind one lock.
///
/// Unchecked: `isEnqueued` belongs to the connection's event loop, all else is behind the lock or constant.
package final class MuxedStream: PeerStream, @unchecked Sendable {
  /// Bytes queued for sending at which a writer waits.
  static let writeLimit = 1 << 20
  /// Bytes read before the connection is told, so that small reads do not wake it each time.
  private static let reportSize = 128 << 10

  fileprivate typealias EndAction = @Sendable () -> Void

  fileprivate struct State {
    var input = CircularBuffer<Data>()
    var inputBytes = 0
    var inputEnded = false
    var unreported = 0
    var output = CircularBuffer<[UInt8]>()
    /// Bytes of the first output already taken.
    var outputOffset = 0
    var outputBytes = 0
    var endQueued = false
    var endSent = false
    var isScheduled = false
    var failure: PeerError?
    var reader: CheckedContinuation<Void, Never>?
    var writers: [CheckedContinuation<Void, Never>] = []
    var deadline: ContinuousClock.Instant?
    /// Fires at the deadline or before; in the latter case it is set anew. So a deadline that moves with every piece costs
    /// no timer for each.
    var timer: (scheduled: Scheduled<Void>, at: ContinuousClock.Instant)?
    var protocolName = ""
    var traffic: ProtocolTraffic?
    /// Called once when the stream has ended on both sides or failed.
    var onEnd: EndAction?
    /// Bytes that the other side must say first; see ``OptimisticAnswer``.
    var expectedAnswer: OptimisticAnswer?
  }

  let connection: Connection
  let id: UInt32
  package let isInbound: Bool
  /// Whether the stream waits in the connection's queue. On its event loop alone.
  var isEnqueued = false
  private let state = Mutex(State())

  init(connection: Connection, id: UInt32, isInbound: Bool) {
    self.connection = connection
    self.id = id
    self.isInbound = isInbound
  }

  /// What came and nobody read is held no longer.
  deinit {
    let (held, timer) = state.withLock { ($0.inputBytes, $0.timer) }
    connection.terms.memory.give(held)
    timer?.scheduled.cancel()
  }

  package var peer: PeerID {
    guard let peer = connection.peer else { preconditionFailure("streams exist on authenticated connections alone") }
    return peer
  }

  package var isLimited: Bool { connection.terms.isLimited }
  package var executor: (any TaskExecutor)? { connection.executor }
  package var protocolName: String { state.withLock { $0.protocolName } }
  package var remoteAddress: Multiaddr { connection.terms.remote }

  /// Notes what was agreed on, where its bytes are counted, and who wants to know the end.
  func agreed(on name: String, traffic: ProtocolTraffic, onEnd: @escaping @Sendable () -> Void) {
    let hasEnded = state.withLock { state in
      state.protocolName = name
      state.traffic = traffic
      if state.isOver { return true }
      state.onEnd = onEnd
      return false
    }
    if hasEnded { onEnd() }
  }

  /// The answer that must come first on a stream whose protocol was taken for granted.
  func expect(_ answer: OptimisticAnswer) { state.withLock { $0.expectedAnswer = answer } }

  // MARK: Reading

  package func read(upTo maximum: Int) async throws(PeerError) -> [UInt8]? {
    try await confirmProtocol()
    return try await take(upTo: maximum)
  }

  package func readExactly(_ count: Int, into bytes: inout [UInt8]) async throws(PeerError) {
    try await confirmProtocol()
    let end = bytes.count + count
    while bytes.count < end {
      guard try await take(upTo: end - bytes.count, into: &bytes) else {
        throw PeerError(.closed, "\(protocolName): the stream ended \(end - bytes.count) bytes too early")
      }
    }
  }

  private func confirmProtocol() async throws(PeerError) {
    guard let answer = state.withLock({ $0.expectedAnswer }) else { return }
    var read: [UInt8] = []
    while read.count < answer.bytes.count {
      guard try await take(upTo: answer.bytes.count - read.count, into: &read) else {
        reset()
        throw PeerError(.unsupported, "the peer ended the stream instead of agreeing on \(answer.name)")
      }
      guard answer.bytes.starts(with: read) else {
        reset()
        throw PeerError(.unsupported, "the peer no longer speaks \(answer.name)")
      }
    }
    state.withLock { $0.expectedAnswer = nil }
  }

  private func take(upTo maximum: Int) async throws(PeerError) -> [UInt8]? {
    var bytes: [UInt8] = []
    return try await take(upTo: maximum, into: &bytes) ? bytes : nil
  }

  /// Waits for bytes and appends at most `maximum`; false at the end.
  private func take(upTo maximum: Int, into bytes: inout [UInt8]) async throws(PeerError) -> Bool {
    while true {
      let before = bytes.count
      let ended = try takeNow(max(1, maximum), &bytes)
      if bytes.count > before { return true }
      if ended { return false }
      await waitForInput()
    }
  }

  /// True where nothing more will come.
  private func takeNow(_ maximum: Int, _ bytes: inout [UInt8]) throws(PeerError) -> Bool {
    var taken = 0
    let (failure, report, ended) = state.withLock { state -> (PeerError?, Int, Bool) in
      while taken < maximum, let first = state.input.first {
        let count = min(first.count, maximum - taken)
        first.withUnsafeBytes { bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0.prefix(count))) }
        if count == first.count {
          state.input.removeFirst()
        } else {
          state.input[state.input.startIndex] = first.dropFirst(count)
        }
        taken += count
      }
      state.inputBytes -= taken
      state.unreported += taken
      // What arrived before a reset by the other side is not handed out: its meaning may depend on what was lost.
      if taken == 0, let failure = state.failure { return (failure, 0, true) }
      var report = 0
      if state.unreported >= Self.reportSize, !state.inputEnded {
        report = state.unreported
        state.unreported = 0
      }
      return (nil, report, taken == 0 && state.inputEnded)
    }
    if let failure { throw failure }
    if taken > 0 { connection.terms.memory.give(taken) }
    if report > 0 { connection.eventLoop.execute { self.connection.consumed(self, report) } }
    return ended
  }

  private func waitForInput() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          precondition(state.reader == nil, "a stream has one reader at a time")
          if !state.input.isEmpty || state.inputEnded || state.failure != nil { return true }
          state.reader = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      abandon(PeerError(.cancelled, "the caller was cancelled"))
    }
  }

  // MARK: Writing

  package func write(_ bytes: [UInt8]) async throws(PeerError) { try await write(pieces: [bytes]) }

  package func write(pieces: [[UInt8]]) async throws(PeerError) {
    try queue(pieces)
    try await waitForRoom()
  }

  package func write(_ bytes: [UInt8], patience: Duration) async throws(PeerError) {
    try queue([bytes])
    let (isFull, deadline) = state.withLock { ($0.outputBytes > Self.writeLimit, $0.deadline) }
    guard isFull else { return }
    setTimeout(patience)
    try await waitForRoom()
    setDeadline(deadline)
  }

  private func queue(_ pieces: [[UInt8]]) throws(PeerError) {
    let pieces = pieces.filter { !$0.isEmpty }
    guard !pieces.isEmpty else { return }
    let (failure, wakes) = state.withLock { state -> (PeerError?, Bool) in
      if let failure = state.failure { return (failure, false) }
      if state.endQueued { return (PeerError(.closed, "\(state.protocolName): closed for writing"), false) }
      state.output.append(contentsOf: pieces)
      state.outputBytes += pieces.reduce(0) { $0 + $1.count }
      defer { state.isScheduled = true }
      return (nil, !state.isScheduled)
    }
    if let failure { throw failure }
    if wakes { wakeConnection() }
  }

  package func closeWrite() async throws(PeerError) {
    let (failure, wakes) = state.withLock { state -> (PeerError?, Bool) in
      if let failure = state.failure { return (failure, false) }
      guard !state.endQueued else { return (nil, false) }
      state.endQueued = true
      defer { state.isScheduled = true }
      return (nil, !state.isScheduled)
    }
    if let failure { throw failure }
    if wakes { wakeConnection() }
  }

  private func waitForRoom() async throws(PeerError) {
    while true {
      let (failure, isFull) = state.withLock { ($0.failure, $0.outputBytes > Self.writeLimit) }
      if let failure { throw failure }
      guard isFull else { return }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isReady = state.withLock { state in
            if state.outputBytes <= Self.writeLimit || state.failure != nil { return true }
            state.writers.append(continuation)
            return false
          }
          if isReady { continuation.resume() }
        }
      } onCancel: {
        abandon(PeerError(.cancelled, "the caller was cancelled"))
      }
    }
  }

  private func wakeConnection() {
    // A task that runs where the connection does hands its bytes over at once.
    if connection.eventLoop.inEventLoop {
      state.withLock { $0.isScheduled = false }
      return connection.outputReady(self)
    }
    connection.eventLoop.execute {
      self.state.withLock { $0.isScheduled = false }
      self.connection.outputReady(self)
    }
  }

  // MARK: Ending

  package func reset() { abandon(PeerError(.reset, "\(protocolName): the stream was reset here")) }

  /// Ends the stream for a reason of this side.
  func abandon(_ reason: PeerError) {
    guard fail(reason) else { return }
    connection.eventLoop.execute { self.connection.resetStream(self) }
  }

  package func setDeadline(_ deadline: ContinuousClock.Instant?) {
    let replaced = state.withLock { state -> Scheduled<Void>? in
      guard !state.isOver else { return nil }
      state.deadline = deadline
      guard let deadline, state.timer.map({ $0.at > deadline }) ?? true else { return nil }
      defer { setTimer(deadline, &state) }
      return state.timer?.scheduled
    }
    replaced?.cancel()
  }

  private func setTimer(_ deadline: ContinuousClock.Instant, _ state: inout State) {
    let wait = TimeAmount(max(.zero, deadline - ContinuousClock.now))
    let scheduled = connection.eventLoop.scheduleTask(in: wait) { [weak self] in
      guard let self else { return }
      timerFired(deadline)
    }
    state.timer = (scheduled, deadline)
  }

  private func timerFired(_ instant: ContinuousClock.Instant) {
    let isDue = state.withLock { state -> Bool in
      // One that another has replaced says nothing.
      guard let timer = state.timer, timer.at == instant else { return false }
      state.timer = nil
      guard let deadline = state.deadline else { return false }
      if deadline <= instant || deadline <= ContinuousClock.now { return true }
      setTimer(deadline, &state)
      return false
    }
    if isDue { abandon(PeerError(.timedOut, "\(protocolName): no answer within the deadline")) }
  }

  /// False where the stream had failed or ended before.
  @discardableResult
  func fail(_ reason: PeerError) -> Bool {
    let (isFirst, freed, wake, onEnd) = state.withLock { state in
      guard !state.isOver else {
        return (false, 0, [CheckedContinuation<Void, Never>](), EndAction?.none)
      }
      state.failure = reason
      let freed = state.inputBytes
      state.input.removeAll()
      state.inputBytes = 0
      state.output.removeAll()
      state.outputBytes = 0
      state.deadline = nil
      return (true, freed, state.takeWaiters(), state.onEnd.take())
    }
    connection.terms.memory.give(freed)
    for waiter in wake { waiter.resume() }
    onEnd?()
    return isFirst
  }

  func connectionEnded(_ reason: PeerError) {
    fail(PeerError(.closed, "the connection ended: \(reason.detail)"))
  }

  // MARK: The connection's side

  /// Takes bytes that arrived.
  ///
  /// - Throws: `.exhausted` where nothing may be held any more.
  func received(_ bytes: Data) throws(PeerError) {
    let count = bytes.count
    guard connection.terms.memory.take(count) else {
      throw PeerError(
        .exhausted,
        "\(connection.terms.memory.limit) bytes from peers wait to be read; the connection of the last is closed")
    }
    let (isTaken, reader) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
      guard state.failure == nil else { return (false, nil) }
      state.input.append(bytes)
      state.inputBytes += count
      state.traffic?.bytesIn.add(UInt64(count), ordering: .relaxed)
      return (true, state.reader.take())
    }
    if !isTaken { connection.terms.memory.give(count) }
    connection.counters.bytesIn.add(UInt64(count), ordering: .relaxed)
    reader?.resume()
  }

  /// The other side has ended.
  func ended() {
    let (reader, onEnd) = state.withLock { state in
      state.inputEnded = true
      return (state.reader.take(), state.isOver ? state.onEnd.take() : nil)
    }
    reader?.resume()
    onEnd?()
  }

  /// Whether both sides have ended.
  var isFinished: Bool { state.withLock { $0.inputEnded && $0.endSent } }

  /// Whether there are bytes or an end to send.
  var hasOutput: Bool { state.withLock { $0.outputBytes > 0 || ($0.endQueued && !$0.endSent) } }

  var queuedBytes: Int { state.withLock { $0.outputBytes } }

  /// Moves `count` bytes, which were queued, to the end of `plain`.
  ///
  /// - Returns: false, and nothing moved, where the stream has failed since and its bytes are gone.
  func takeOutput(_ count: Int, into plain: inout [UInt8]) -> Bool {
    let writers = state.withLock { state -> [CheckedContinuation<Void, Never>]? in
      guard state.failure == nil, state.outputBytes >= count else { return nil }
      var left = count
      while left > 0, let first = state.output.first {
        let part = min(left, first.count - state.outputOffset)
        plain.append(contentsOf: first[state.outputOffset..<(state.outputOffset + part)])
        left -= part
        state.outputOffset += part
        if state.outputOffset == first.count {
          state.output.removeFirst()
          state.outputOffset = 0
        }
      }
      state.outputBytes -= count
      state.traffic?.bytesOut.add(UInt64(count), ordering: .relaxed)
      guard state.outputBytes <= Self.writeLimit else { return [] }
      defer { state.writers.removeAll() }
      return state.writers
    }
    guard let writers else { return false }
    connection.counters.bytesOut.add(UInt64(count), ordering: .relaxed)
    for writer in writers { writer.resume() }
    return true
  }

  /// Whether the end is what is to be sent now.
  func takeEnd() -> Bool {
    let (isDue, onEnd) = state.withLock { state -> (Bool, EndAction?) in
      guard state.endQueued, !state.endSent, state.outputBytes == 0, state.failure == nil else { return (false, nil) }
      state.endSent = true
      return (true, state.isOver ? state.onEnd.take() : nil)
    }
    onEnd?()
    return isDue
  }
}

extension MuxedStream.State {
  /// Nothing more can happen on the stream.
  fileprivate var isOver: Bool { failure != nil || (inputEnded && endSent) }

  fileprivate mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
    var waiters = writers
    writers.removeAll()
    if let reader = reader.take() { waiters.append(reader) }
    return waiters
  }
}
