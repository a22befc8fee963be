/// The 12 bytes in front of every yamux frame, in network order
/// (https://github.com/hashicorp/yamux/blob/master/spec.md; https://github.com/libp2p/specs/blob/master/yamux/README.md).
package struct YamuxHeader: Hashable, Sendable {
  package static let length = 12

  package enum Kind: UInt8, Hashable, Sendable {
    case data = 0
    case windowUpdate = 1
    case ping = 2
    case goAway = 3
  }

  package struct Flags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }
    package static let syn = Self(rawValue: 1)
    package static let ack = Self(rawValue: 2)
    package static let fin = Self(rawValue: 4)
    package static let rst = Self(rawValue: 8)
  }

  package var kind: Kind
  package var flags: Flags
  /// 0 for the session itself.
  package var stream: UInt32
  /// Bytes that follow (data), bytes granted (window update), an opaque value (ping), a reason (go away).
  package var value: UInt32

  package init(_ kind: Kind, flags: Flags = [], stream: UInt32, value: UInt32) {
    self.kind = kind
    self.flags = flags
    self.stream = stream
    self.value = value
  }

  /// - Throws: `.malformed` for another version, type or flag than the specification has.
  package init(decoding bytes: some RandomAccessCollection<UInt8>) throws(PeerError) {
    func byte(_ offset: Int) -> UInt32 { UInt32(bytes[bytes.index(bytes.startIndex, offsetBy: offset)]) }
    precondition(bytes.count == Self.length)
    guard byte(0) == 0 else { throw PeerError(.malformed, "yamux: version \(byte(0)), expected 0") }
    guard let kind = Kind(rawValue: UInt8(byte(1))) else {
      throw PeerError(.malformed, "yamux: frame type \(byte(1)), expected 0 to 3")
    }
    let flags = UInt16(byte(2) << 8 | byte(3))
    guard flags & ~0xf == 0 else { throw PeerError(.malformed, "yamux: flags \(flags), expected 0 to 15") }
    self.init(
      kind, flags: Flags(rawValue: flags), stream: byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7),
      value: byte(8) << 24 | byte(9) << 16 | byte(10) << 8 | byte(11))
  }

  /// Appends the header as it travels.
  package func append(to bytes: inout [UInt8]) {
    bytes.append(0)
    bytes.append(kind.rawValue)
    bytes.append(UInt8(flags.rawValue >> 8))
    bytes.append(UInt8(flags.rawValue & 0xff))
    for number in [stream, value] {
      for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
  }

  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    append(to: &bytes)
    return bytes
  }
}
