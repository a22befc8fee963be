import Foundation
import Logging
import Synchronization
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct SpanExporterTests {
  private struct Away: Error {}

  private static let context = TraceContext(
    traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")

  private func span(_ name: String, error: String? = nil) throws -> FinishedSpan {
    FinishedSpan(
      context: try #require(Self.context).child(), name: name, kind: .server, duration: .milliseconds(1500),
      attributes: [
        ("path", .string("/\"\u{1}")), ("status", .integer(200)), ("share", .double(0.5)), ("ok", .bool(true)),
      ],
      error: error)
  }

  private func exporter(
    _ configuration: SpanExporter.Configuration = .init(), _ metrics: MetricsRegistry = MetricsRegistry(),
    deliver: @escaping SpanExporter.Delivery
  ) -> SpanExporter {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return SpanExporter(configuration: configuration, metrics: metrics, logger: logger, deliver: deliver)
  }

  @Test func aBodyIsTheJSONFormOfOTLP() async throws {
    let bodies = Mutex<[[UInt8]]>([])
    let exporter = exporter { body in bodies.withLock { $0.append(body) } }
    let span = try span("GET /", error: "broke")
    exporter.record(span)
    await exporter.flush()
    let body = try #require(bodies.withLock { $0.first })
    let document = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
    let resource = try #require((document["resourceSpans"] as? [[String: Any]])?.first)
    let attributes = (resource["resource"] as? [String: Any])?["attributes"] as? [[String: Any]]
    #expect(attributes?.first?["key"] as? String == "service.name")
    let scope = try #require((resource["scopeSpans"] as? [[String: Any]])?.first)
    let sent = try #require((scope["spans"] as? [[String: Any]])?.first)
    #expect(sent["traceId"] as? String == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(sent["spanId"] as? String == span.context.spanID)
    #expect(sent["parentSpanId"] as? String == "00f067aa0ba902b7")
    #expect(sent["kind"] as? Int == 2)
    #expect(sent["endTimeUnixNano"] as? String == String(span.end))
    #expect(sent["startTimeUnixNano"] as? String == String(span.end - 1_500_000_000))
    #expect((sent["status"] as? [String: Any])?["code"] as? Int == 2)
    let values = try #require(sent["attributes"] as? [[String: Any]]).compactMap { $0["value"] as? [String: Any] }
    #expect(values[0]["stringValue"] as? String == "/\"\u{1}")
    #expect(values[1]["intValue"] as? String == "200")
    #expect(values[2]["doubleValue"] as? Double == 0.5)
    #expect(values[3]["boolValue"] as? Bool == true)
  }

  @Test func aFullQueueDropsAndCounts() async throws {
    var configuration = SpanExporter.Configuration()
    configuration.queueLimit = 2
    let metrics = MetricsRegistry()
    let exporter = exporter(configuration, metrics) { _ in }
    for _ in 0..<5 { exporter.record(try span("x")) }
    #expect(exporter.waiting == 2)
    await exporter.flush()
    #expect(exporter.waiting == 0)
    let text = String(decoding: metrics.exposition(), as: UTF8.self)
    #expect(text.contains("prsm_trace_spans_dropped_total 3\n"))
    #expect(text.contains("prsm_trace_spans_sent_total 2\n"))
  }

  @Test func manySpansGoInSeveralBodies() async throws {
    var configuration = SpanExporter.Configuration()
    configuration.batchLimit = 2
    let count = Mutex(0)
    let exporter = exporter(configuration) { _ in count.withLock { $0 += 1 } }
    for _ in 0..<5 { exporter.record(try span("x")) }
    await exporter.flush()
    #expect(count.withLock { $0 } == 3)
  }

  @Test func aCollectorThatIsAwayCostsTheBatchAndNothingElse() async throws {
    let metrics = MetricsRegistry()
    let exporter = exporter(.init(), metrics) { _ in throw Away() }
    exporter.record(try span("x"))
    await exporter.flush()
    #expect(exporter.waiting == 0)
    #expect(String(decoding: metrics.exposition(), as: UTF8.self).contains("prsm_trace_spans_dropped_total 1\n"))
  }
}
