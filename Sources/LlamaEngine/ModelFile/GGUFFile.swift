/// The header of a GGUF model file, read and checked before llama.cpp sees the file.
///
/// llama.cpp aborts the process on some malformed files. This reader follows the GGUF specification (versions 2 and 3,
/// little-endian) and checks every count, length, shape and place against the size of the file; nothing in a file can
/// make it trap or allocate more than ``Limit`` allows.
package struct GGUFFile: Sendable {
  /// What is read at most. Past a limit the error is ``GGUFError/Code/tooLarge``.
  package enum Limit {
    /// Metadata keys.
    package static let metadata = 65_536
    /// Bytes of a key (GGUF specification).
    package static let keyLength = 65_535
    /// Bytes of a text, such as a chat template.
    package static let textLength = 64 << 20
    /// Elements of an array, such as a vocabulary.
    package static let arrayLength = 1 << 24
    /// Tensors.
    package static let tensors = 262_144
    /// Bytes of a tensor's name in llama.cpp.
    package static let tensorNameLength = 63
    /// Bytes to which tensor data is aligned.
    package static let alignment: UInt64 = 1 << 20
    /// Bytes of the whole header.
    package static let header: UInt64 = 512 << 20
  }

  /// The file's last path component, as errors name it.
  package let name: String
  /// Bytes of the file.
  package let fileSize: UInt64
  /// 2 or 3.
  package let version: UInt32
  /// Metadata by key.
  package let metadata: [String: GGUFValue]
  /// The keys in the order in which the file has them.
  package let keys: [String]
  /// The tensors in the order in which their data lies.
  package let tensors: [GGUFTensor]
  /// Bytes to which tensor data is aligned, a power of two.
  package let alignment: UInt64
  /// Where tensor data starts.
  package let dataOffset: UInt64

  /// Reads the header of the file at `path`.
  package init(path: String) throws(GGUFError) {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    try self.init(GGUFByteSource(path: path, name: name), name: name)
  }

  /// Reads the header of a file that is in memory.
  package init(bytes: [UInt8], name: String) throws(GGUFError) {
    try self.init(GGUFByteSource(memory: bytes), name: name)
  }

  /// Reads the header of what lies in `source`.
  init(_ source: consuming GGUFByteSource, name: String) throws(GGUFError) {
    self.name = name
    fileSize = source.size
    var cursor = GGUFCursor(source, file: name)
    let header = try Self.header(&cursor)
    version = header.version
    (keys, metadata) = try Self.metadata(&cursor, count: header.metadata)
    alignment = try Self.alignment(metadata["general.alignment"], cursor)
    tensors = try Self.tensors(&cursor, count: header.tensors)
    guard cursor.position <= Limit.header else {
      throw cursor.failure(
        .tooLarge, "the header", expected: "at most \(Limit.header) bytes", found: "\(cursor.position)")
    }
    dataOffset = Self.aligned(cursor.position, to: alignment)
    try Self.checkPlaces(tensors, dataOffset: dataOffset, alignment: alignment, cursor)
  }

  /// Bytes of tensor data, without padding after the last tensor.
  package var weightBytes: UInt64 { tensors.last.map { $0.offset + $0.byteCount } ?? 0 }

  /// `value` raised to a multiple of `alignment`; callers stay far below overflow.
  static func aligned(_ value: UInt64, to alignment: UInt64) -> UInt64 {
    (value &+ alignment &- 1) & ~(alignment &- 1)
  }
}

extension GGUFFile {
  private static func header(
    _ cursor: inout GGUFCursor
  ) throws(GGUFError) -> (version: UInt32, tensors: Int, metadata: Int) {
    guard cursor.remaining >= 4 else {
      throw cursor.failure(
        .notGGUF, "the first four bytes", expected: "`GGUF`", found: "a file of \(cursor.remaining) bytes")
    }
    let magic = try cursor.bytes(4, "the magic")
    guard Array(magic) == Array("GGUF".utf8) else {
      throw cursor.failure(
        .notGGUF, "the first four bytes", expected: "`GGUF`", found: spelled(magic),
        advice: "Only GGUF models are read; convert others with llama.cpp's conversion script, and unpack archives.")
    }
    let version = try cursor.integer(UInt32.self, "the version")
    guard version == 2 || version == 3 else {
      let swapped = version.byteSwapped == 2 || version.byteSwapped == 3
      throw cursor.failure(
        .unsupportedVersion, "the version", expected: "2 or 3",
        found: swapped ? "\(version.byteSwapped) in big-endian order" : "\(version)",
        advice: swapped
          ? "Get the little-endian file of this model." : "Convert the model again with a current llama.cpp.")
    }
    let tensors = try cursor.integer(UInt64.self, "the number of tensors")
    let metadata = try cursor.integer(UInt64.self, "the number of metadata keys")
    // A tensor takes at least 25 bytes (name length, one byte of name, dimensions, type, offset), a key 14.
    for (what, count, limit, unit) in [
      ("tensors", tensors, Limit.tensors, UInt64(25)), ("metadata keys", metadata, Limit.metadata, 14),
    ] {
      guard count <= UInt64(limit) else {
        throw cursor.failure(.tooLarge, "the number of \(what)", expected: "at most \(limit)", found: "\(count)")
      }
      guard count * unit <= cursor.remaining else {
        throw cursor.failure(
          .truncated, "the header", expected: "at least \(count * unit) bytes for \(count) \(what)",
          found: "\(cursor.remaining), so at least \(count * unit - cursor.remaining) bytes are missing")
      }
    }
    return (version, Int(tensors), Int(metadata))
  }

