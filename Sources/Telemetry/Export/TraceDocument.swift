/// Spans as the body of an OTLP/HTTP request: the JSON form of protobuf's `ExportTraceServiceRequest`, in which
/// identifiers are hexadecimal and 64-bit integers are strings (OpenTelemetry Protocol 1.5, "JSON Protobuf Encoding").
package enum TraceDocument {
  /// The body for some spans of one service.
  package static func bytes(_ spans: [FinishedSpan], serviceName: String, serviceVersion: String) -> [UInt8] {
    var text = Text()
    text.raw("{\"resourceSpans\":[{\"resource\":{\"attributes\":")
    text.attributes([
      ("service.name", .string(serviceName)), ("service.version", .string(serviceVersion)),
      ("telemetry.sdk.language", .string("swift")),
    ])
    text.raw("},\"scopeSpans\":[{\"scope\":{\"name\":\"prsm\",\"version\":")
    text.string(serviceVersion)
    text.raw("},\"spans\":[")
    for (index, span) in spans.enumerated() {
      if index > 0 { text.raw(",") }
      text.span(span)
    }
    text.raw("]}]}]}")
    return text.bytes
  }

  private struct Text {
    var bytes: [UInt8] = []

    mutating func raw(_ text: String) {
      bytes.append(contentsOf: text.utf8)
    }

    /// With quotes and the escapes of RFC 8259, section 7.
    mutating func string(_ text: String) {
      raw("\"")
      for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
          bytes.append(UInt8(ascii: "\\"))
          bytes.append(byte)
        case 0..<0x20:
          raw(byte < 0x10 ? "\\u000" : "\\u00")
          raw(String(byte, radix: 16))
        default: bytes.append(byte)
        }
      }
      raw("\"")
    }

    mutating func span(_ span: FinishedSpan) {
      raw("{\"traceId\":\"\(span.context.traceID)\",\"spanId\":\"\(span.context.spanID)\"")
      if let parent = span.context.parentID { raw(",\"parentSpanId\":\"\(parent)\"") }
      raw(",\"name\":")
      string(span.name)
      raw(",\"kind\":\(span.kind.rawValue)")
      let taken = UInt64(clamping: Int(clamping: span.duration.components.seconds)).multipliedReportingOverflow(
        by: 1_000_000_000)
      let nanoseconds = taken.overflow ? span.end : taken.partialValue
      let fraction = UInt64(max(0, span.duration.components.attoseconds) / 1_000_000_000)
      let start = span.end &- min(span.end, nanoseconds &+ fraction)
      raw(",\"startTimeUnixNano\":\"\(start)\",\"endTimeUnixNano\":\"\(span.end)\"")
      raw(",\"attributes\":")
      attributes(span.attributes)
      if let error = span.error {
        raw(",\"status\":{\"code\":2,\"message\":")
        string(error)
        raw("}")
      }
      raw("}")
    }

    mutating func attributes(_ attributes: [(name: String, value: FinishedSpan.Value)]) {
      raw("[")
      for (index, attribute) in attributes.enumerated() {
        raw(index > 0 ? ",{\"key\":" : "{\"key\":")
        string(attribute.name)
        raw(",\"value\":{")
        switch attribute.value {
        case .string(let text):
          raw("\"stringValue\":")
          string(text)
        case .integer(let integer): raw("\"intValue\":\"\(integer)\"")
        case .double(let double): raw(double.isFinite ? "\"doubleValue\":\(double)" : "\"doubleValue\":\"\(double)\"")
        case .bool(let truth): raw("\"boolValue\":\(truth)")
        }
        raw("}}")
      }
      raw("]")
    }
  }
}
