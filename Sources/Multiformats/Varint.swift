/// Unsigned variable-length integers, as the multiformats use them: seven bits a byte, least significant group first,
/// at most nine bytes (63 bits), and only the shortest form (https://github.com/multiformats/unsigned-varint).
package enum Varint {
  /// The most bytes one number may take.
  package static let maximumLength = 9

  /// Reads one number at `offset` and moves `offset` behind it.
  ///
  /// - Throws: `.truncated` where the bytes end inside it, `.tooLarge` beyond nine bytes, `.notCanonical` where a
  ///   shorter form exists. `offset` is left as it was.
  package static func decode(_ bytes: RawSpan, at offset: inout Int) throws(MultiformatError) -> UInt64 {
    var value: UInt64 = 0
    var position = offset
    for index in 0..<maximumLength {
      guard position >= 0, position < bytes.byteCount else {
        throw MultiformatError(.truncated, "varint at byte \(offset): the bytes end after \(index) of it")
      }
      let byte = bytes.byte(at: position)
      position += 1
      value |= UInt64(byte & 0x7f) << UInt64(7 * index)
      if byte & 0x80 == 0 {
        if byte == 0 && index > 0 {
          throw MultiformatError(.notCanonical, "varint at byte \(offset): \(index + 1) bytes where fewer suffice")
        }
        offset = position
        return value
      }
    }
    throw MultiformatError(.tooLarge, "varint at byte \(offset): longer than \(maximumLength) bytes")
  }

  /// Appends the shortest form of `value`.
  package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// The shortest form of `value`.
  package static func encode(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    append(value, to: &bytes)
    return bytes
  }

  /// How many bytes `append` would write for `value`.
  package static func length(of value: UInt64) -> Int {
    value == 0 ? 1 : (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7
  }
}
