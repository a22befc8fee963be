internal import Multiformats

/// Writes a protobuf message field by field, in the order called.
package struct ProtobufWriter: Sendable {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  package mutating func varint(_ number: Int, _ value: UInt64) {
    tag(number, 0)
    append(value)
  }

  /// `int32` and `int64`: negative numbers take ten bytes.
  package mutating func signed(_ number: Int, _ value: Int64) { varint(number, UInt64(bitPattern: value)) }

  package mutating func flag(_ number: Int, _ value: Bool) { varint(number, value ? 1 : 0) }

  package mutating func bytes(_ number: Int, _ value: some Collection<UInt8>) {
    tag(number, 2)
    append(UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  package mutating func text(_ number: Int, _ value: String) { bytes(number, value.utf8) }

  /// A message within the message.
  package mutating func message(_ number: Int, _ body: (inout ProtobufWriter) -> Void) {
    var inner = ProtobufWriter()
    body(&inner)
    bytes(number, inner.bytes)
  }

  /// Begins a message within the message whose length is known; its fields follow by further calls.
  package mutating func begin(_ number: Int, length: Int) {
    tag(number, 2)
    append(UInt64(length))
  }

  /// Appends what is a field, or part of one, already.
  package mutating func raw(_ field: some Collection<UInt8>) { bytes.append(contentsOf: field) }

  package mutating func fixed64(_ number: Int, _ value: UInt64) {
    tag(number, 1)
    for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }

  package mutating func double(_ number: Int, _ value: Double) { fixed64(number, value.bitPattern) }

  private mutating func tag(_ number: Int, _ wireType: UInt64) { append(UInt64(number) << 3 | wireType) }

  private mutating func append(_ value: UInt64) { Varint.append(value, to: &bytes) }
}
