/// Appends little-endian values to a growing list of bytes.
struct PredictorWriter {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ value: Float) { append(value.bitPattern) }

  mutating func append(_ values: [Float]) {
    append(UInt32(clamping: values.count))
    for value in values { append(value) }
  }

  mutating func append(bytes: [UInt8]) {
    append(UInt32(clamping: bytes.count))
    self.bytes.append(contentsOf: bytes)
  }

  mutating func append(_ text: String) {
    let utf8 = Array(text.utf8.prefix(Int(UInt16.max)))
    append(UInt16(utf8.count))
    bytes.append(contentsOf: utf8)
  }
}

/// Reads what `PredictorWriter` wrote, and believes none of it.
struct PredictorReader {
  private let bytes: ArraySlice<UInt8>
  private var position: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  var remaining: Int { bytes.endIndex - position }

  mutating func integer<Value: FixedWidthInteger>(_ what: String) throws(RoutingError) -> Value {
    let size = MemoryLayout<Value>.size
    try need(size, what)
    var value: Value = 0
    for offset in (0..<size).reversed() {
      value = (size > 1 ? value << 8 : 0) | Value(truncatingIfNeeded: bytes[position + offset])
    }
    position += size
    return value
  }

  mutating func float(_ what: String) throws(RoutingError) -> Float {
    let bits: UInt32 = try integer(what)
    let value = Float(bitPattern: bits)
    guard value.isFinite else { throw .unreadablePredictor(reason: "\(what) is not a finite number") }
    return value
  }

  mutating func floats(_ what: String, count expected: Int) throws(RoutingError) -> [Float] {
    let count: UInt32 = try integer(what)
    guard Int(count) == expected else {
      throw .unreadablePredictor(reason: "\(what): expected \(expected) numbers, found \(count)")
    }
    try need(4 * expected, what)
    var values: [Float] = []
    values.reserveCapacity(expected)
    for _ in 0..<expected { values.append(try float(what)) }
    return values
  }

  mutating func text(_ what: String) throws(RoutingError) -> String {
    let count: UInt16 = try integer(what)
    try need(Int(count), what)
    defer { position += Int(count) }
    guard let text = String(validating: bytes[position..<(position + Int(count))], as: UTF8.self) else {
      throw .unreadablePredictor(reason: "\(what) is not UTF-8")
    }
    return text
  }

  /// A list of bytes behind its length.
  mutating func bytes(_ what: String) throws(RoutingError) -> [UInt8] {
    let count: UInt32 = try integer(what)
    try need(Int(count), what)
    defer { position += Int(count) }
    return Array(bytes[position..<(position + Int(count))])
  }

  private func need(_ count: Int, _ what: String) throws(RoutingError) {
    guard remaining >= count else {
      throw .unreadablePredictor(reason: "cut short at \(what): expected \(count) more bytes, found \(remaining)")
    }
  }
}
