package import ModelInterface

/// JSON text as it is written: bytes appended in order, with no values in between. For what is sent often.
package struct JSONText: Sendable {
  /// What was written so far.
  package private(set) var bytes: [UInt8] = []

  /// Nothing written yet.
  package init(capacity: Int = 512) {
    bytes.reserveCapacity(capacity)
  }

  /// Appends text as it is.
  package mutating func raw(_ text: StaticString) {
    text.withUTF8Buffer { bytes.append(contentsOf: $0) }
  }

  /// Appends bytes as they are.
  package mutating func raw(_ other: [UInt8]) {
    bytes.append(contentsOf: other)
  }

  /// Appends text, with quotes and escapes.
  package mutating func string(_ text: String) {
    JSONValue.write(text, into: &bytes)
  }

  /// Appends text with quotes and escapes, or `null`.
  package mutating func string(_ text: String?) {
    if let text { string(text) } else { raw("null") }
  }

  /// Appends an integer.
  package mutating func integer(_ value: Int) {
    if value >= 0, value < 10 {
      bytes.append(UInt8(ascii: "0") + UInt8(value))
    } else {
      bytes.append(contentsOf: String(value).utf8)
    }
  }

  /// Appends a number in its shortest form. What is not finite becomes -9999, as OpenAI reports an impossible token.
  package mutating func number(_ value: Float) {
    bytes.append(contentsOf: (value.isFinite ? "\(value)" : "-9999.0").utf8)
  }

  /// Appends a number in its shortest form, or `null` where it is not finite.
  package mutating func number(_ value: Double) {
    if value.isFinite { bytes.append(contentsOf: "\(value)".utf8) } else { raw("null") }
  }

  /// Appends a truth value.
  package mutating func bool(_ value: Bool) {
    if value { raw("true") } else { raw("false") }
  }

  /// Appends any value.
  package mutating func value(_ value: JSONValue) {
    value.write(into: &bytes)
  }

  /// Appends elements with commas between them, in brackets.
  package mutating func array<Elements: Sequence>(
    _ elements: Elements, _ write: (inout JSONText, Elements.Element) -> Void
  ) {
    raw("[")
    var isFirst = true
    for element in elements {
      if !isFirst { raw(",") }
      isFirst = false
      write(&self, element)
    }
    raw("]")
  }

  /// Forgets what was written, keeping the memory.
  package mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
  }
}
