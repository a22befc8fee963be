internal import Multiformats

/// DAG-JSON (https://ipld.io/specs/codecs/dag-json/spec/): JSON in which `{"/": "cid"}` is a link and
/// `{"/": {"bytes": "base64"}}` is bytes; written without spaces, keys sorted by bytes.
package enum DagJSON {
  /// The canonical bytes.
  package static func encode(_ node: Node) throws(ContentError) -> [UInt8] {
    var bytes: [UInt8] = []
    try append(node, to: &bytes, depth: 0)
    return bytes
  }

  private static func append(_ node: Node, to bytes: inout [UInt8], depth: Int) throws(ContentError) {
    guard depth <= CodecLimits.depth else {
      throw ContentError(.tooLarge, "dag-json: deeper than \(CodecLimits.depth)")
    }
    switch node {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .unsigned(let value): bytes += String(value).utf8
    case .negative(let value): bytes += ("-" + String(UInt128(value) + 1)).utf8
    case .float(let value):
      guard value.isFinite else { throw ContentError(.malformed, "dag-json: \(value) is not a finite float") }
      bytes += text(of: value).utf8
    case .string(let value): append(string: value, to: &bytes)
    case .bytes(let value):
      bytes += "{\"/\":{\"bytes\":\"".utf8
      bytes += Multibase.base64.encodeBody(value).utf8
      bytes += "\"}}".utf8
    case .link(let cid):
      bytes += "{\"/\":\"".utf8
      bytes += cid.text(in: cid.version == .v0 ? .base58btc : .base32).utf8
      bytes += "\"}".utf8
    case .list(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        try append(element, to: &bytes, depth: depth + 1)
      }
      bytes.append(UInt8(ascii: "]"))
    case .map(let entries):
      bytes.append(UInt8(ascii: "{"))
      let keys = entries.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      for (index, key) in keys.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        append(string: key, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        try append(entries[key] ?? .null, to: &bytes, depth: depth + 1)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  /// The shortest digits that read back as the same number, in the layout of ECMAScript: plain below 10^21, and a float
  /// always with a point or an exponent so that it stays one.
  private static func text(of value: Double) -> String {
    let shortest = "\(abs(value))"
    let parts = shortest.split(separator: "e")
    let sign = value.sign == .minus ? "-" : ""
    var digits = parts[0].filter { $0 != "." }
    var point =
      (parts[0].firstIndex(of: ".").map { parts[0].distance(from: parts[0].startIndex, to: $0) }) ?? digits.count
    if parts.count > 1 { point += Int(parts[1]) ?? 0 }
    while digits.hasPrefix("0"), digits.count > 1 {
      digits.removeFirst()
      point -= 1
    }
    while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
    if value == 0 { return sign + "0.0" }
    if point > 21 || point < -5 {
      let tail = digits.dropFirst()
      let exponent = point - 1
      return sign + digits.prefix(1) + (tail.isEmpty ? "" : "." + tail) + "e" + (exponent > 0 ? "+" : "")
        + String(exponent)
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
    return sign + digits.prefix(point) + "." + digits.dropFirst(point)
  }

  private static func append(string: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x08: bytes += "\\b".utf8
      case 0x09: bytes += "\\t".utf8
      case 0x0a: bytes += "\\n".utf8
      case 0x0c: bytes += "\\f".utf8
      case 0x0d: bytes += "\\r".utf8
      case 0..<0x20:
        bytes += "\\u00".utf8
        bytes += Multibase.base16.encodeBody([byte]).utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Reads bytes that are one value and nothing else. Spaces between tokens and any key order are accepted; doubled keys,
  /// and a lone `/` key that is neither link nor bytes, are not.
  package static func decode(_ bytes: [UInt8]) throws(ContentError) -> Node {
    try decode(bytes, reserved: true)
  }

  /// Reads plain JSON: `/` is a key like any other.
  package static func decodePlain(_ bytes: [UInt8]) throws(ContentError) -> Node {
    try decode(bytes, reserved: false)
  }

  private static func decode(_ bytes: [UInt8], reserved: Bool) throws(ContentError) -> Node {
    var reader = JSONReader(reserved: reserved)
    let span = bytes.span.bytes
    let node = try reader.node(span, depth: 0)
    reader.skipSpace(span)
    guard reader.offset == bytes.count else {
      throw ContentError(.malformed, "dag-json: \(bytes.count - reader.offset) bytes follow the value")
    }
    return node
  }
}
