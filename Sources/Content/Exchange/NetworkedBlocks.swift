package import Multiformats
internal import Synchronization

/// This machine's blocks first, and those of exchanges for what is not here.
///
/// All exchanges are asked at once; the first bytes that hash to the block's name win, are put here, and end the others'
/// search. Several who want the same block share one search.
package final class NetworkedBlocks: BlockSource {
  /// Blocks that may be searched for at a time.
  package static let maximumWants = 1_024

  private let local: any LocalBlocks
  private let exchanges: Mutex<[any BlockExchange]>
  private let patience: Duration
  private let searches = Mutex<[Multihash: Task<Result<[UInt8], ContentError>, Never>]>([:])

  /// - Parameter patience: how long one block is searched for.
  package init(_ local: any LocalBlocks, exchanges: [any BlockExchange] = [], patience: Duration = .seconds(20)) {
    self.local = local
    self.exchanges = Mutex(exchanges)
    self.patience = patience
  }

  /// Adds a way to find blocks, such as bitswap once the node has peers.
  package func add(_ exchange: any BlockExchange) { exchanges.withLock { $0.append(exchange) } }

  /// What is being searched for, for exchanges that announce wants.
  package var wants: [Multihash] { searches.withLock { Array($0.keys) } }

  /// The blocks of this machine alone.
  package var here: any LocalBlocks { local }

  package func bytes(of cid: CID) async throws(ContentError) -> [UInt8] {
    do throws(ContentError) {
      return try await local.bytes(of: cid)
    } catch {
      guard error.code == .missing || error.code == .corrupt else { throw error }
      let exchanges = exchanges.withLock { $0 }
      guard !exchanges.isEmpty else { throw error }
      return try await search(cid, exchanges).value.get()
    }
  }

  /// Begins to search for what is not here, while less than half of the searches that may run do so.
  package func expect(_ cids: [CID]) {
    let exchanges = exchanges.withLock { $0 }
    guard !exchanges.isEmpty else { return }
    for cid in cids where cid.multihash.function != .identity && !local.has(cid) {
      guard searches.withLock({ $0.count }) < Self.maximumWants / 2 else { return }
      _ = try? search(cid, exchanges)
    }
  }

  /// Not structured, because several tasks wait for it and none of them may end it for the others; its deadline does.
  private func search(
    _ cid: CID, _ exchanges: [any BlockExchange]
  ) throws(ContentError) -> Task<Result<[UInt8], ContentError>, Never> {
    let result: Result<Task<Result<[UInt8], ContentError>, Never>, ContentError> = searches.withLock { searches in
      if let running = searches[cid.multihash] { return .success(running) }
      guard searches.count < Self.maximumWants else {
        return .failure(
          ContentError(.busy, "\(Self.maximumWants) blocks are being searched for; try again in a moment"))
      }
      let task = Task { [weak self, patience] in
        let found = await Self.race(cid, exchanges, by: .now + patience)
        guard let self else { return found }
        defer { self.searches.withLock { $0[cid.multihash] = nil } }
        if case .success(let bytes) = found { try? self.local.put(Block(unchecked: bytes, cid: cid)) }
        return found
      }
      searches[cid.multihash] = task
      return .success(task)
    }
    return try result.get()
  }

  private static func race(
    _ cid: CID, _ exchanges: [any BlockExchange], by deadline: ContinuousClock.Instant
  ) async -> Result<[UInt8], ContentError> {
    await withTaskGroup(of: Result<[UInt8], ContentError>.self) { group in
      for exchange in exchanges {
        group.addTask {
          do throws(ContentError) {
            let bytes = try await exchange.fetch(cid, by: deadline)
            guard try exchange.verifies ? true : Digest.matches(cid.multihash, bytes) else {
              return .failure(
                ContentError(.corrupt, "\(exchange.name) sent bytes that are not block \(cid); refused", cid: cid))
            }
            return .success(bytes)
          } catch {
            return .failure(error)
          }
        }
      }
      group.addTask {
        try? await Task.sleep(until: deadline, clock: .continuous)
        return .failure(
          ContentError(.timedOut, "block \(cid) was found nowhere in time; try again later", cid: cid))
      }
      var last = ContentError.missing(cid)
      var waiting = exchanges.count
      while let result = await group.next() {
        switch result {
        case .success:
          group.cancelAll()
          return result
        case .failure(let error):
          waiting -= error.code == .timedOut ? 0 : 1
          if error.code != .missing { last = error }
          if error.code == .timedOut || waiting == 0 {
            group.cancelAll()
            return .failure(last)
          }
        }
      }
      return .failure(last)
    }
  }
}
