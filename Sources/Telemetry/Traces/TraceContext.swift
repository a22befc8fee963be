/// Where a span stands in a distributed trace (W3C Trace Context, level 1).
package struct TraceContext: Sendable, Hashable {
  /// The trace, in its upper and lower half.
  package let trace: (high: UInt64, low: UInt64)
  /// This span.
  package let span: UInt64
  /// The span that caused it; nil at the root.
  package let parent: UInt64?
  /// Whether whoever began the trace records it.
  package let isSampled: Bool

  init(trace: (high: UInt64, low: UInt64), span: UInt64, parent: UInt64?, isSampled: Bool) {
    self.trace = trace
    self.span = span
    self.parent = parent
    self.isSampled = isSampled
  }

  /// A new trace.
  package static func root(isSampled: Bool) -> TraceContext {
    TraceContext(trace: (identifier(), identifier()), span: identifier(), parent: nil, isSampled: isSampled)
  }

  /// A span caused by this one.
  package func child() -> TraceContext {
    TraceContext(trace: trace, span: Self.identifier(), parent: span, isSampled: isSampled)
  }

  /// Reads a `traceparent` header: the context of the caller's span. Nil where it is not valid (section 3.2), which the
  /// recommendation has treated as if there were none.
  package init?(traceparent: String) {
    let bytes = Array(traceparent.utf8)
    guard bytes.count >= 55, bytes[2] == 0x2D, bytes[35] == 0x2D, bytes[52] == 0x2D else { return nil }
    guard let version = Self.hexadecimal(bytes[0..<2]), version != 0xFF else { return nil }
    guard version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == 0x2D else { return nil }
    guard let high = Self.hexadecimal(bytes[3..<19]), let low = Self.hexadecimal(bytes[19..<35]),
      let span = Self.hexadecimal(bytes[36..<52]), let flags = Self.hexadecimal(bytes[53..<55]),
      high != 0 || low != 0, span != 0
    else { return nil }
    self.init(trace: (high, low), span: span, parent: nil, isSampled: flags & 1 == 1)
  }

  /// The header that hands this span on as the parent of what follows.
  package var traceparent: String {
    "00-\(traceID)-\(Self.text(span))-\(isSampled ? "01" : "00")"
  }

  /// The trace as 32 hexadecimal digits.
  package var traceID: String { Self.text(trace.high) + Self.text(trace.low) }
  /// The span as 16 hexadecimal digits.
  package var spanID: String { Self.text(span) }
  /// The parent as 16 hexadecimal digits.
  package var parentID: String? { parent.map(Self.text) }

  /// Equal where trace, span, parent and sampling are.
  package static func == (left: TraceContext, right: TraceContext) -> Bool {
    left.trace == right.trace && left.span == right.span && left.parent == right.parent
      && left.isSampled == right.isSampled
  }

  /// Hashes the span, which is unique.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(trace.low)
    hasher.combine(span)
  }

  private static func identifier() -> UInt64 { UInt64.random(in: 1...UInt64.max) }

  /// Lower-case digits only, as the recommendation demands.
  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      switch digit {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(digit - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return value
  }

  static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
