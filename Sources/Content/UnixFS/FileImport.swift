internal import Dispatch
internal import Multiformats
internal import Synchronization

/// Turns a stream of bytes into the DAG of a file: one thread reads while the others hash and write.
package enum FileImport {
  /// Adds the bytes that `read` gives until it gives none.
  ///
  /// Blocks the calling thread. Memory is one buffer of a mebibyte or two a worker, whatever the size.
  ///
  /// - Parameters:
  ///   - workers: threads that hash, 1 to 16.
  ///   - metadata: mode and mtime for the root node.
  ///   - progress: told the bytes of each batch, from any worker.
  package static func add(
    profile: ImportProfile, to sink: any BlockSink, workers: Int = 2, metadata: UnixFSEntry? = nil,
    progress: @escaping @Sendable (Int) -> Void = { _ in },
    read: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  ) throws(ContentError) -> AddedEntry {
    let pipeline = Pipeline(profile: profile, sink: sink, metadata: metadata, progress: progress, read: read)
    let count = max(1, min(workers, 16))
    if count == 1 {
      pipeline.work()
    } else {
      DispatchQueue.concurrentPerform(iterations: count) { _ in pipeline.work() }
    }
    return try pipeline.finish()
  }

  private final class Pipeline: Sendable {
    private struct Assembly {
      var tree: FileTree
      var waiting: [Int: [FileTree.Leaf]] = [:]
      var next = 0
      var fault: ContentError?
    }

    private let profile: ImportProfile
    private let sink: any BlockSink
    private let metadata: UnixFSEntry?
    private let progress: @Sendable (Int) -> Void
    private let reader: Mutex<ChunkReader>
    private let assembly: Mutex<Assembly>

    init(
      profile: ImportProfile, sink: any BlockSink, metadata: UnixFSEntry?, progress: @escaping @Sendable (Int) -> Void,
      read: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
    ) {
      self.profile = profile
      self.sink = sink
      self.metadata = metadata
      self.progress = progress
      self.reader = Mutex(ChunkReader(chunking: profile.chunking, read: read))
      self.assembly = Mutex(Assembly(tree: FileTree(profile: profile, sink: sink)))
    }

    func work() {
      let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: ChunkReader.bufferSize(for: profile.chunking), alignment: 64)
      defer { buffer.deallocate() }
      do throws(ContentError) {
        while assembly.withLock({ $0.fault == nil }) {
          guard let batch = try nextBatch(buffer) else { return }
          var leaves: [FileTree.Leaf] = []
          var start = 0
          for end in batch.ends {
            leaves.append(try leaf(UnsafeRawBufferPointer(rebasing: buffer[start..<end])))
            start = end
          }
          try deliver(leaves, batch.index)
          progress(start)
        }
      } catch {
        assembly.withLock { if $0.fault == nil { $0.fault = error } }
      }
    }

    private func nextBatch(
      _ buffer: UnsafeMutableRawBufferPointer
    ) throws(ContentError) -> (index: Int, ends: [Int])? {
      nonisolated(unsafe) let buffer = buffer  // This worker's own, filled before the lock is given back.
      let result = reader.withLock { reader in
        Result { () throws(ContentError) in try reader.next(into: buffer) }
      }
      return try result.get()
    }

    /// Hashes and writes one leaf without copying its bytes.
    private func leaf(_ bytes: UnsafeRawBufferPointer) throws(ContentError) -> FileTree.Leaf {
      let size = UInt64(bytes.count)
      if profile.rawLeaves {
        let multihash = Multihash(sha256: Digest.sha256(bytes))
        try sink.put(multihash, [bytes])
        return .init(cid: CID(codec: .raw, multihash: multihash), blockSize: size, fileSize: size)
      }
      var inner: [UInt8] = [0x08, 0x02]
      if size > 0 {
        inner.append(0x12)
        Varint.append(size, to: &inner)
      }
      let suffix = [0x18] + Varint.encode(size)
      let length = UInt64(inner.count + bytes.count + suffix.count)
      let prefix = [0x0a] + Varint.encode(length) + inner
      let result = prefix.withUnsafeBytes { prefix in
        suffix.withUnsafeBytes { suffix in
          Result { () throws(ContentError) -> FileTree.Leaf in
            let multihash = Multihash(sha256: Digest.sha256(prefix, bytes, suffix))
            try sink.put(multihash, [prefix, bytes, suffix])
            let cid = try parsing { () throws(MultiformatError) in
              try CID(version: profile.version, codec: .dagPB, multihash: multihash)
            }
            return .init(cid: cid, blockSize: UInt64(prefix.count + bytes.count + suffix.count), fileSize: size)
          }
        }
      }
      return try result.get()
    }

    private func deliver(_ leaves: [FileTree.Leaf], _ index: Int) throws(ContentError) {
      let result = assembly.withLock { assembly in
        Result { () throws(ContentError) in
          assembly.waiting[index] = leaves
          while let ready = assembly.waiting.removeValue(forKey: assembly.next) {
            for leaf in ready { try assembly.tree.append(leaf) }
            assembly.next += 1
          }
        }
      }
      try result.get()
    }

    func finish() throws(ContentError) -> AddedEntry {
      let result = assembly.withLock { assembly in
        Result { () throws(ContentError) -> AddedEntry in
          if let fault = assembly.fault { throw fault }
          let root = try assembly.tree.finish(metadata: metadata)
          return AddedEntry(cid: root.cid, cumulativeSize: root.blockSize, fileSize: root.fileSize)
        }
      }
      return try result.get()
    }
  }
}
