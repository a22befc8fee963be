internal import Content
internal import Logging
internal import Multiformats
internal import PeerProtocols
internal import Synchronization

/// Sends one peer what is for it: wants, presences and blocks, several in a message, over one stream that is kept.
///
/// A task runs while there is something to send, and ends when there is nothing.
final class PeerSender: Sendable {
  /// Entries and presences that wait; a peer that lets more gather is not reading, and they are dropped.
  private static let maximumQueued = 65_536
  private static let attempts = 3
  private static let idleTime = Duration.seconds(5)

  private struct State {
    var entries: [CID: BitswapMessage.Entry] = [:]
    var order: [CID] = []
    var presences: [BitswapMessage.Presence] = []
    var isRunning = false
    var isStopped = false
    /// Kept between messages, so that each need not agree on a protocol anew.
    var stream: (any PeerStream)?
    var lastUse = ContinuousClock.now
  }

  private let peer: PeerID
  private unowned let bitswap: Bitswap
  private let state = Mutex(State())

  init(peer: PeerID, bitswap: Bitswap) {
    self.peer = peer
    self.bitswap = bitswap
  }

  func add(entries: [BitswapMessage.Entry]) {
    state.withLock { state in
      for entry in entries {
        if let known = state.entries[entry.cid] {
          // A want and its cancel that wait together come to the later of the two.
          if !(entry.wantsHave && !known.wantsHave && !known.isCancel) { state.entries[entry.cid] = entry }
        } else if state.order.count < Self.maximumQueued {
          state.entries[entry.cid] = entry
          state.order.append(entry.cid)
        }
      }
    }
    wake()
  }

  func add(presences: [BitswapMessage.Presence]) {
    state.withLock { state in
      state.presences += presences.prefix(max(0, Self.maximumQueued - state.presences.count))
    }
    wake()
  }

  func stop() {
    let stream = state.withLock { state in
      state.isStopped = true
      return state.stream.take()
    }
    stream?.reset()
  }

  /// Closes the stream where nothing was sent for a while.
  func closeIfIdle(now: ContinuousClock.Instant) {
    let idle = state.withLock { state -> (any PeerStream)? in
      guard !state.isRunning, now - state.lastUse > Self.idleTime else { return nil }
      return state.stream.take()
    }
    guard let idle else { return }
    // The other side may still answer on it; its reader ends with the stream.
    Task { try? await idle.closeWrite() }
  }

  /// Starts the task where it does not run.
  func wake() {
    let starts = state.withLock { state in
      guard !state.isRunning, !state.isStopped else { return false }
      state.isRunning = true
      return true
    }
    guard starts else { return }
    let bitswap = bitswap
    // One at a time for each peer; every send in it has a deadline.
    Task { await self.work(bitswap) }
  }

  private func work(_ bitswap: Bitswap) async {
    var failures = 0
    while failures < Self.attempts, let message = await next(bitswap) {
      var isSent = false
      while !isSent, failures < Self.attempts {
        do throws(PeerError) {
          let stream = try await openStream(bitswap)
          stream.setTimeout(bitswap.options.sendTime)
          try await stream.write(pieces: message)
          stream.setDeadline(nil)
          isSent = true
          failures = 0
        } catch {
          state.withLock { $0.stream.take() }?.reset()
          failures += 1
          bitswap.logger.debug("bitswap: sending failed", metadata: ["peer": "\(peer)", "reason": "\(error.detail)"])
          if state.withLock({ $0.isStopped }) { failures = Self.attempts }
        }
      }
    }
    let isHopeless = failures >= Self.attempts
    let wasLeft = state.withLock { state in
      state.isRunning = false
      state.lastUse = .now
      if isHopeless {
        state.entries = [:]
        state.order = []
        state.presences = []
      }
      return !state.order.isEmpty || !state.presences.isEmpty
    }
    // Something may have been added between the last look and the end.
    if wasLeft || (!isHopeless && bitswap.state.withLock { $0.ledgers.hasWork(for: peer) }) { wake() }
  }

  private func openStream(_ bitswap: Bitswap) async throws(PeerError) -> any PeerStream {
    if let stream = state.withLock({ $0.stream }) { return stream }
    let stream = try await bitswap.host.openStream(
      to: peer, protocols: BitswapMessage.protocolNames, deadline: .now + .seconds(15))
    state.withLock { $0.stream = stream }
    // Some answer on the stream that they were asked on; the reader ends with the stream.
    Task {
      do throws(PeerError) { try await bitswap.receive(stream) } catch { stream.reset() }
      self.state.withLock { if $0.stream === stream { $0.stream = nil } }
    }
    return stream
  }

  /// The next message in pieces, its length first; nil where there is nothing to send.
  private func next(_ bitswap: Bitswap) async -> [[UInt8]]? {
    while true {
      var head = BitswapMessage()
      state.withLock { state in
        guard !state.isStopped else { return }
        let count = min(state.order.count, 4_096)
        head.entries = state.order.prefix(count).compactMap { state.entries.removeValue(forKey: $0) }
        state.order.removeFirst(count)
        let told = min(state.presences.count, 4_096)
        head.presences = Array(state.presences.prefix(told))
        state.presences.removeFirst(told)
      }
      let hasBlocks = bitswap.state.withLock { $0.ledgers.hasWork(for: peer) } && !state.withLock { $0.isStopped }
      guard hasBlocks || !head.isEmpty else { return nil }
      var pieces = [head.bytes]
      if hasBlocks {
        await bitswap.serving.enter(peer)
        await bitswap.fill(&pieces, for: peer)
        bitswap.serving.leave { waiting in bitswap.state.withLock { $0.ledgers.first(of: waiting) } }
      }
      let size = pieces.reduce(0) { $0 + $1.count }
      // Blocks that have gone since leave nothing to say.
      if size > 0 { return [Varint.encode(UInt64(size))] + pieces }
    }
  }
}

extension Bitswap {
  /// Appends blocks that the peer wants, up to a message's size, each behind what stands in front of it.
  func fill(_ pieces: inout [[UInt8]], for peer: PeerID) async {
    var size = 0
    while size < options.messageSize, let cid = state.withLock({ $0.ledgers.next(for: peer) }) {
      // A block that has gone since it was asked for is not sent; its want is asked anew.
      guard let bytes = try? await blocks.bytes(of: cid), bytes.count <= BitswapMessage.maximumBlockSize else {
        continue
      }
      pieces.append(BitswapMessage.head(of: cid, count: bytes.count))
      pieces.append(bytes)
      size += bytes.count
      state.withLock { $0.ledgers.sent(bytes.count, to: peer) }
    }
  }
}
