package import Content
package import Multiformats
internal import PeerProtocols
internal import Synchronization

/// Blocks wanted together, which are expected at the same peers.
package final class BitswapSession: BlockExchange {
  private let bitswap: Bitswap
  private let session: BitswapWants.Session

  init(_ bitswap: Bitswap) {
    self.bitswap = bitswap
    self.session = bitswap.state.withLock { $0.wants.beginSession() }
  }

  deinit { bitswap.perform(bitswap.state.withLock { $0.wants.endSession(session) }) }

  package var name: String { "bitswap" }
  package var verifies: Bool { true }
  package var width: Int { Bitswap.sessionWidth }

  package func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    try await bitswap.fetch(cid, session: session, by: deadline).bytes
  }
}

extension Bitswap: BlockExchange {
  /// Blocks that one reader may ask for at a time.
  package static let sessionWidth = 512

  package var name: String { "bitswap" }
  package var verifies: Bool { true }
  package var width: Int { Self.sessionWidth }

  /// A session of its own for a reader of one graph.
  package func session() -> any BlockExchange { BitswapSession(self) }

  /// For those without a session of their own: all of them share one.
  package func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    let session = state.withLock { state in
      let session = state.shared ?? state.wants.beginSession()
      state.shared = session
      return session
    }
    return try await fetch(cid, session: session, by: deadline).bytes
  }

  /// Waits for a block from any peer. Its bytes hash to its name.
  func fetch(
    _ cid: CID, session: BitswapWants.Session, by deadline: ContinuousClock.Instant
  ) async throws(ContentError) -> Block {
    let number = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    // The alarm ends with the wait: it is cancelled below.
    let alarm = Task {
      try await Task.sleep(until: deadline, clock: .continuous)
      self.giveUp(number, cid, session, PeerError(.timedOut, "no peer sent block \(cid) in time"))
    }
    defer { alarm.cancel() }
    let result: Result<Block, PeerError> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        begin(number, cid, session, continuation)
        // An alarm or a cancellation that came before the waiter was there did not find it.
        if Task.isCancelled {
          giveUp(number, cid, session, PeerError(.cancelled, "the search for block \(cid) was cancelled"))
        } else if deadline <= .now {
          giveUp(number, cid, session, PeerError(.timedOut, "no peer sent block \(cid) in time"))
        }
      }
    } onCancel: {
      giveUp(number, cid, session, PeerError(.cancelled, "the search for block \(cid) was cancelled"))
    }
    switch result {
    case .success(let block): return block
    case .failure(let error):
      throw ContentError(error.code == .exhausted ? .busy : .timedOut, error.detail, cid: cid)
    }
  }

  private func begin(
    _ number: Int, _ cid: CID, _ session: BitswapWants.Session,
    _ continuation: CheckedContinuation<Result<Block, PeerError>, Never>
  ) {
    // A task that was cancelled before it got here asks nobody.
    if Task.isCancelled {
      continuation.resume(returning: .failure(PeerError(.cancelled, "the search for block \(cid) was cancelled")))
      return
    }
    let result = state.withLock { state -> Result<BitswapWants.Actions, PeerError> in
      do throws(PeerError) {
        let actions = try state.wants.want(cid, session: session, now: .now)
        state.waiters[cid.multihash, default: [:]][number] = Waiter(session: session, continuation: continuation)
        return .success(actions)
      } catch { return .failure(error) }
    }
    switch result {
    case .success(let actions): perform(actions)
    case .failure(let error): continuation.resume(returning: .failure(error))
    }
  }

  private func giveUp(_ number: Int, _ cid: CID, _ session: BitswapWants.Session, _ error: PeerError) {
    let (waiter, actions) = state.withLock { state -> (Waiter?, BitswapWants.Actions) in
      guard let waiter = state.waiters[cid.multihash]?.removeValue(forKey: number) else { return (nil, .init()) }
      let left = state.waiters[cid.multihash] ?? [:]
      if left.isEmpty { state.waiters[cid.multihash] = nil }
      let isLast = !left.values.contains { $0.session == session }
      return (waiter, isLast ? state.wants.cancel(cid, session: session) : .init())
    }
    perform(actions)
    waiter?.continuation.resume(returning: .failure(error))
  }
}
