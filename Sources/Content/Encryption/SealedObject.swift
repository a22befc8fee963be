internal import Crypto
package import Multiformats

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Private content: AES-256-GCM in segments, after STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015, section 6). Any
/// segment can be opened alone; a segment moved, dropped or cut off at the end is noticed.
///
///     "PRSMSEAL"  version 1 (1)  zeros (3)  plaintext bytes a segment (4, big-endian)
///     then segments of ciphertext, each with a tag of 16 bytes; the last may be shorter, or empty
///
/// The nonce is seven zeros, the segment's number (4, big-endian) and 1 for the last segment, 0 else. Each object has a key
/// of its own, so that no nonce comes twice under one key. The header is authenticated with every segment.
package enum SealedObject {
  static let magic = Array("PRSMSEAL".utf8)
  package static let headerLength = 16
  package static let tagLength = 16
  /// Plaintext bytes a segment.
  package static let segmentLength = 64 << 10

  static var header: [UInt8] {
    magic + [1, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: segmentLength >> (24 - 8 * $0)) }
  }

  static func nonce(_ segment: UInt64, isLast: Bool) throws(ContentError) -> AES.GCM.Nonce {
    guard segment <= UInt64(UInt32.max) else {
      throw ContentError(.tooLarge, "a sealed object has at most 2^32 segments of \(segmentLength) bytes")
    }
    let bytes =
      [UInt8](repeating: 0, count: 7) + (0..<4).map { UInt8(truncatingIfNeeded: segment >> UInt64(24 - 8 * $0)) }
    guard let nonce = try? AES.GCM.Nonce(data: bytes + [isLast ? 1 : 0]) else {
      throw ContentError(.malformed, "a nonce has 12 bytes")
    }
    return nonce
  }

  /// Bytes of the sealed form of so many bytes.
  package static func sealedSize(of plain: UInt64) -> UInt64 {
    let segments = plain == 0 ? 1 : (plain - 1) / UInt64(segmentLength) + 1
    return UInt64(headerLength) &+ plain &+ segments &* UInt64(tagLength)
  }

  /// Bytes of plaintext in a sealed object of `size` bytes.
  ///
  /// - Throws: `.malformed` for a size that no object has.
  package static func plainSize(of size: UInt64) throws(ContentError) -> UInt64 {
    let step = UInt64(segmentLength + tagLength)
    guard size >= UInt64(headerLength + tagLength), (size - UInt64(headerLength) - 1) % step + 1 >= UInt64(tagLength)
    else {
      throw ContentError(.malformed, "a sealed object of \(size) bytes is cut off")
    }
    let body = size - UInt64(headerLength)
    return body - ((body - 1) / step + 1) * UInt64(tagLength)
  }
}

/// The key of one private object.
package struct ObjectKey: Sendable {
  let key: SymmetricKey

  /// A new key from the system's random source.
  package init() { key = SymmetricKey(size: .bits256) }

  /// - Throws: `.malformed` unless there are 32 bytes.
  package init(bytes: [UInt8]) throws(ContentError) {
    guard bytes.count == 32 else { throw ContentError(.malformed, "an object key has 32 bytes, found \(bytes.count)") }
    key = SymmetricKey(data: bytes)
  }

  package var bytes: [UInt8] { key.withUnsafeBytes { [UInt8]($0) } }

  /// Seals one segment.
  func seal(_ plain: [UInt8], segment: UInt64, isLast: Bool) throws(ContentError) -> [UInt8] {
    let nonce = try SealedObject.nonce(segment, isLast: isLast)
    guard let box = try? AES.GCM.seal(plain, using: key, nonce: nonce, authenticating: SealedObject.header) else {
      throw ContentError(.storage, "sealing segment \(segment) failed")
    }
    return [UInt8](box.ciphertext) + [UInt8](box.tag)
  }

  /// Opens one segment.
  ///
  /// - Throws: `.denied` where key, place, or bytes are not the ones it was sealed with.
  func open(_ sealed: [UInt8], segment: UInt64, isLast: Bool) throws(ContentError) -> [UInt8] {
    let nonce = try SealedObject.nonce(segment, isLast: isLast)
    guard sealed.count >= SealedObject.tagLength,
      let box = try? AES.GCM.SealedBox(
        nonce: nonce, ciphertext: sealed.dropLast(SealedObject.tagLength), tag: sealed.suffix(SealedObject.tagLength)),
      let plain = try? AES.GCM.open(box, using: key, authenticating: SealedObject.header)
    else { throw ContentError(.denied, "segment \(segment) does not open: another key, or changed or cut bytes") }
    return [UInt8](plain)
  }
}

