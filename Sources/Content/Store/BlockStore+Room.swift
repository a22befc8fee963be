internal import Multiformats
internal import Synchronization

extension BlockStore {
  /// Says what makes room when a put would go beyond the capacity: it is told how many bytes are wanted. Without it what no
  /// pin reaches is collected.
  package func whenFull(_ make: @escaping @Sendable (UInt64) throws(ContentError) -> Void) {
    roomMaker.withLock { $0 = make }
  }

  /// Whether so many bytes more stay within the capacity.
  package func hasRoom(for bytes: UInt64) -> Bool {
    guard let capacity = options.capacity else { return true }
    let used = state.withLock { $0.fileBytes }
    return used <= capacity && bytes <= capacity - used
  }

  /// Frees what may be freed where `bytes` more would go beyond the capacity. Whether that was enough is for the caller to
  /// see. Where a look was in vain there is none before something has changed: each marks everything that is pinned.
  func makeRoom(for bytes: UInt64) throws(ContentError) {
    if hasRoom(for: bytes) { return }
    let (mark, fruitless) = state.withLock { ($0.roomMark, $0.fruitless) }
    if mark == fruitless { return }
    if let make = roomMaker.withLock({ $0 }) { try make(bytes) } else { _ = try collect(making: bytes) }
    if !hasRoom(for: bytes) { state.withLock { $0.fruitless = mark } }
  }
}

/// What has to change before a look for room can find what another did not.
struct RoomMark: Equatable {
  var pinGeneration: UInt64
  var sessionsBegun: UInt64
  var sessionsOpen: Int
  var appended: UInt64
  var blocks: Int
}

extension BlockStore.State {
  fileprivate var roomMark: RoomMark {
    RoomMark(
      pinGeneration: pins.generation, sessionsBegun: nextSession, sessionsOpen: sessions.count, appended: appended,
      blocks: index.count)
  }
}

extension ContentKeeper {
  /// From now on an add that meets the quota frees what no pin reaches, and gives up what the policy says, before it is
  /// refused.
  ///
  /// - Parameter now: seconds since 1970.
  package func makeRoomForAdds(now: @escaping @Sendable () -> Int64) {
    let (uses, policy, quota) = (uses, policy, quota)
    store.whenFull { [weak store] (bytes) throws(ContentError) in
      guard let store else { return }
      _ = try ContentKeeper(store: store, uses: uses, policy: policy, quota: quota).collect(now: now(), making: bytes)
    }
  }

  /// Refuses an add that cannot fit before anything of it is written.
  ///
  /// - Parameters:
  ///   - expected: bytes of what is to be added, as they lie outside.
  ///   - rehearse: does the add into a sink that keeps nothing: asked only where it may not fit, since parts of it may be
  ///     here already.
  /// - Throws: `.quota`, saying how much is wanted, free and held.
  package func checkRoom(
    for expected: UInt64, now: Int64, rehearse: (any BlockSink) throws(ContentError) -> Void
  ) throws(ContentError) {
    // Headers of records and nodes of the tree come on top.
    let (sum, isTooMuch) = expected.addingReportingOverflow(expected / 64 + 4_096)
    let estimate = isTooMuch ? .max : sum
    if store.hasRoom(for: estimate) { return }
    _ = try store.collect(making: estimate)
    if store.hasRoom(for: estimate) { return }
    let sink = UnstoredBytes(store: store)
    try rehearse(sink)
    let wanted = sink.total
    if store.hasRoom(for: wanted) { return }
    // What is kept while it is worth it goes only where that can be enough.
    let usage = store.usage
    let capacity = usage.capacity ?? 0
    let yielding = decisions(now: now).reduce(UInt64(0)) { $0 + $1.bytes }
    if usage.fileBytes - min(usage.fileBytes, yielding) + wanted <= capacity {
      _ = try collect(now: now, making: wanted)
      if store.hasRoom(for: wanted) { return }
    }
    throw ContentError(
      .quota,
      "this takes \(wanted) bytes more, and of the quota of \(capacity) bytes \(capacity - min(capacity, usage.fileBytes)) "
        + "are free, with at most \(yielding) to be given up; unpin what is not needed, or raise content.quota")
  }
}

/// Counts what a store would have to write, and keeps nothing.
private final class UnstoredBytes: BlockSink {
  private let store: BlockStore
  private let state = Mutex((total: UInt64(0), seen: Set<BlockKey>()))

  init(store: BlockStore) { self.store = store }

  var total: UInt64 { state.withLock { $0.total } }

  func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) {
    if multihash.function == .identity || store.has(CID(codec: .raw, multihash: multihash)) { return }
    let length = UInt64(SegmentRecord.headerLength(multihash) + pieces.reduce(0) { $0 + $1.count })
    let key = BlockKey(multihash)
    state.withLock { state in if state.seen.insert(key).inserted { state.total += length } }
  }
}
