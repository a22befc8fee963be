internal import Multiformats

/// The UnixFS message inside a DAG-PB node (https://specs.ipfs.tech/unixfs/).
package struct UnixFSEntry: Hashable, Sendable {
  /// What the node is.
  package enum Kind: UInt64, Hashable, Sendable {
    case raw = 0
    case directory = 1
    case file = 2
    case metadata = 3
    case symlink = 4
    case hamtShard = 5
  }

  /// Seconds since 1970, and nanoseconds 0 to 999,999,999.
  package struct Time: Hashable, Sendable {
    package var seconds: Int64
    package var nanoseconds: UInt32

    package init(seconds: Int64, nanoseconds: UInt32 = 0) {
      self.seconds = seconds
      self.nanoseconds = nanoseconds
    }
  }

  package var kind: Kind
  /// File bytes, symlink target, or the bitmap of a shard.
  package var data: [UInt8]?
  /// Bytes of the file that this node and those below it hold.
  package var fileSize: UInt64?
  /// Bytes of the file under each link.
  package var blockSizes: [UInt64] = []
  package var hashType: UInt64?
  package var fanout: UInt64?
  /// POSIX permission bits.
  package var mode: UInt32?
  package var mtime: Time?

  package init(kind: Kind, data: [UInt8]? = nil, fileSize: UInt64? = nil) {
    self.kind = kind
    self.data = data
    self.fileSize = fileSize
  }

  /// Reads the message. Unknown fields are passed over, as protobuf asks; the last of doubled ones counts.
  package init(decoding bytes: [UInt8]) throws(ContentError) {
    let span = bytes.span.bytes
    var offset = 0
    var kind: Kind?
    self.init(kind: .raw)
    while offset < bytes.count {
      let tag = try DagPB.varint(span, &offset)
      switch tag {
      case 0x08:
        let value = try DagPB.varint(span, &offset)
        guard let known = Kind(rawValue: value) else { throw ContentError(.unsupported, "unixfs: node type \(value)") }
        kind = known
      case 0x12: data = try DagPB.take(span, &offset)
      case 0x18: fileSize = try DagPB.varint(span, &offset)
      case 0x20: blockSizes.append(try DagPB.varint(span, &offset))
      case 0x22:
        let end = try DagPB.end(span, &offset)
        while offset < end { blockSizes.append(try DagPB.varint(span, &offset)) }
        guard offset == end else { throw ContentError(.malformed, "unixfs: packed block sizes cross their end") }
      case 0x28: hashType = try DagPB.varint(span, &offset)
      case 0x30: fanout = try DagPB.varint(span, &offset)
      case 0x38: mode = UInt32(truncatingIfNeeded: try DagPB.varint(span, &offset))
      case 0x42: mtime = try Self.time(try DagPB.take(span, &offset))
      default: try Self.skip(tag, span, &offset)
      }
    }
    guard let kind else { throw ContentError(.malformed, "unixfs: no node type") }
    self.kind = kind
  }

  private static func time(_ bytes: [UInt8]) throws(ContentError) -> Time {
    let span = bytes.span.bytes
    var offset = 0
    var time = Time(seconds: 0)
    while offset < bytes.count {
      switch try DagPB.varint(span, &offset) {
      case 0x08: time.seconds = Int64(bitPattern: try DagPB.varint(span, &offset))
      case 0x15:
        guard let fixed = span.copy(from: offset, count: 4) else {
          throw ContentError(.malformed, "unixfs: mtime cut off")
        }
        time.nanoseconds = fixed.reversed().reduce(0) { $0 << 8 | UInt32($1) }
        offset += 4
      case let tag: try skip(tag, span, &offset)
      }
    }
    guard time.nanoseconds < 1_000_000_000 else {
      throw ContentError(.malformed, "unixfs: \(time.nanoseconds) nanoseconds, at most 999,999,999")
    }
    return time
  }

  static func skip(_ tag: UInt64, _ span: RawSpan, _ offset: inout Int) throws(ContentError) {
    switch tag & 7 {
    case 0: _ = try DagPB.varint(span, &offset)
    case 1: offset += 8
    case 2: offset = try DagPB.end(span, &offset)
    case 5: offset += 4
    default: throw ContentError(.malformed, "unixfs: wire type \(tag & 7)")
    }
    guard offset <= span.byteCount else { throw ContentError(.malformed, "unixfs: a field crosses the end") }
  }

  /// The message, fields in order of their numbers.
  package func encode() -> [UInt8] {
    var bytes: [UInt8] = [0x08]
    Varint.append(kind.rawValue, to: &bytes)
    if let data {
      bytes.append(0x12)
      Varint.append(UInt64(data.count), to: &bytes)
      bytes.append(contentsOf: data)
    }
    func number(_ tag: UInt8, _ value: UInt64?) {
      guard let value else { return }
      bytes.append(tag)
      Varint.append(value, to: &bytes)
    }
    number(0x18, fileSize)
    for size in blockSizes { number(0x20, size) }
    number(0x28, hashType)
    number(0x30, fanout)
    number(0x38, mode.map(UInt64.init))
    if let mtime {
      var inner: [UInt8] = [0x08]
      Varint.append(UInt64(bitPattern: mtime.seconds), to: &inner)
      if mtime.nanoseconds > 0 {
        inner.append(0x15)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
          inner.append(UInt8(truncatingIfNeeded: mtime.nanoseconds >> shift))
        }
      }
      bytes.append(0x42)
      Varint.append(UInt64(inner.count), to: &bytes)
      bytes.append(contentsOf: inner)
    }
    return bytes
  }
}
