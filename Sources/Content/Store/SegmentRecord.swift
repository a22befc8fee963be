internal import Multiformats

/// How a segment file holds blocks: one after the other, each behind a header that proves itself, so that a lost index
/// can be made anew and a damaged header does not hide what follows it.
///
///     "PRB1"  payload length (4, little-endian)  multihash length (1)  zeros (3)  check (4)  multihash  payload
///
/// The check is the first four bytes of the SHA-256 of the other header bytes and the multihash.
enum SegmentRecord {
  static let magic: [UInt8] = Array("PRB1".utf8)
  static let fixedLength = 16

  static func headerLength(_ multihash: Multihash) -> Int { fixedLength + multihash.bytes.count }

  static func header(_ multihash: Multihash, payload: Int) -> [UInt8] {
    let name = multihash.bytes
    var bytes = magic
    for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: payload >> shift)) }
    bytes += [UInt8(truncatingIfNeeded: name.count), 0, 0, 0]
    let check = Digest.sha256(bytes + name).prefix(4)
    return bytes + check + name
  }

  /// The payload's length and the multihash's, as the fixed part of a header announces them; nil where it is none.
  static func announced(_ fixed: ArraySlice<UInt8>) -> (payload: Int, name: Int)? {
    let bytes = Array(fixed)
    guard bytes.count == fixedLength, bytes.starts(with: magic) else { return nil }
    let payload = (4..<8).reversed().reduce(0) { $0 << 8 | Int(bytes[$1]) }
    guard payload <= Block.maximumSize, (2...(Multihash.maximumDigestLength + 20)).contains(Int(bytes[8])) else {
      return nil
    }
    return (payload, Int(bytes[8]))
  }

  /// The multihash of a whole header; nil where its check fails.
  static func multihash(_ header: [UInt8]) -> Multihash? {
    guard let announced = announced(header.prefix(fixedLength)), header.count == fixedLength + announced.name else {
      return nil
    }
    let name = header[fixedLength...]
    guard Digest.sha256(Array(header[..<12]) + name).prefix(4).elementsEqual(header[12..<16]) else { return nil }
    return try? Multihash(bytes: Array(name))
  }
}

/// A block's name in 16 bytes, for the index: the digest's beginning, with function and length mixed in. Whoever reads a
/// record compares the whole multihash.
struct BlockKey: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  init(_ multihash: Multihash) {
    func word(_ start: Int) -> UInt64 {
      (start..<(start + 8)).reduce(0) { $0 << 8 | UInt64($1 < multihash.digest.count ? multihash.digest[$1] : 0) }
    }
    high = word(0) ^ (multihash.function.rawValue &* 0x9e37_79b9_7f4a_7c15)
    low = word(8) ^ (UInt64(multihash.digest.count) &* 0xbf58_476d_1ce4_e5b9)
  }
}

/// Where a block lies.
struct BlockLocation: Hashable, Sendable {
  var segment: UInt32
  /// Of the record's header.
  var offset: UInt32
  /// Header and payload.
  var length: UInt32
  /// The store's epoch when the block was last put or touched; collection spares what is younger than the oldest add.
  var epoch: UInt32
}

/// The index beside a segment: which blocks of its first `covered` bytes are alive. Checked by a SHA-256 at its end.
struct SegmentIndex {
  static let magic: [UInt8] = Array("PRSMIDX1".utf8)
  var covered: UInt64
  var entries: [(key: BlockKey, offset: UInt32, length: UInt32)]

  func encode() -> [UInt8] {
    var bytes = Self.magic
    bytes.reserveCapacity(entries.count * 24 + 64)
    func append(_ value: UInt64, _ width: Int) {
      for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
    }
    append(covered, 8)
    for entry in entries {
      append(entry.key.high, 8)
      append(entry.key.low, 8)
      append(UInt64(entry.offset), 4)
      append(UInt64(entry.length), 4)
    }
    return bytes + Digest.sha256(bytes)
  }

  init(covered: UInt64, entries: [(key: BlockKey, offset: UInt32, length: UInt32)]) {
    self.covered = covered
    self.entries = entries
  }

  /// Nil where the bytes are damaged in any way.
  init?(decoding bytes: [UInt8]) {
    guard bytes.count >= 48, (bytes.count - 48) % 24 == 0, bytes.starts(with: Self.magic),
      Digest.sha256(Array(bytes.dropLast(32))).elementsEqual(bytes.suffix(32))
    else { return nil }
    func number(_ offset: Int, _ width: Int) -> UInt64 {
      (0..<width).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
    }
    covered = number(8, 8)
    entries = stride(from: 16, to: bytes.count - 32, by: 24).map { start in
      (
        BlockKey(high: number(start, 8), low: number(start + 8, 8)), UInt32(number(start + 16, 4)),
        UInt32(number(start + 20, 4))
      )
    }
  }
}
