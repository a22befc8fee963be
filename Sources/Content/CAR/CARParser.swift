package import Multiformats

/// Reads content-addressed archives, versions 1 and 2, as their bytes come in. Holds one section at most.
///
/// Of version 2 (https://ipld.io/specs/transport/car/carv2/) the data payload is read; the index is passed over.
package struct CARParser: Sendable {
  /// The most bytes of an archive's header.
  package static let maximumHeader = 1 << 20
  private static let pragma: [UInt8] = [0x0a, 0xa1, 0x67] + Array("version".utf8) + [0x02]

  private enum Stage: Sendable {
    case start
    case second
    /// Bytes to pass over before the inner archive.
    case skip(UInt64)
    case header
    case sections
    case done
  }

  private var stage = Stage.start
  private var held: [UInt8] = []
  private var consumed = 0
  /// Bytes left of the inner archive of a version 2; nil where the end is the end of the stream.
  private var remaining: UInt64?
  private let verifies: Bool
  /// The roots, once the header has been read.
  package private(set) var roots: [CID]?

  /// - Parameter verifies: whether each block must hash to its name, as it must unless the caller checks.
  package init(verifies: Bool = true) { self.verifies = verifies }

  /// Takes the next bytes of the stream and gives the blocks that they complete.
  ///
  /// - Throws: `.malformed`, `.tooLarge`, and `.corrupt` where a block does not hash to its name.
  package mutating func feed(_ bytes: some Sequence<UInt8>) throws(ContentError) -> [Block] {
    held.append(contentsOf: bytes)
    var blocks: [Block] = []
    while try step(&blocks) {}
    if consumed > 0 {
      held.removeFirst(consumed)
      consumed = 0
    }
    return blocks
  }

  /// Says that the stream has ended.
  ///
  /// - Throws: `.malformed` where it ends inside something.
  package func finish() throws(ContentError) {
    switch stage {
    case .sections where held.isEmpty && (remaining ?? 0) == 0, .done: return
    default: throw ContentError(.malformed, "CAR: the stream ends early; fetch it again")
    }
  }

  private var available: Int {
    let count = held.count - consumed
    guard let remaining, remaining < UInt64(count) else { return count }
    return Int(remaining)
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    let bytes = Array(held[consumed..<(consumed + count)])
    consumed += count
    if let left = remaining { remaining = left - UInt64(count) }
    return bytes
  }

  /// One move; false where more bytes are needed.
  private mutating func step(_ blocks: inout [Block]) throws(ContentError) -> Bool {
    switch stage {
    case .start:
      guard held.count - consumed >= Self.pragma.count else {
        // A version 1 header is longer than the pragma of version 2.
        return false
      }
      if held[consumed...].starts(with: Self.pragma) {
        consumed += Self.pragma.count
        stage = .second
      } else {
        stage = .header
      }
      return true
    case .second:
      guard held.count - consumed >= 40 else { return false }
      let header = take(40)
      func number(_ start: Int) -> UInt64 { (0..<8).reversed().reduce(0) { $0 << 8 | UInt64(header[start + $1]) } }
      let offset = number(16)
      let prefix = UInt64(Self.pragma.count + 40)
      guard offset >= prefix, offset <= 1 << 40, number(24) > 0 else {
        throw ContentError(.malformed, "CARv2: data at \(offset), expected at \(prefix) or beyond")
      }
      remaining = nil
      stage = .skip(offset - prefix)
      innerSize = number(24)
      return true
    case .skip(let left):
      let count = min(left, UInt64(held.count - consumed))
      consumed += Int(count)
      if count < left {
        stage = .skip(left - count)
        return false
      }
      remaining = innerSize
      stage = .header
      return true
    case .header:
      guard let bytes = try section(limit: Self.maximumHeader, "header") else { return false }
      let header = try DagCBOR.decode(bytes)
      guard header["version"]?.unsignedValue == 1, case .list(let list)? = header["roots"] else {
        throw ContentError(.malformed, "CAR header: expected version 1 and roots")
      }
      var roots: [CID] = []
      for element in list {
        guard let root = element.linkValue else { throw ContentError(.malformed, "CAR header: a root is not a link") }
        roots.append(root)
      }
      self.roots = roots
      stage = .sections
      return true
    case .sections:
      if remaining == 0 {
        stage = .done
        return true
      }
      guard let bytes = try section(limit: Block.maximumSize + 1_024, "section") else { return false }
      var offset = 0
      let cid = try parsing { () throws(MultiformatError) in try CID(decoding: bytes.span.bytes, at: &offset) }
      let payload = Array(bytes[offset...])
      blocks.append(verifies ? try Block(verifying: payload, cid: cid) : Block(unchecked: payload, cid: cid))
      return true
    case .done:
      consumed = held.count
      return false
    }
  }

  private var innerSize: UInt64 = 0

  /// A length and that many bytes; nil where they have not all come.
  private mutating func section(limit: Int, _ what: String) throws(ContentError) -> [UInt8]? {
    var length: UInt64 = 0
    var size = 0
    while true {
      guard size < available else {
        if size > 0 || remaining == nil || remaining ?? 0 > UInt64(available) { return nil }
        throw ContentError(.malformed, "CAR: the archive ends where a \(what) is expected")
      }
      let byte = held[consumed + size]
      length |= UInt64(byte & 0x7f) << UInt64(7 * size)
      size += 1
      if byte & 0x80 == 0 { break }
      guard size < 5 else { throw ContentError(.tooLarge, "CAR \(what): a length beyond \(limit) bytes") }
    }
    guard length > 0, length <= UInt64(limit) else {
      throw ContentError(
        length == 0 ? .malformed : .tooLarge, "CAR \(what): \(length) bytes announced, expected 1 to \(limit)")
    }
    guard available - size >= Int(length) else {
      if let remaining, remaining < UInt64(size) + length {
        throw ContentError(.malformed, "CAR \(what): crosses the end of the archive")
      }
      return nil
    }
    _ = take(size)
    return take(Int(length))
  }
}
