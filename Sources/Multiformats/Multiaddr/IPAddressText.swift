/// IP addresses as text: dotted quads, and IPv6 as RFC 4291 reads it and RFC 5952 writes it.
package enum IPAddressText {
  /// Four decimal numbers without leading zeros.
  package static func parseV4(_ text: some StringProtocol) throws(MultiformatError) -> [UInt8] {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var bytes: [UInt8] = []
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        part == "0" || !part.hasPrefix("0"), let value = UInt8(part)
      else { throw MultiformatError(.malformed, "IPv4 address \(String(text).debugDescription): not four numbers") }
      bytes.append(value)
    }
    guard bytes.count == 4 else {
      throw MultiformatError(.malformed, "IPv4 address \(String(text).debugDescription): not four numbers")
    }
    return bytes
  }

  /// Eight groups of hex, one run of zeros perhaps written `::`, the last two perhaps as a dotted quad.
  package static func parseV6(_ text: some StringProtocol) throws(MultiformatError) -> [UInt8] {
    let fault = MultiformatError(.malformed, "IPv6 address \(String(text).debugDescription): not eight groups of hex")
    guard text.utf8.count <= 45 else { throw fault }
    let string = String(text)
    var head: [UInt8] = []
    var tail: [UInt8] = []
    let utf8 = Array(string.utf8)
    let colon = UInt8(ascii: ":")
    if let gap = utf8.indices.dropLast().first(where: { utf8[$0] == colon && utf8[$0 + 1] == colon }) {
      head = try groups(String(decoding: utf8[..<gap], as: UTF8.self), fault)
      tail = try groups(String(decoding: utf8[(gap + 2)...], as: UTF8.self), fault)
      guard head.count + tail.count <= 14 else { throw fault }
      return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }
    head = try groups(string, fault)
    guard head.count == 16 else { throw fault }
    return head
  }

  private static func groups(_ text: String, _ fault: MultiformatError) throws(MultiformatError) -> [UInt8] {
    if text.isEmpty { return [] }
    var bytes: [UInt8] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, part.contains(".") {
        bytes += try parseV4(part)
        continue
      }
      guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0 != 0x2b && $0 != 0x2d }),
        let value = UInt16(part, radix: 16)
      else { throw fault }
      bytes += [UInt8(value >> 8), UInt8(value & 0xff)]
    }
    return bytes
  }

  /// The shortest text; the longest run of two or more zero groups becomes `::`. `bytes` are 16.
  package static func formatV6(_ bytes: [UInt8]) -> String {
    guard bytes.count == 16 else { return "" }
    let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
    var best = (start: 0, length: 0)
    var index = 0
    while index < 8 {
      var end = index
      while end < 8, groups[end] == 0 { end += 1 }
      if end - index > best.length { best = (index, end - index) }
      index = max(end, index + 1)
    }
    let words = groups.map { String($0, radix: 16) }
    guard best.length >= 2 else { return words.joined(separator: ":") }
    return words[..<best.start].joined(separator: ":") + "::"
      + words[(best.start + best.length)...].joined(separator: ":")
  }
}