  private static func spelled(_ bytes: ArraySlice<UInt8>) -> String {
    if bytes.elementsEqual([0x50, 0x4B, 0x03, 0x04]) { return "a ZIP archive (a wheel or a PyTorch checkpoint)" }
    if bytes.starts(with: [0x1F, 0x8B]) { return "gzip data" }
    if bytes.elementsEqual("vers".utf8) { return "text such as a Git LFS pointer" }
    if bytes.elementsEqual("ggml".utf8) || bytes.elementsEqual("lmgg".utf8) { return "the old GGML format" }
    if bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) { return "`\(String(decoding: bytes, as: UTF8.self))`" }
    let digits = Array("0123456789abcdef")
    return "the bytes "
      + bytes.map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined(separator: " ")
  }

  private static func metadata(
    _ cursor: inout GGUFCursor, count: Int
  ) throws(GGUFError) -> ([String], [String: GGUFValue]) {
    var keys: [String] = []
    var values: [String: GGUFValue] = [:]
    for index in 0..<count {
      let key = try cursor.text(limit: Limit.keyLength, "the name of metadata key \(index)")
      guard !key.isEmpty, !key.utf8.contains(0) else {
        throw cursor.failure(.malformed, "the name of metadata key \(index)", expected: "a name", found: "none")
      }
      let value = try value(&cursor, key: key)
      guard values.updateValue(value, forKey: key) == nil else {
        throw cursor.failure(.malformed, "metadata key `\(key)`", expected: "each key once", found: "it twice")
      }
      keys.append(key)
      guard cursor.position <= Limit.header else {
        throw cursor.failure(
          .tooLarge, "the header", expected: "at most \(Limit.header) bytes", found: "\(cursor.position) and more")
      }
    }
    return (keys, values)
  }

  private static func valueType(_ cursor: inout GGUFCursor, key: String) throws(GGUFError) -> GGUFValueType {
    let code = try cursor.integer(UInt32.self, "the type of `\(key)`")
    guard let type = GGUFValueType(rawValue: code) else {
      throw cursor.failure(.malformed, "the type of `\(key)`", expected: "a number from 0 to 12", found: "\(code)")
    }
    return type
  }

  private static func value(_ cursor: inout GGUFCursor, key: String) throws(GGUFError) -> GGUFValue {
    let type = try valueType(&cursor, key: key)
    switch type {
    case .string: return .string(try cursor.text(limit: Limit.textLength, "`\(key)`"))
    case .array: return try array(&cursor, key: key)
    default:
      let bytes = try cursor.bytes(type.size, "`\(key)`")
      if type == .bool { try checkBools(bytes, key: key, cursor) }
      return GGUFValue(type, littleEndian: bytes)
    }
  }

  private static func array(_ cursor: inout GGUFCursor, key: String) throws(GGUFError) -> GGUFValue {
    let type = try valueType(&cursor, key: key)
    switch type {
    case .array:
      throw cursor.failure(
        .malformed, "`\(key)`", expected: "an array of numbers or strings", found: "arrays in an array",
        advice: "llama.cpp reads no nested arrays; convert the model with a current llama.cpp.")
    case .string:
      let count = try cursor.count(limit: Limit.arrayLength, unit: 8, "the length of `\(key)`")
      var strings = GGUFStrings()
      strings.reserve(count)
      for index in 0..<count {
        let length = try cursor.count(limit: Limit.textLength, unit: 1, "the length of `\(key)`[\(index)]")
        strings.append(try cursor.bytes(length, "`\(key)`[\(index)]"))
        guard cursor.position <= Limit.header else {
          throw cursor.failure(
            .tooLarge, "the header", expected: "at most \(Limit.header) bytes", found: "\(cursor.position) and more")
        }
      }
      return .strings(strings)
    default:
      let count = try cursor.count(limit: Limit.arrayLength, unit: type.size, "the length of `\(key)`")
      let bytes = try cursor.bytes(count * type.size, "`\(key)`")
      if type == .bool { try checkBools(bytes, key: key, cursor) }
      return .numbers(GGUFNumbers(type: type, bytes: Array(bytes)))
    }
  }

  private static func checkBools(
    _ bytes: ArraySlice<UInt8>, key: String, _ cursor: borrowing GGUFCursor
  ) throws(GGUFError) {
    guard let odd = bytes.first(where: { $0 > 1 }) else { return }
    throw cursor.failure(.malformed, "`\(key)`", expected: "a bool of 0 or 1", found: "\(odd)")
  }

  private static func alignment(
    _ value: GGUFValue?, _ cursor: borrowing GGUFCursor
  ) throws(GGUFError) -> UInt64 {
    guard let value else { return 32 }
    guard case .unsigned(let alignment, .uint32) = value else {
      throw cursor.failure(.malformed, "`general.alignment`", expected: "a uint32", found: value.typeName)
    }
    guard alignment > 0, alignment & (alignment - 1) == 0, alignment <= Limit.alignment else {
      throw cursor.failure(
        .malformed, "`general.alignment`", expected: "a power of two up to \(Limit.alignment)", found: "\(alignment)")
    }
    return alignment
  }
}
