internal import Multiformats

/// DAG-CBOR (https://ipld.io/specs/codecs/dag-cbor/spec/): the strict subset of CBOR with one encoding for each value.
package enum DagCBOR {
  /// Map keys are ordered by length, then by bytes.
  static func precedes(_ left: String, _ right: String) -> Bool {
    let (a, b) = (left.utf8, right.utf8)
    return a.count != b.count ? a.count < b.count : a.lexicographicallyPrecedes(b)
  }

  /// The canonical bytes.
  ///
  /// - Throws: `.malformed` for a float that is not finite, `.tooLarge` beyond ``CodecLimits/depth``.
  package static func encode(_ node: Node) throws(ContentError) -> [UInt8] {
    var bytes: [UInt8] = []
    try append(node, to: &bytes, depth: 0)
    return bytes
  }

  private static func append(_ node: Node, to bytes: inout [UInt8], depth: Int) throws(ContentError) {
    guard depth <= CodecLimits.depth else {
      throw ContentError(.tooLarge, "dag-cbor: deeper than \(CodecLimits.depth)")
    }
    switch node {
    case .null: bytes.append(0xf6)
    case .bool(let value): bytes.append(value ? 0xf5 : 0xf4)
    case .unsigned(let value): head(0, value, &bytes)
    case .negative(let value): head(1, value, &bytes)
    case .float(let value):
      guard value.isFinite else { throw ContentError(.malformed, "dag-cbor: \(value) is not a finite float") }
      bytes.append(0xfb)
      for shift in stride(from: 56, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(shift)))
      }
    case .bytes(let value):
      head(2, UInt64(value.count), &bytes)
      bytes.append(contentsOf: value)
    case .string(let value):
      head(3, UInt64(value.utf8.count), &bytes)
      bytes.append(contentsOf: value.utf8)
    case .list(let elements):
      head(4, UInt64(elements.count), &bytes)
      for element in elements { try append(element, to: &bytes, depth: depth + 1) }
    case .map(let entries):
      head(5, UInt64(entries.count), &bytes)
      for key in entries.keys.sorted(by: precedes) {
        head(3, UInt64(key.utf8.count), &bytes)
        bytes.append(contentsOf: key.utf8)
        try append(entries[key] ?? .null, to: &bytes, depth: depth + 1)
      }
    case .link(let cid):
      bytes.append(contentsOf: [0xd8, 0x2a])
      head(2, UInt64(cid.byteCount + 1), &bytes)
      bytes.append(0)
      bytes.append(contentsOf: cid.bytes)
    }
  }

  private static func head(_ major: UInt8, _ value: UInt64, _ bytes: inout [UInt8]) {
    let (code, width): (UInt8, Int) =
      switch value {
      case 0..<24: (UInt8(value), 0)
      case ..<0x100: (24, 1)
      case ..<0x1_0000: (25, 2)
      case ..<0x1_0000_0000: (26, 4)
      default: (27, 8)
      }
    bytes.append(major << 5 | code)
    for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * (width - 1 - index)))) }
  }

  /// Reads bytes that are one value in its canonical form and nothing else.
  package static func decode(_ bytes: [UInt8]) throws(ContentError) -> Node {
    var reader = Reader(canonical: true)
    let span = bytes.span.bytes
    let node = try reader.node(span, depth: 0)
    guard reader.offset == bytes.count else {
      throw ContentError(.malformed, "dag-cbor: \(bytes.count - reader.offset) bytes follow the value")
    }
    return node
  }

  /// Reads plain CBOR leniently, as far as the data model can hold it: any key order, any float width, any length form.
  package static func decodeLenient(_ bytes: [UInt8]) throws(ContentError) -> Node {
    var reader = Reader(canonical: false)
    let node = try reader.node(bytes.span.bytes, depth: 0)
    guard reader.offset == bytes.count else { throw ContentError(.malformed, "cbor: bytes follow the value") }
    return node
  }

  private struct Reader {
    let canonical: Bool
    var offset = 0
    var items = 0

    init(canonical: Bool) { self.canonical = canonical }

    private func fault(_ detail: String) -> ContentError {
      ContentError(.malformed, "dag-cbor at byte \(offset): \(detail)")
    }

    private mutating func number(_ bytes: RawSpan, width: Int) throws(ContentError) -> UInt64 {
      guard bytes.byteCount - offset >= width else { throw fault("the bytes end inside a number") }
      var value: UInt64 = 0
      for _ in 0..<width {
        value = value << 8 | UInt64(bytes.byte(at: offset))
        offset += 1
      }
      return value
    }

    private mutating func argument(_ bytes: RawSpan, _ info: UInt8) throws(ContentError) -> UInt64 {
      let (width, least): (Int, UInt64)
      switch info {
      case 0..<24: return UInt64(info)
      case 24: (width, least) = (1, 24)
      case 25: (width, least) = (2, 0x100)
      case 26: (width, least) = (4, 0x1_0000)
      case 27: (width, least) = (8, 0x1_0000_0000)
      default: throw fault("indefinite lengths and reserved forms are not allowed")
      }
      let value = try number(bytes, width: width)
      guard !canonical || value >= least else { throw fault("\(value) is not written in its shortest form") }
      return value
    }

    private mutating func payload(_ bytes: RawSpan, _ length: UInt64) throws(ContentError) -> [UInt8] {
      guard length <= UInt64(bytes.byteCount - offset), let copy = bytes.copy(from: offset, count: Int(length)) else {
        throw fault("\(length) bytes announced, \(bytes.byteCount - offset) left")
      }
      offset += Int(length)
      return copy
    }

    private mutating func text(_ bytes: RawSpan, _ length: UInt64) throws(ContentError) -> String {
      guard let text = String(validating: try payload(bytes, length), as: UTF8.self) else {
        throw fault("a string is not UTF-8")
      }
      return text
    }

    private mutating func count(_ bytes: RawSpan, _ length: UInt64) throws(ContentError) -> Int {
      // Every item takes a byte at least, so that a count beyond the bytes left is refused before any memory is taken.
      guard length <= UInt64(bytes.byteCount - offset) else { throw fault("\(length) items in too few bytes") }
      items += Int(length)
      guard items <= CodecLimits.items else {
        throw ContentError(.tooLarge, "dag-cbor: more than \(CodecLimits.items) items in one block")
      }
      return Int(length)
    }

    mutating func node(_ bytes: RawSpan, depth: Int) throws(ContentError) -> Node {
      guard depth <= CodecLimits.depth else {
        throw ContentError(.tooLarge, "dag-cbor: deeper than \(CodecLimits.depth)")
      }
      guard offset < bytes.byteCount else { throw fault("the bytes end where a value is expected") }
      let initial = bytes.byte(at: offset)
      offset += 1
      let info = initial & 0x1f
      switch initial >> 5 {
      case 0: return .unsigned(try argument(bytes, info))
      case 1: return .negative(try argument(bytes, info))
      case 2: return .bytes(try payload(bytes, try argument(bytes, info)))
      case 3: return .string(try text(bytes, try argument(bytes, info)))
      case 4:
        let count = try count(bytes, try argument(bytes, info))
        var elements: [Node] = []
        elements.reserveCapacity(min(count, 4_096))
        for _ in 0..<count { elements.append(try node(bytes, depth: depth + 1)) }
        return .list(elements)
      case 5: return try map(bytes, info, depth)
      case 6:
        guard try argument(bytes, info) == 42 else { throw fault("the only tag allowed is 42, a link") }
        guard case .bytes(let link) = try node(bytes, depth: depth + 1), link.first == 0 else {
          throw fault("tag 42 must hold bytes that begin with 0 and go on with a CID")
        }
        return .link(try parsing { () throws(MultiformatError) in try CID(bytes: Array(link.dropFirst())) })
      default: return try simple(bytes, info)
      }
    }

    private mutating func map(_ bytes: RawSpan, _ info: UInt8, _ depth: Int) throws(ContentError) -> Node {
      let count = try count(bytes, try argument(bytes, info))
      var entries: [String: Node] = [:]
      var previous: String?
      for _ in 0..<count {
        guard case .string(let key) = try node(bytes, depth: depth + 1) else { throw fault("map keys are strings") }
        if let previous, canonical, !DagCBOR.precedes(previous, key) {
          throw fault("map key \(key.debugDescription) is out of order or double")
        }
        // Swift compares strings by canonical equivalence; two keys that differ in bytes alone would collide.
        guard entries.updateValue(try node(bytes, depth: depth + 1), forKey: key) == nil else {
          throw fault("map key \(key.debugDescription) is there twice")
        }
        previous = key
      }
      return .map(entries)
    }

    private mutating func simple(_ bytes: RawSpan, _ info: UInt8) throws(ContentError) -> Node {
      switch info {
      case 20: return .bool(false)
      case 21: return .bool(true)
      case 22: return .null
      case 25 where !canonical:
        return .float(Double(Float16(bitPattern: UInt16(try number(bytes, width: 2)))))
      case 26 where !canonical:
        return .float(Double(Float(bitPattern: UInt32(try number(bytes, width: 4)))))
      case 27:
        let value = Double(bitPattern: try number(bytes, width: 8))
        guard value.isFinite else { throw fault("floats are finite") }
        return .float(value)
      default: throw fault("simple value \(info) is not allowed")
      }
    }
  }
}
