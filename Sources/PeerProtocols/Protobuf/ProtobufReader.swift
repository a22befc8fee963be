internal import Multiformats

/// One field of a protobuf message (https://protobuf.dev/programming-guides/encoding/).
package struct ProtobufField: Sendable {
  /// The value as its wire type has it.
  package enum Value: Sendable {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    /// Shares the storage of the message.
    case bytes(ArraySlice<UInt8>)
  }

  package let number: Int
  package let value: Value

  /// - Throws: `.malformed` unless the field is a varint.
  package func varint() throws(PeerError) -> UInt64 {
    guard case .varint(let value) = value else { throw mistyped("a varint") }
    return value
  }

  /// A varint as a signed number in two's complement (`int32`, `int64`).
  package func signed() throws(PeerError) -> Int64 { Int64(bitPattern: try varint()) }

  /// A varint as a flag.
  package func flag() throws(PeerError) -> Bool { try varint() != 0 }

  /// The bytes, sharing the message's storage.
  package func slice() throws(PeerError) -> ArraySlice<UInt8> {
    guard case .bytes(let value) = value else { throw mistyped("bytes") }
    return value
  }

  /// A copy of the bytes.
  ///
  /// - Parameter maximum: more bytes than this are refused as `.tooLarge`.
  package func bytes(maximum: Int = .max) throws(PeerError) -> [UInt8] {
    let slice = try slice()
    guard slice.count <= maximum else {
      throw PeerError(.tooLarge, "protobuf field \(number): \(slice.count) bytes, at most \(maximum)")
    }
    return Array(slice)
  }

  /// The bytes as UTF-8 text.
  package func text(maximum: Int = 4_096) throws(PeerError) -> String {
    guard let text = String(validating: try bytes(maximum: maximum), as: UTF8.self) else {
      throw PeerError(.malformed, "protobuf field \(number): not UTF-8 text")
    }
    return text
  }

  /// The bytes as a message of their own.
  package func message() throws(PeerError) -> ProtobufReader { ProtobufReader(try slice()) }

  /// `fixed64`.
  package func fixed64() throws(PeerError) -> UInt64 {
    guard case .fixed64(let value) = value else { throw mistyped("fixed64") }
    return value
  }

  /// `double`.
  package func double() throws(PeerError) -> Double { Double(bitPattern: try fixed64()) }

  private func mistyped(_ expected: String) -> PeerError {
    PeerError(.malformed, "protobuf field \(number): \(expected) expected, found another wire type")
  }
}

/// Reads a protobuf message field by field, without copying.
///
/// Groups, field number 0, numbers above 64 bits and lengths beyond the message are refused. A field that a caller does not
/// know is passed over by asking for the next.
package struct ProtobufReader: Sendable {
  private let bytes: ArraySlice<UInt8>
  private var offset: Int

  package init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    self.offset = bytes.startIndex
  }

  package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

  /// The next field, or nil at the message's end.
  ///
  /// - Throws: `.malformed`.
  package mutating func next() throws(PeerError) -> ProtobufField? {
    guard offset < bytes.endIndex else { return nil }
    let tag = try varint()
    let number = tag >> 3
    guard number > 0, number < 1 << 29 else {
      throw PeerError(.malformed, "protobuf: field number \(number), expected 1 to \((1 << 29) - 1)")
    }
    switch tag & 7 {
    case 0: return ProtobufField(number: Int(number), value: .varint(try varint()))
    case 1: return ProtobufField(number: Int(number), value: .fixed64(try fixed(8)))
    case 2:
      let length = try varint()
      guard length <= UInt64(bytes.endIndex - offset) else {
        throw PeerError(
          .malformed, "protobuf field \(number): \(length) bytes announced, \(bytes.endIndex - offset) left")
      }
      let slice = bytes[offset..<(offset + Int(length))]
      offset += Int(length)
      return ProtobufField(number: Int(number), value: .bytes(slice))
    case 5: return ProtobufField(number: Int(number), value: .fixed32(UInt32(truncatingIfNeeded: try fixed(4))))
    case let type: throw PeerError(.malformed, "protobuf field \(number): wire type \(type), expected 0, 1, 2 or 5")
    }
  }

  /// Reads the message as one run of varints: a packed repeated field.
  package mutating func packedVarints(maximum: Int) throws(PeerError) -> [UInt64] {
    var numbers: [UInt64] = []
    while offset < bytes.endIndex {
      guard numbers.count < maximum else { throw PeerError(.tooLarge, "protobuf: more than \(maximum) packed numbers") }
      numbers.append(try varint())
    }
    return numbers
  }

  private mutating func varint() throws(PeerError) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<10 {
      guard offset < bytes.endIndex else { throw PeerError(.malformed, "protobuf: the bytes end inside a number") }
      let byte = bytes[offset]
      offset += 1
      if index == 9, byte > 1 { break }
      value |= UInt64(byte & 0x7f) << UInt64(7 * index)
      if byte & 0x80 == 0 { return value }
    }
    throw PeerError(.malformed, "protobuf: a number exceeds 64 bits")
  }

  private mutating func fixed(_ count: Int) throws(PeerError) -> UInt64 {
    guard bytes.endIndex - offset >= count else {
      throw PeerError(.malformed, "protobuf: the bytes end inside a number")
    }
    var value: UInt64 = 0
    for index in 0..<count { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    offset += count
    return value
  }
}
