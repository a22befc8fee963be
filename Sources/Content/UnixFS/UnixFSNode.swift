package import Multiformats

/// A block read as UnixFS.
package struct UnixFSNode: Sendable {
  package let cid: CID
  /// Nil for a raw block, which is a file's bytes.
  package let node: DagPB?
  package let entry: UnixFSEntry

  /// - Throws: `.wrongKind` for a codec that UnixFS does not use.
  package init(cid: CID, bytes: [UInt8]) throws(ContentError) {
    self.cid = cid
    switch cid.codec {
    case .raw:
      node = nil
      entry = UnixFSEntry(kind: .file, data: bytes, fileSize: UInt64(bytes.count))
    case .dagPB:
      let decoded = try DagPB(decoding: bytes)
      node = decoded
      entry = try UnixFSEntry(decoding: decoded.data ?? [])
    default: throw ContentError(.wrongKind, "\(cid) is \(cid.codec), not UnixFS", cid: cid)
    }
  }

  package static func load(_ cid: CID, from source: any BlockSource) async throws(ContentError) -> UnixFSNode {
    try UnixFSNode(cid: cid, bytes: try await source.bytes(of: cid))
  }

  package var isDirectory: Bool { entry.kind == .directory || entry.kind == .hamtShard }
  package var isFile: Bool { entry.kind == .file || entry.kind == .raw }

  /// Bytes of the file, as its root says.
  package var fileSize: UInt64 {
    entry.fileSize ?? entry.blockSizes.reduce(UInt64(entry.data?.count ?? 0)) { $0 &+ $1 }
  }

  /// The target of a symbolic link.
  package var symlinkTarget: String? {
    entry.kind == .symlink ? String(validating: entry.data ?? [], as: UTF8.self) : nil
  }

  /// Where each child's bytes begin and how many they are.
  ///
  /// - Throws: `.malformed` where links and block sizes do not agree.
  func children(startingAt start: UInt64) throws(ContentError) -> [(cid: CID, range: Range<UInt64>)] {
    let (first, isBeyond) = start.addingReportingOverflow(UInt64(entry.data?.count ?? 0))
    guard !isBeyond else { throw ContentError(.malformed, "file node \(cid): sizes beyond 64 bits", cid: cid) }
    guard let links = node?.links, !links.isEmpty else { return [] }
    guard links.count == entry.blockSizes.count else {
      throw ContentError(
        .malformed, "file node \(cid): \(links.count) links, \(entry.blockSizes.count) sizes", cid: cid)
    }
    var position = first
    var children: [(cid: CID, range: Range<UInt64>)] = []
    for (link, size) in zip(links, entry.blockSizes) {
      let (end, overflows) = position.addingReportingOverflow(size)
      guard !overflows else { throw ContentError(.malformed, "file node \(cid): sizes beyond 64 bits", cid: cid) }
      children.append((link.cid, position..<end))
      position = end
    }
    return children
  }

  /// Hexadecimal digits before a name in a shard's links, and bits of hash per level.
  ///
  /// - Throws: `.malformed` unless the fan-out is a power of two from 8 to 1,024 and the hash is Murmur3.
  func shardLayout() throws(ContentError) -> (prefix: Int, bits: Int) {
    guard let fanout = entry.fanout, (8...1_024).contains(fanout), fanout & (fanout - 1) == 0,
      entry.hashType == DirectoryImport.hashType
    else { throw ContentError(.malformed, "shard \(cid): fan-out or hash function not allowed", cid: cid) }
    return (String(fanout - 1, radix: 16).count, fanout.trailingZeroBitCount)
  }
}

/// One name in a directory as it is read.
package struct DirectoryEntry: Hashable, Sendable {
  package let name: String
  package let cid: CID
  /// Bytes of all blocks below, as the link claims.
  package let cumulativeSize: UInt64?
}

/// Reads directories, flat and sharded.
package enum DirectoryReader {
  /// Shards within shards; a hash of 64 bits has no more to give.
  static let maximumDepth = 22

  /// The names in a directory, in the order of its links.
  ///
  /// - Throws: `.wrongKind` where it is none, `.tooLarge` beyond `limit` names.
  package static func list(
    _ cid: CID, from source: any BlockSource, limit: Int = 1 << 20
  ) async throws(ContentError) -> [DirectoryEntry] {
    var entries: [DirectoryEntry] = []
    var stack: [(cid: CID, depth: Int, isShard: Bool)] = [(cid, 0, false)]
    var nodes = 0
    while let next = stack.popLast() {
      source.expect(stack.suffix(ReadAhead.blocks).reversed().map { $0.cid })
      let node = try await UnixFSNode.load(next.cid, from: source)
      nodes += 1
      guard next.depth <= maximumDepth, nodes <= limit else {
        throw ContentError(.tooLarge, "directory \(cid): shards nest too deep or are too many", cid: cid)
      }
      let links = node.node?.links ?? []
      switch node.entry.kind {
      case .directory where !next.isShard:
        entries += links.map { .init(name: $0.name ?? "", cid: $0.cid, cumulativeSize: $0.tsize) }
      case .hamtShard:
        let prefix = try node.shardLayout().prefix
        var children: [(cid: CID, depth: Int, isShard: Bool)] = []
        for link in links {
          let name = link.name ?? ""
          guard name.utf8.count >= prefix else { throw ContentError(.malformed, "shard \(next.cid): a nameless link") }
          if name.utf8.count == prefix {
            children.append((link.cid, next.depth + 1, true))
          } else {
            let text = String(decoding: name.utf8.dropFirst(prefix), as: UTF8.self)
            entries.append(.init(name: text, cid: link.cid, cumulativeSize: link.tsize))
          }
        }
        stack.append(contentsOf: children.reversed())
      default: throw ContentError(.wrongKind, "\(next.cid) is not a directory", cid: next.cid)
      }
      guard entries.count <= limit else { throw ContentError(.tooLarge, "directory \(cid): more than \(limit) names") }
    }
    return entries
  }

  /// Finds a name. The shards passed on the way are appended to `visited`.
  ///
  /// - Throws: `.notFound`, `.wrongKind`.
  static func find(
    _ name: String, in root: UnixFSNode, from source: any BlockSource, visited: inout [CID]
  ) async throws(ContentError) -> CID {
    let missing = ContentError(.notFound, "no link named \(name.debugDescription) under \(root.cid)", cid: root.cid)
    func link(_ node: UnixFSNode, _ wanted: String) -> CID? {
      node.node?.links.first { ($0.name ?? "").utf8.elementsEqual(wanted.utf8) }?.cid
    }
    guard root.entry.kind == .hamtShard else {
      guard root.entry.kind == .directory else {
        throw ContentError(.wrongKind, "\(root.cid) is not a directory; nothing lies under it", cid: root.cid)
      }
      guard let found = link(root, name) else { throw missing }
      return found
    }
    let hash = Murmur3.hash(Array(name.utf8))
    var node = root
    var used = 0
    while true {
      let (prefix, bits) = try node.shardLayout()
      guard used + bits <= 64 else { throw missing }
      let index = (hash >> UInt64(64 - used - bits)) & (1 << UInt64(bits) - 1)
      used += bits
      let digits = String(index, radix: 16, uppercase: true)
      let key = String(repeating: "0", count: max(0, prefix - digits.count)) + digits
      if let found = link(node, key + name) { return found }
      guard let child = link(node, key) else { throw missing }
      visited.append(child)
      node = try await UnixFSNode.load(child, from: source)
      guard node.entry.kind == .hamtShard else {
        throw ContentError(.malformed, "shard \(child): not a shard", cid: child)
      }
    }
  }
}
