/// Gives a stream out in batches of whole chunks.
struct ChunkReader: ~Copyable {
  /// Fills as much of the buffer as it can; 0 is the end.
  typealias Read = @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int

  private let chunking: ImportProfile.Chunking
  private let read: Read
  /// Bytes read behind the last cut.
  private var carry: [UInt8] = []
  private var ended = false
  private(set) var batches = 0

  init(chunking: ImportProfile.Chunking, read: @escaping Read) {
    self.chunking = chunking
    self.read = read
  }

  /// Bytes that the buffer handed to ``next(into:)`` must hold.
  static func bufferSize(for chunking: ImportProfile.Chunking) -> Int {
    switch chunking {
    case .fixed(let size): max(1, (1 << 20) / size) * size
    case .buzhash, .rabin: 2 << 20
    }
  }

  /// Fills the buffer and gives the ends of the chunks in it; nil at the end of the stream. A stream without any bytes is
  /// one empty chunk.
  mutating func next(into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> (index: Int, ends: [Int])? {
    if ended && carry.isEmpty { return nil }
    var filled = carry.count
    buffer.copyBytes(from: carry)
    carry.removeAll(keepingCapacity: true)
    while !ended, filled < buffer.count {
      let count = try read(UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
      if count == 0 { ended = true }
      filled += count
    }
    if filled == 0 && batches > 0 { return nil }
    defer { batches += 1 }
    return (batches, cut(UnsafeRawBufferPointer(rebasing: buffer[..<filled])))
  }

  private mutating func cut(_ bytes: UnsafeRawBufferPointer) -> [Int] {
    switch chunking {
    case .fixed(let size):
      return bytes.isEmpty ? [0] : stride(from: size, to: bytes.count + size, by: size).map { min($0, bytes.count) }
    case .buzhash: return cut(bytes) { Buzhash.cut($0, isLast: $1) }
    case .rabin(let rabin): return cut(bytes) { rabin.cut($0, isLast: $1) }
    }
  }

  /// Cuts where the content says; what is left behind the last cut is carried over.
  private mutating func cut(
    _ bytes: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer, Bool) -> Int?
  ) -> [Int] {
    var ends: [Int] = []
    var start = 0
    while start < bytes.count, let length = next(UnsafeRawBufferPointer(rebasing: bytes[start...]), ended) {
      start += length
      ends.append(start)
    }
    carry = Array(bytes[start...])
    return bytes.isEmpty ? [0] : ends
  }
}
