package import Multiformats
internal import Synchronization

/// The blocks of a source that is far away: those that a reader announces are fetched while it still reads others.
///
/// Blocks that lead to others are kept for a while, since readers of several stretches of one file go through them again.
package final class AheadBlocks: BlockSource {
  private typealias Answer = Result<[UInt8], ContentError>

  private struct State {
    var fetches: [Multihash: Task<Answer, Never>] = [:]
    /// Those that were announced, in that order.
    var announced: [Multihash] = []
    var nodes: [Multihash: [UInt8]] = [:]
    var nodeBytes = 0
  }

  /// Announced blocks that are fetched or wait to be read; those that were announced first make room.
  private static let maximumFetches = 32
  /// Bytes of blocks that are kept.
  private static let maximumNodeBytes = 8 << 20

  private let source: any BlockSource
  private let state = Mutex(State())

  package init(_ source: any BlockSource) { self.source = source }

  package func bytes(of cid: CID) async throws(ContentError) -> [UInt8] {
    let (kept, fetch) = state.withLock { state in
      (state.nodes[cid.multihash], state.fetches.removeValue(forKey: cid.multihash))
    }
    if let kept { return kept }
    let bytes: [UInt8]
    if let fetch { bytes = try await fetch.value.get() } else { bytes = try await source.bytes(of: cid) }
    if cid.codec != .raw { keep(bytes, cid) }
    return bytes
  }

  private func keep(_ bytes: [UInt8], _ cid: CID) {
    state.withLock { state in
      if state.nodeBytes + bytes.count > Self.maximumNodeBytes {
        state.nodes = [:]
        state.nodeBytes = 0
      }
      guard state.nodes.updateValue(bytes, forKey: cid.multihash) == nil else { return }
      state.nodeBytes += bytes.count
    }
  }

  /// Begins to fetch. Not structured, because the reader has not asked yet; the source's own deadline ends each.
  package func expect(_ cids: [CID]) {
    state.withLock { state in
      for cid in cids where state.fetches[cid.multihash] == nil && state.nodes[cid.multihash] == nil {
        let source = source
        state.fetches[cid.multihash] = Task { () async -> Answer in
          do throws(ContentError) { return .success(try await source.bytes(of: cid)) } catch { return .failure(error) }
        }
        state.announced.append(cid.multihash)
      }
      while state.fetches.count > Self.maximumFetches, !state.announced.isEmpty {
        state.fetches.removeValue(forKey: state.announced.removeFirst())?.cancel()
      }
      if state.announced.count > 4 * Self.maximumFetches {
        state.announced.removeAll { state.fetches[$0] == nil }
      }
    }
  }
}
