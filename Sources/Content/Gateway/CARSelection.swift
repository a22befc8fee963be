package import Multiformats

/// What of a DAG an archive shall hold (https://specs.ipfs.tech/http-gateways/trustless-gateway/).
package struct CARSelection: Hashable, Sendable {
  /// `dag-scope`.
  package enum Scope: String, Hashable, Sendable {
    /// The last block of the path.
    case block
    /// The file, the directory's own blocks, or the block.
    case entity
    /// Everything below.
    case all
  }

  /// `entity-bytes`: offsets of first and last byte; negative ones count from the end.
  package struct ByteRange: Hashable, Sendable {
    package let from: Int64
    /// Nil for `*`, the end.
    package let to: Int64?

    package init(from: Int64, to: Int64?) {
      self.from = from
      self.to = to
    }

    /// Reads `from:to`; nil where it is malformed.
    package init?(_ text: some StringProtocol) {
      let parts = text.split(separator: ":" as Character, omittingEmptySubsequences: false)
      guard parts.count == 2, let from = Int64(parts[0]) else { return nil }
      let to = Int64(parts[1])
      guard to != nil || parts[1] == "*" else { return nil }
      if let to, (from >= 0) == (to >= 0), to < from { return nil }
      self.init(from: from, to: to)
    }

    /// The offsets in a file of `size` bytes; empty where none of it lies there.
    package func offsets(in size: UInt64) -> Range<UInt64> {
      let end = Int64(clamping: size)
      let first = max(0, from < 0 ? end &+ max(from, -end) : from)
      let last = to.map { $0 < 0 ? end &+ max($0, -end - 1) : min($0, end - 1) } ?? end - 1
      return last < first ? 0..<0 : UInt64(first)..<UInt64(last + 1)
    }
  }

  package var scope: Scope
  package var entityBytes: ByteRange?
  /// `dups`: whether a block that is met again is sent again.
  package var duplicates: Bool

  package init(scope: Scope = .all, entityBytes: ByteRange? = nil, duplicates: Bool = false) {
    self.scope = scope
    self.entityBytes = entityBytes
    self.duplicates = duplicates
  }
}

/// An archive of the blocks that prove and hold a path's content, in depth-first order, as pieces of bytes: the header,
/// then one section each. A block that is missing midway ends it with an error, so that the reader sees a cut archive.
package struct CARResponse: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = ContentError

  /// The most blocks in one answer.
  package static let maximumBlocks = 1 << 24

  private let path: ResolvedPath
  private let root: CID
  private let selection: CARSelection
  private let source: any BlockSource

  /// Resolves the path first, so that faults of the path are told before any byte is sent.
  package init(
    _ root: CID, segments: [String], selection: CARSelection, from source: any BlockSource
  ) async throws(ContentError) {
    self.root = root
    self.path = try await PathResolver.resolve(root, segments, from: source)
    _ = try await source.bytes(of: path.cid)
    self.selection = selection
    self.source = source
  }

  /// The block at the path's end, for headers.
  package var terminal: CID { path.cid }

  package func makeAsyncIterator() -> Iterator { Iterator(self) }

  package struct Iterator: AsyncIteratorProtocol {
    private enum Reach {
      case alone
      case everything
      case file(start: UInt64, range: Range<UInt64>, depth: Int)
      case shard(depth: Int)
      case entity
    }

    private let response: CARResponse
    private var stack: [(cid: CID, reach: Reach)]
    private var seen: Set<BlockKey> = []
    private var sent = 0
    private var begun = false

    fileprivate init(_ response: CARResponse) {
      self.response = response
      let last: Reach =
        switch response.selection.scope {
        case .block: .alone
        case .entity: .entity
        case .all: .everything
        }
      stack = response.path.blocks.dropLast().map { ($0, .alone) } + [(response.path.cid, last)]
      stack.reverse()
    }

    package mutating func next() async throws(ContentError) -> [UInt8]? { try await next(isolation: nil) }

    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ContentError) -> [UInt8]? {
      if !begun {
        begun = true
        return try CARWriter.header(roots: [response.root])
      }
      while let (cid, reach) = stack.popLast() {
        let isNew = seen.insert(BlockKey(cid.multihash)).inserted
        // Met before on the path alone, the last block still has to be gone into.
        if !isNew, !response.selection.duplicates, case .everything = reach, cid != response.path.cid { continue }
        let bytes = try await response.source.bytes(of: cid)
        try push(cid, bytes, reach)
        guard isNew || response.selection.duplicates, cid.multihash.function != .identity else { continue }
        sent += 1
        guard sent <= CARResponse.maximumBlocks else {
          throw ContentError(.tooLarge, "archive of \(response.root): more than \(CARResponse.maximumBlocks) blocks")
        }
        return CARWriter.section(cid, bytes)
      }
      return nil
    }

    private mutating func push(_ cid: CID, _ bytes: [UInt8], _ reach: Reach) throws(ContentError) {
      switch reach {
      case .alone: return
      case .everything:
        for link in try Codec.links(of: bytes, codec: cid.codec).reversed() { stack.append((link, .everything)) }
      case .entity:
        guard cid.codec == .dagPB, let node = try? UnixFSNode(cid: cid, bytes: bytes) else { return }
        if node.isFile {
          let range = response.selection.entityBytes?.offsets(in: node.fileSize) ?? 0..<UInt64.max
          try push(cid, bytes, .file(start: 0, range: range, depth: 0))
        } else if node.entry.kind == .hamtShard {
          try push(cid, bytes, .shard(depth: 0))
        }
      case .file(let start, let range, let depth):
        guard cid.codec != .raw else { return }
        guard depth <= FileBytes.maximumDepth else {
          throw ContentError(.tooLarge, "file node \(cid): too deep", cid: cid)
        }
        for child in try UnixFSNode(cid: cid, bytes: bytes).children(startingAt: start).reversed()
        where !child.range.isEmpty && child.range.overlaps(range) {
          stack.append((child.cid, .file(start: child.range.lowerBound, range: range, depth: depth + 1)))
        }
      case .shard(let depth):
        guard depth <= DirectoryReader.maximumDepth else {
          throw ContentError(.tooLarge, "shard \(cid): too deep", cid: cid)
        }
        let node = try UnixFSNode(cid: cid, bytes: bytes)
        let prefix = try node.shardLayout().prefix
        for link in (node.node?.links ?? []).reversed() where (link.name ?? "").utf8.count == prefix {
          stack.append((link.cid, .shard(depth: depth + 1)))
        }
      }
    }
  }
}
