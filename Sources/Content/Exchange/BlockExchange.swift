package import Multiformats

/// Blocks that are on this machine: what peers are served from, and where what comes from them is put.
package protocol LocalBlocks: BlockSource, BlockSink {
  /// Whether the block is here; its bytes are not checked.
  func has(_ cid: CID) -> Bool
  /// Bytes of the block, without reading it; nil where it is not here.
  func size(of cid: CID) -> Int?
}

/// Somewhere else that blocks can be had from: peers, or other gateways.
package protocol BlockExchange: Sendable {
  /// What it is called in explanations, such as `bitswap` or a gateway's URL.
  var name: String { get }

  /// The bytes of a block. Whoever calls checks them against the block's name, and need not be given checked ones.
  ///
  /// - Parameter deadline: when the caller stops waiting. Cancelling the task ends the search, too.
  /// - Throws: `.missing` where it is known not to be had there, `.timedOut` at the deadline, `.storage` where the
  ///   other side fails.
  func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8]

  /// Whether what ``fetch(_:by:)`` gives was checked against the block's name already, and need not be hashed once more.
  var verifies: Bool { get }

  /// Blocks that it makes sense to ask for at one time.
  var width: Int { get }

  /// The same place for the reader of one graph, whose blocks are expected together.
  func session() -> any BlockExchange
}

extension BlockExchange {
  package var verifies: Bool { false }
  package var width: Int { 8 }
  package func session() -> any BlockExchange { self }
}

extension BlockStore: LocalBlocks {}

extension MemoryBlocks: LocalBlocks {
  package func has(_ cid: CID) -> Bool { (try? bytes(of: cid)) != nil }
  package func size(of cid: CID) -> Int? { (try? bytes(of: cid))?.count }
}
