import Content
import Multiformats
import PeerNetwork
import Synchronization

/// Blocks of peers, for a content store that is opened before there are peers: bitswap is put in once it is up.
final class PeersExchange: BlockExchange {
  private let bitswap = Mutex<Bitswap?>(nil)

  var name: String { "peers" }
  var verifies: Bool { true }
  var width: Int { Bitswap.sessionWidth }

  func session() -> any BlockExchange { bitswap.withLock { $0 }?.session() ?? self }

  func set(_ bitswap: Bitswap) { self.bitswap.withLock { $0 = bitswap } }

  func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    guard let bitswap = bitswap.withLock({ $0 }) else { throw .missing(cid) }
    return try await bitswap.fetch(cid, by: deadline)
  }
}
