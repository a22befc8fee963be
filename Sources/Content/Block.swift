package import Multiformats

/// Bytes with the name that they hash to.
package struct Block: Hashable, Sendable {
  /// The most bytes accepted in one block, as Bitswap sets it: 2 MiB.
  package static let maximumSize = 2 << 20

  package let cid: CID
  package let bytes: [UInt8]

  /// A block that the caller has verified or made.
  package init(unchecked bytes: [UInt8], cid: CID) {
    self.cid = cid
    self.bytes = bytes
  }

  /// A block of bytes that came from elsewhere.
  ///
  /// - Throws: `.corrupt` where they do not hash to `cid`, `.unsupported` for an unknown hash function.
  package init(verifying bytes: [UInt8], cid: CID) throws(ContentError) {
    guard try Digest.matches(cid.multihash, bytes) else { throw .corrupt(cid) }
    self.init(unchecked: bytes, cid: cid)
  }

  /// A new block: hashes the bytes.
  package init(
    _ bytes: [UInt8], codec: Multicodec, version: CID.Version = .v1, function: Multihash.Function = .sha256
  ) throws(ContentError) {
    let multihash = try Digest.multihash(of: bytes, function)
    self.cid = try parsing { () throws(MultiformatError) in
      try CID(version: version, codec: codec, multihash: multihash)
    }
    self.bytes = bytes
  }
}
