package import Multiformats

/// What a path through content leads to, in figures.
package struct ContentStat: Hashable, Sendable {
  /// The kinds of things that lie at a path.
  package enum Kind: String, Hashable, Sendable {
    case file
    case directory
    /// A directory in shards.
    case shardedDirectory = "sharded directory"
    case symlink
    /// DAG-CBOR, DAG-JSON and their plain kin.
    case data
    case unknown
  }

  package var cid: CID
  package var kind: Kind
  /// Bytes of the file; of a directory or of data, bytes of its block.
  package var size: UInt64
  /// Bytes of all blocks below, as the links claim, this one's included.
  package var cumulativeSize: UInt64
  /// Links of the block itself.
  package var links: Int
  package var mode: UInt32?
  package var mtime: UnixFSEntry.Time?
  /// Where a symbolic link points.
  package var target: String?

  /// Looks at one block.
  package static func of(_ cid: CID, from source: any BlockSource) async throws(ContentError) -> ContentStat {
    let bytes = try await source.bytes(of: cid)
    let own = UInt64(bytes.count)
    guard cid.codec == .raw || cid.codec == .dagPB else {
      let links = (try? Codec.links(of: bytes, codec: cid.codec)) ?? []
      let isData = [.dagCBOR, .dagJSON, .cbor, .json].contains(cid.codec)
      return ContentStat(
        cid: cid, kind: isData ? .data : .unknown, size: own, cumulativeSize: own, links: links.count)
    }
    let node = try UnixFSNode(cid: cid, bytes: bytes)
    let links = node.node?.links ?? []
    let kind: Kind =
      switch node.entry.kind {
      case .file, .raw: .file
      case .directory: .directory
      case .hamtShard: .shardedDirectory
      case .symlink: .symlink
      case .metadata: .unknown
      }
    return ContentStat(
      cid: cid, kind: kind, size: kind == .file ? node.fileSize : own,
      cumulativeSize: links.reduce(own) { $0 &+ ($1.tsize ?? 0) }, links: links.count, mode: node.entry.mode,
      mtime: node.entry.mtime, target: node.symlinkTarget)
  }
}
