extension RawSpan {
  /// The byte at `offset`, which must lie within the span.
  package func byte(at offset: Int) -> UInt8 {
    unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// A copy of `count` bytes from `offset`, or nil where the span does not hold them.
  package func copy(from offset: Int, count: Int) -> [UInt8]? {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else { return nil }
    if count == 0 { return [] }
    return withUnsafeBytes { [UInt8]($0[offset..<(offset + count)]) }
  }
}
