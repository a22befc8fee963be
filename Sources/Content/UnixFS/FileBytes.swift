package import Multiformats

/// The bytes of a file, or a range of them, block by block; only the blocks that hold the range are fetched. What comes next
/// is announced to the source, so that one far away is not waited for block after block.
package struct FileBytes: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = ContentError

  /// Nodes above each other. A file of 2^64 bytes with two links a node stays below it.
  package static let maximumDepth = 64

  private let root: CID
  private let range: Range<UInt64>?
  private let source: any BlockSource

  /// - Parameter range: offsets of bytes; nil for the whole file. What lies beyond the file's end is left out.
  package init(_ root: CID, range: Range<UInt64>? = nil, from source: any BlockSource) {
    self.root = root
    self.range = range
    self.source = source
  }

  package func makeAsyncIterator() -> Iterator {
    Iterator(stack: [.init(cid: root, start: 0, size: nil, depth: 0)], range: range ?? 0..<UInt64.max, source: source)
  }

  /// Everything at once, for small files.
  ///
  /// - Throws: `.tooLarge` beyond `limit` bytes.
  package func collected(limit: Int = 64 << 20) async throws(ContentError) -> [UInt8] {
    var bytes: [UInt8] = []
    var iterator = makeAsyncIterator()
    while let piece = try await iterator.next(isolation: nil) {
      bytes += piece
      guard bytes.count <= limit else { throw ContentError(.tooLarge, "file \(root): more than \(limit) bytes") }
    }
    return bytes
  }

  package struct Iterator: AsyncIteratorProtocol {
    fileprivate struct Pending {
      let cid: CID
      let start: UInt64
      let size: UInt64?
      let depth: Int
      var isExpected = false
    }

    fileprivate var stack: [Pending]
    fileprivate let range: Range<UInt64>
    fileprivate let source: any BlockSource

    package mutating func next() async throws(ContentError) -> [UInt8]? { try await next(isolation: nil) }

    private mutating func announce() {
      var expected: [CID] = []
      for index in stack.indices.suffix(ReadAhead.blocks).reversed() where !stack[index].isExpected {
        stack[index].isExpected = true
        expected.append(stack[index].cid)
      }
      if !expected.isEmpty { source.expect(expected) }
    }

    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ContentError) -> [UInt8]? {
      while let item = stack.popLast() {
        guard item.depth <= FileBytes.maximumDepth else {
          throw ContentError(.tooLarge, "file node \(item.cid): deeper than \(FileBytes.maximumDepth)", cid: item.cid)
        }
        announce()
        let node = try UnixFSNode(cid: item.cid, bytes: try await source.bytes(of: item.cid))
        guard node.isFile else { throw ContentError(.wrongKind, "\(item.cid) is not a file", cid: item.cid) }
        let children = try node.children(startingAt: item.start)
        let data = node.entry.data ?? []
        let actual = children.last.map { $0.range.upperBound - item.start } ?? UInt64(data.count)
        if let size = item.size, size != actual {
          throw ContentError(
            .malformed, "file node \(item.cid): \(size) bytes announced, \(actual) found", cid: item.cid)
        }
        // An empty child adds nothing and is not fetched, so that a wide node of them costs nothing.
        for child in children.reversed() where !child.range.isEmpty && child.range.overlaps(range) {
          stack.append(
            .init(
              cid: child.cid, start: child.range.lowerBound, size: child.range.upperBound - child.range.lowerBound,
              depth: item.depth + 1))
        }
        let span = item.start..<(item.start + UInt64(data.count))
        let wanted = span.clamped(to: range)
        if !wanted.isEmpty {
          return wanted == span
            ? data : Array(data[Int(wanted.lowerBound - item.start)..<Int(wanted.upperBound - item.start)])
        }
      }
      return nil
    }
  }
}
