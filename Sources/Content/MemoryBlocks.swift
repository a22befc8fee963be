package import Multiformats
internal import Synchronization

/// Blocks held in memory, for tests and small exchanges.
package final class MemoryBlocks: BlockSource, BlockSink {
  private let blocks = Mutex<[Multihash: [UInt8]]>([:])

  package init() {}

  package func bytes(of cid: CID) throws(ContentError) -> [UInt8] {
    if cid.multihash.function == .identity { return cid.multihash.digest }
    guard let bytes = blocks.withLock({ $0[cid.multihash] }) else { throw .missing(cid) }
    return bytes
  }

  package func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) {
    var bytes: [UInt8] = []
    for piece in pieces { bytes.append(contentsOf: piece) }
    blocks.withLock { $0[multihash] = bytes }
  }

  package func remove(_ cid: CID) { blocks.withLock { $0[cid.multihash] = nil } }

  package var count: Int { blocks.withLock { $0.count } }
}
