/// A parameter of a statement.
package enum PostgresValue: Sendable, Equatable {
  case null
  case text(String)
  case integer(Int64)
  case truth(Bool)
  case bytes([UInt8])
  case texts([String?])
  case integers([Int64])
  case truths([Bool])

  /// As the server reads it, in text form; nil for null.
  var literal: String? {
    switch self {
    case .null: nil
    case .text(let text): Self.storable(text)
    case .integer(let number): String(number)
    case .truth(let truth): truth ? "t" : "f"
    case .bytes(let bytes): Self.hexadecimal(bytes)
    case .texts(let texts): "{" + texts.map { $0.map(Self.quoted) ?? "NULL" }.joined(separator: ",") + "}"
    case .integers(let numbers): "{" + numbers.map(String.init).joined(separator: ",") + "}"
    case .truths(let truths): "{" + truths.map { $0 ? "t" : "f" }.joined(separator: ",") + "}"
    }
  }

  /// A text or null.
  package static func optional(_ text: String?) -> PostgresValue { text.map { .text($0) } ?? .null }
  /// An integer or null.
  package static func optional(_ number: Int?) -> PostgresValue { number.map { .integer(Int64($0)) } ?? .null }

  /// PostgreSQL's text has no U+0000.
  private static func storable(_ text: String) -> String {
    text.utf8.contains(0) ? String(text.map { $0 == "\u{0}" ? "\u{FFFD}" : $0 }) : text
  }

  /// An element of an array (PostgreSQL manual, section 8.15.6).
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for character in storable(text).unicodeScalars {
      if character == "\"" || character == "\\" { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(character)
    }
    return result + "\""
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = Array("\\x".utf8)
    text.reserveCapacity(2 + bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// What a statement answered.
package struct PostgresRows: Sendable {
  /// One row.
  package struct Row: Sendable {
    fileprivate let columns: [String: Int]
    fileprivate let values: [String?]

    /// The text of a column; nil for null.
    package func text(_ column: String) -> String? { columns[column].flatMap { values[$0] } }
    /// The text of a column by its position.
    package func text(_ index: Int) -> String? { values.indices.contains(index) ? values[index] : nil }
    /// The integer of a column; nil for null, and where it is none.
    package func integer(_ column: String) -> Int64? { text(column).flatMap { Int64($0) } }
    /// The integer of a column by its position.
    package func integer(_ index: Int) -> Int64? { text(index).flatMap { Int64($0) } }
    /// Whether a column is true.
    package func truth(_ column: String) -> Bool { text(column) == "t" }
    /// The bytes of a column.
    package func bytes(_ column: String) -> [UInt8]? {
      guard let text = text(column), text.hasPrefix("\\x") else { return nil }
      var bytes: [UInt8] = []
      var high: UInt8?
      for digit in text.utf8.dropFirst(2) {
        let value: UInt8
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
        default: return nil
        }
        if let first = high {
          bytes.append(first << 4 | value)
          high = nil
        } else {
          high = value
        }
      }
      return high == nil ? bytes : nil
    }
  }

  /// The rows.
  package let rows: [Row]
  /// How many rows a change concerned.
  package let changed: Int

  init(columns: [String], values: [[String?]], changed: Int) {
    let positions = Dictionary(
      columns.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })
    rows = values.map { Row(columns: positions, values: $0) }
    self.changed = changed
  }
}
