/// The types of metadata values (GGUF specification, `gguf_metadata_value_type`).
package enum GGUFValueType: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of one value; 0 for those of variable length.
  var size: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: 0
    }
  }
}

/// One metadata value.
package enum GGUFValue: Sendable, Equatable {
  case unsigned(UInt64, GGUFValueType)
  case signed(Int64, GGUFValueType)
  case float(Double, GGUFValueType)
  case bool(Bool)
  case string(String)
  case strings(GGUFStrings)
  case numbers(GGUFNumbers)

  /// The value as a non-negative integer, where it is one.
  package var integer: Int? {
    switch self {
    case .unsigned(let value, _): Int(exactly: value)
    case .signed(let value, _): value >= 0 ? Int(exactly: value) : nil
    default: nil
    }
  }

  /// The text, where it is one.
  package var string: String? { if case .string(let text) = self { text } else { nil } }

  /// The word for its type, for messages.
  package var typeName: String {
    switch self {
    case .unsigned(_, let type), .signed(_, let type), .float(_, let type): "\(type)"
    case .bool: "bool"
    case .string: "string"
    case .strings: "array of string"
    case .numbers(let numbers): "array of \(numbers.type)"
    }
  }
}

/// Many strings in one allocation; a tokenizer has hundreds of thousands. They need not be valid UTF-8.
package struct GGUFStrings: Sendable, Equatable {
  private(set) var bytes: [UInt8] = []
  private var ends: [Int] = []

  mutating func reserve(_ count: Int) { ends.reserveCapacity(count) }

  mutating func append(_ string: ArraySlice<UInt8>) {
    bytes.append(contentsOf: string)
    ends.append(bytes.count)
  }

  /// How many there are.
  package var count: Int { ends.count }

  /// The bytes of the string at `index`, which must be below ``count``.
  package func utf8(at index: Int) -> ArraySlice<UInt8> {
    bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }

  /// The string at `index`, with U+FFFD in the place of bytes that are not UTF-8.
  package subscript(index: Int) -> String { String(decoding: utf8(at: index), as: UTF8.self) }
}

/// An array of numbers as it lies in the file.
package struct GGUFNumbers: Sendable, Equatable {
  /// The type of each; neither string nor array.
  package let type: GGUFValueType
  let bytes: [UInt8]

  /// How many there are.
  package var count: Int { bytes.count / max(type.size, 1) }

  /// The element at `index`, which must be below ``count``.
  package subscript(index: Int) -> GGUFValue {
    GGUFValue(type, littleEndian: bytes[(index * type.size)..<((index + 1) * type.size)])
  }
}

extension GGUFValue {
  /// A number or a truth value from its bytes.
  init(_ type: GGUFValueType, littleEndian bytes: ArraySlice<UInt8>) {
    var raw: UInt64 = 0
    for byte in bytes.reversed() { raw = raw << 8 | UInt64(byte) }
    switch type {
    case .uint8, .uint16, .uint32, .uint64, .string, .array: self = .unsigned(raw, type)
    case .int8: self = .signed(Int64(Int8(truncatingIfNeeded: raw)), type)
    case .int16: self = .signed(Int64(Int16(truncatingIfNeeded: raw)), type)
    case .int32: self = .signed(Int64(Int32(truncatingIfNeeded: raw)), type)
    case .int64: self = .signed(Int64(truncatingIfNeeded: raw), type)
    case .float32: self = .float(Double(Float(bitPattern: UInt32(truncatingIfNeeded: raw))), type)
    case .float64: self = .float(Double(bitPattern: raw), type)
    case .bool: self = .bool(raw != 0)
    }
  }
}
