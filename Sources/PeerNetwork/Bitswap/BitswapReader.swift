internal import Multiformats
internal import PeerProtocols

/// Reads bitswap messages off a stream: each large block straight into an array of its own, and the rest as one message.
struct BitswapReader {
  /// Blocks from this size on are not copied out of a message.
  private static let largeBlock = 16 << 10
  private static let chunk = 32 << 10

  private let stream: any PeerStream
  /// Bytes read ahead, and how many of them are used up.
  private var ahead: [UInt8] = []
  private var offset = 0

  init(_ stream: any PeerStream) { self.stream = stream }

  /// The next message; nil where the stream ends in front of it.
  ///
  /// - Throws: as reading throws; `.malformed`, `.tooLarge`.
  mutating func next() async throws(PeerError) -> BitswapMessage? {
    guard try await hasMore() else { return nil }
    var left = Int.max
    let length = try await number(&left)
    guard length <= UInt64(BitswapMessage.maximumSize) else {
      throw PeerError(
        .tooLarge, "bitswap: a message of \(length) bytes announced, at most \(BitswapMessage.maximumSize)")
    }
    left = Int(length)
    var small: [UInt8] = []
    var blocks: [BitswapMessage.Payload] = []
    while left > 0 {
      let tag = try await number(&left)
      switch tag & 7 {
      case 0:
        Varint.append(tag, to: &small)
        Varint.append(try await number(&left), to: &small)
      case 2:
        let count = try await size(&left)
        if tag >> 3 == 3, count >= Self.largeBlock {
          blocks.append(try await block(count))
        } else {
          Varint.append(tag, to: &small)
          Varint.append(UInt64(count), to: &small)
          try await take(count, into: &small)
        }
        left -= count
      // Of no field of bitswap, and so passed over.
      case 1, 5:
        let count = tag & 7 == 1 ? 8 : 4
        guard count <= left else { throw PeerError(.malformed, "bitswap: a message ends inside a number") }
        var dropped: [UInt8] = []
        try await take(count, into: &dropped)
        left -= count
      case let type: throw PeerError(.malformed, "bitswap: a field of wire type \(type), expected 0, 1, 2 or 5")
      }
    }
    var message = try BitswapMessage(decoding: small)
    message.payloads += blocks
    return message
  }

  /// A block's message of `count` bytes: usually what its CID begins with, and then its bytes to the end.
  private mutating func block(_ count: Int) async throws(PeerError) -> BitswapMessage.Payload {
    var left = count
    var head: [UInt8] = []
    while left > 0 {
      let tag = try await number(&left)
      guard tag & 7 == 2 else { throw PeerError(.malformed, "bitswap: a block's field is not bytes") }
      let length = try await size(&left)
      if tag >> 3 == 2, length == left {
        guard length <= BitswapMessage.maximumBlockSize else {
          throw PeerError(
            .tooLarge, "bitswap: a block of \(length) bytes, at most \(BitswapMessage.maximumBlockSize)")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        try await take(length, into: &bytes)
        return try BitswapMessage.payload(prefixedBy: head, bytes)
      }
      Varint.append(tag, to: &head)
      Varint.append(UInt64(length), to: &head)
      try await take(length, into: &head)
      left -= length
    }
    return try BitswapMessage.payload(prefixedBy: head, nil)
  }

  // MARK: Bytes

  private mutating func hasMore() async throws(PeerError) -> Bool {
    if offset < ahead.count { return true }
    ahead.removeAll(keepingCapacity: true)
    offset = 0
    guard let more = try await stream.read(upTo: Self.chunk) else { return false }
    ahead = more
    return true
  }

  private mutating func number(_ left: inout Int) async throws(PeerError) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      guard left > 0, try await hasMore() else {
        throw PeerError(.malformed, "bitswap: a message ends inside a number")
      }
      let byte = ahead[offset]
      offset += 1
      left -= 1
      if index == 9, byte > 1 { break }
      value |= UInt64(byte & 0x7f) << UInt64(7 * index)
      if byte & 0x80 == 0 { return value }
    }
    throw PeerError(.malformed, "bitswap: a number exceeds 64 bits")
  }

  /// A length, which leaves what it announces in `left`.
  private mutating func size(_ left: inout Int) async throws(PeerError) -> Int {
    let length = try await number(&left)
    guard length <= UInt64(left) else {
      throw PeerError(.malformed, "bitswap: a field of \(length) bytes, \(left) are left of the message")
    }
    return Int(length)
  }

  private mutating func take(_ count: Int, into bytes: inout [UInt8]) async throws(PeerError) {
    let here = min(count, ahead.count - offset)
    bytes.append(contentsOf: ahead[offset..<(offset + here)])
    offset += here
    if here < count { try await stream.readExactly(count - here, into: &bytes) }
  }
}