/// Seals a stream as it is read, for ``FileImport``. For one thread at a time, as the import calls it.
package struct SealingReader: Sendable {
  private let key: ObjectKey
  private let source: @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  private var pending: [UInt8] = SealedObject.header
  private var ahead: [UInt8]?
  private var segment: UInt64 = 0
  private var ended = false

  package init(
    key: ObjectKey, source: @escaping @Sendable (UnsafeMutableRawBufferPointer) throws(ContentError) -> Int
  ) {
    self.key = key
    self.source = source
  }

  /// Fills as much of the buffer as it can; 0 is the end.
  package mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(ContentError) -> Int {
    while pending.isEmpty, !ended {
      let current: [UInt8]
      if let ahead { current = ahead } else { current = try nextPlain() }
      let following = current.count == SealedObject.segmentLength ? try nextPlain() : []
      ended = following.isEmpty
      pending = try key.seal(current, segment: segment, isLast: ended)
      segment += 1
      ahead = following
    }
    let count = min(pending.count, buffer.count)
    buffer.copyBytes(from: pending[..<count])
    pending.removeFirst(count)
    return count
  }

  private func nextPlain() throws(ContentError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: SealedObject.segmentLength)
    var filled = 0
    while filled < bytes.count {
      let start = filled
      let result = bytes.withUnsafeMutableBytes { buffer in
        Result { () throws(ContentError) in try source(UnsafeMutableRawBufferPointer(rebasing: buffer[start...])) }
      }
      let count = try result.get()
      if count == 0 { break }
      filled += count
    }
    bytes.removeLast(bytes.count - filled)
    return bytes
  }
}

/// The plaintext of a sealed object that lies as a UnixFS file, or a range of it; only the segments that hold the range are
/// fetched and opened.
package struct OpenedBytes: AsyncSequence, Sendable {
  package typealias Element = [UInt8]
  package typealias Failure = ContentError

  private let cid: CID
  private let key: ObjectKey
  private let size: UInt64
  private let range: Range<UInt64>
  private let source: any BlockSource

  /// - Throws: `.malformed` where the object is cut off or no sealed object.
  package init(
    _ cid: CID, key: ObjectKey, range: Range<UInt64>? = nil, from source: any BlockSource
  ) async throws(ContentError) {
    self.cid = cid
    self.key = key
    self.source = source
    self.size = try await UnixFSNode.load(cid, from: source).fileSize
    let plain = try SealedObject.plainSize(of: size)
    self.range = (range ?? 0..<plain).clamped(to: 0..<plain)
    let header = try await FileBytes(cid, range: 0..<UInt64(SealedObject.headerLength), from: source).collected()
    guard header == SealedObject.header else {
      throw ContentError(.malformed, "\(cid) is not a sealed object", cid: cid)
    }
    // The last segment vouches for the length: without this, a cut at a segment's end would show only on reaching it.
    let last = plain == 0 ? 0 : (plain - 1) / UInt64(SealedObject.segmentLength)
    _ = try await segment(last, last: last)
  }

  private func segment(_ number: UInt64, last: UInt64) async throws(ContentError) -> [UInt8] {
    let step = UInt64(SealedObject.segmentLength + SealedObject.tagLength)
    let start = UInt64(SealedObject.headerLength) + number * step
    let sealed = try await FileBytes(cid, range: start..<(start + Swift.min(step, size - start)), from: source)
      .collected()
    return try key.open(sealed, segment: number, isLast: number == last)
  }

  package func makeAsyncIterator() -> Iterator {
    Iterator(bytes: self, position: range.lowerBound)
  }

  package struct Iterator: AsyncIteratorProtocol {
    fileprivate let bytes: OpenedBytes
    fileprivate var position: UInt64

    package mutating func next() async throws(ContentError) -> [UInt8]? { try await next(isolation: nil) }

    package mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ContentError) -> [UInt8]? {
      guard position < bytes.range.upperBound else { return nil }
      let length = UInt64(SealedObject.segmentLength)
      let plain = try SealedObject.plainSize(of: bytes.size)
      let number = position / length
      let opened = try await bytes.segment(number, last: (plain - 1) / length)
      let start = number * length
      let end = Swift.min(start + UInt64(opened.count), bytes.range.upperBound)
      guard end > position else { throw ContentError(.malformed, "segment \(number) of \(bytes.cid) is short") }
      defer { position = end }
      return Array(opened[Int(position - start)..<Int(end - start)])
    }
  }

  /// Everything at once, for small ranges.
  package func collected(limit: Int = 64 << 20) async throws(ContentError) -> [UInt8] {
    var result: [UInt8] = []
    var iterator = makeAsyncIterator()
    while let piece = try await iterator.next(isolation: nil) {
      result += piece
      guard result.count <= limit else { throw ContentError(.tooLarge, "\(cid): more than \(limit) bytes") }
    }
    return result
  }
}
