package import Multiformats

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Archives between files and stores. Every call blocks its thread.
package enum CARTransfer {
  /// What an import brought.
  package struct Imported: Hashable, Sendable {
    package var roots: [CID] = []
    package var blocks = 0
    package var bytes: UInt64 = 0
  }

  /// Puts every block that `read` gives into `sink`, each checked against its name.
  package static func importing(
    to sink: any BlockSink, read: (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  ) throws(ContentError) -> Imported {
    var parser = CARParser()
    var report = Imported()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try read(buffer)
      if count == 0 { break }
      for block in try parser.feed(buffer[..<count]) {
        try sink.put(block)
        report.blocks += 1
        report.bytes += UInt64(block.bytes.count)
      }
    }
    try parser.finish()
    report.roots = parser.roots ?? []
    return report
  }

  /// Puts the blocks of the archive at `path` into `sink`.
  package static func importing(path: String, to sink: any BlockSink) throws(ContentError) -> Imported {
    let handle = try FileHandle(opening: path, flags: O_RDONLY)
    return try importing(to: sink) { (buffer) throws(ContentError) in try handle.read(into: buffer, path: path) }
  }

  /// Writes the whole DAG under `root` as an archive, parents before children, each block once.
  package static func exporting(
    _ root: CID, from source: any BlockSource, write: ([UInt8]) async throws(ContentError) -> Void
  ) async throws(ContentError) {
    try await write(CARWriter.header(roots: [root]))
    var seen: Set<BlockKey> = [BlockKey(root.multihash)]
    var stack = [root]
    while let cid = stack.popLast() {
      source.expect(stack.suffix(ReadAhead.blocks).reversed())
      let bytes = try await source.bytes(of: cid)
      if cid.multihash.function != .identity { try await write(CARWriter.section(cid, bytes)) }
      for child in try Codec.links(of: bytes, codec: cid.codec).reversed()
      where seen.insert(BlockKey(child.multihash)).inserted { stack.append(child) }
    }
  }
}
