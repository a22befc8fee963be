package import Multiformats

/// Where blocks are read from: a store on this machine, a CAR file, or peers.
package protocol BlockSource: Sendable {
  /// The verified bytes of a block.
  ///
  /// - Throws: `.missing` where it cannot be had, `.corrupt` where what is there does not hash to its name.
  func bytes(of cid: CID) async throws(ContentError) -> [UInt8]

  /// Told which blocks are likely to be asked for soon, the next one first, so that a source that must fetch them can begin.
  /// Returns at once; most sources have nothing to do.
  func expect(_ cids: [CID])
}

extension BlockSource {
  package func expect(_ cids: [CID]) {}
}

/// How far readers look ahead.
enum ReadAhead {
  /// Blocks that are announced before they are read.
  static let blocks = 8
}

/// Where blocks are written to. Every call is safe from any thread.
package protocol BlockSink: Sendable {
  /// Takes a block whose bytes are `pieces` one after the other; the caller vouches that they hash to `multihash`.
  func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) throws(ContentError)
}

extension BlockSink {
  package func put(_ block: Block) throws(ContentError) {
    let result = block.bytes.withUnsafeBytes { bytes in
      Result { () throws(ContentError) in try put(block.cid.multihash, [bytes]) }
    }
    try result.get()
  }
}

/// Forgets what it is given: for `--only-hash`.
package struct DiscardingSink: BlockSink {
  package init() {}
  package func put(_ multihash: Multihash, _ pieces: [UnsafeRawBufferPointer]) {}
}
