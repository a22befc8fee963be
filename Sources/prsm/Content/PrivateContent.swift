import Content
import Multiformats
import Synchronization

/// Private content: what is sealed for readers, and how a reader opens it.
enum PrivateContent {
  /// The envelope at a CID; nil where something else lies there.
  static func envelope(_ cid: CID, from source: any BlockSource) async throws(ContentError) -> KeyEnvelope? {
    guard cid.codec == .dagCBOR else { return nil }
    let node = try DagCBOR.decode(try await source.bytes(of: cid))
    guard node["type"]?.stringValue == "prsm-key-envelope-1" else { return nil }
    return try KeyEnvelope(node)
  }

  /// Seals what `read` gives, as it is read, and puts it and its envelope into a sink.
  static func add(
    readers: [ReaderKey], profile: ImportProfile, to sink: any BlockSink,
    progress: @escaping @Sendable (Int) -> Void,
    read: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  ) throws(ContentError) -> AddedEntry {
    let key = ObjectKey()
    let input = SealedInput(SealingReader(key: key, source: read))
    let sealed = try FileImport.add(profile: profile, to: sink, progress: progress) { (buffer) throws(ContentError) in
      try input.read(into: buffer)
    }
    let envelope = try KeyEnvelope(content: sealed.cid, key: key, readers: readers.map(\.bytes))
    let block = try Block(DagCBOR.encode(envelope.node), codec: .dagCBOR)
    try sink.put(block)
    return AddedEntry(
      cid: block.cid, cumulativeSize: sealed.cumulativeSize + UInt64(block.bytes.count), fileSize: sealed.fileSize)
  }

  /// The import reads under a lock of its own; this one only says so to the compiler.
  private final class SealedInput: Sendable {
    private let reader: Mutex<SealingReader>

    init(_ reader: SealingReader) { self.reader = Mutex(reader) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
      nonisolated(unsafe) let target = buffer  // Filled within this call only.
      let result = reader.withLock { reader in
        Result { () throws(ContentError) in try reader.read(into: target) }
      }
      return try result.get()
    }
  }
}
