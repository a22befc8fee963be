import Gateway
import Glibc
import ModelInterface
import ScriptedProvider
import Synchronization
import Telemetry
import Testing

@Suite(.timeLimit(.minutes(1))) struct ObservabilityTests {
  private final class Spans: SpanRecorder {
    private let spans = Mutex<[FinishedSpan]>([])

    var all: [FinishedSpan] { spans.withLock { $0 } }

    func record(_ span: FinishedSpan) {
      spans.withLock { $0.append(span) }
    }
  }

  @Test func aRequestHasAnIdentifierThatReachesTheProvider() async throws {
    try await TestNode.with { node async throws in
      let own = try await node.ask(
        "POST", "/v1/chat/completions", TestNode.chat("hi"), headers: ["x-request-id: mine-1"])
      #expect(own.header("x-request-id") == "mine-1")
      #expect(node.provider.requests.last?.context.requestID == "mine-1")
      let strange = try await node.ask("GET", "/healthz", headers: ["x-request-id: a b<script>"])
      #expect(strange.header("x-request-id")?.hasPrefix("req_") == true)
      let first = try await node.ask("GET", "/healthz").header("x-request-id")
      let second = try await node.ask("GET", "/nothing").header("x-request-id")
      #expect(first != nil && second != nil && first != second)
    }
  }

  /// A date as the C library writes it.
  private static func httpDate(_ seconds: Int64) -> String {
    var moment = time_t(seconds)
    var parts = tm()
    gmtime_r(&moment, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let length = strftime(&text, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
    return String(decoding: text.prefix(length).map(UInt8.init), as: UTF8.self)
  }

  @Test func everyAnswerSaysWhenItWasGiven() async throws {
    try await TestNode.with { node async throws in
      let before = Int64(time(nil))
      for response in [
        try await node.ask("GET", "/healthz"), try await node.ask("GET", "/nothing"),
        try await node.ask("POST", "/v1/chat/completions", TestNode.chat("hi", [("stream", true)])),
        try await node.ask("POST", "/v1/chat/completions", "{"),
      ] {
        #expect(response.headers.count { $0.name == "date" } == 1)
        let possible = (before...Int64(time(nil))).map(Self.httpDate)
        #expect(possible.contains(try #require(response.header("date"))))
      }
    }
  }

  @Test func aCallersTraceGoesOnToTheProvider() async throws {
    let spans = Spans()
    try await TestNode.with(configure: { $1.tracer = spans }) { node async throws in
      let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      _ = try await node.ask(
        "POST", "/v1/chat/completions", TestNode.chat("hi"), headers: ["traceparent: \(parent)"])
      try await TestNode.eventually { spans.all.count == 2 }
      let server = try #require(spans.all.first { $0.kind == .server })
      let work = try #require(spans.all.first { $0.kind == .internal })
      #expect(server.context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
      #expect(server.context.parentID == "00f067aa0ba902b7")
      #expect(server.name == "POST /v1/chat/completions")
      #expect(work.context.parentID == server.context.spanID)
      let handedOn = try #require(node.provider.requests.last?.context.traceparent)
      #expect(TraceContext(traceparent: handedOn)?.spanID == work.context.spanID)
    }
  }

  @Test func aTraceThatTheCallerDoesNotRecordIsNotRecordedHere() async throws {
    let spans = Spans()
    try await TestNode.with(configure: { $1.tracer = spans }) { node async throws in
      let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
      _ = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("hi"), headers: ["traceparent: \(parent)"])
    }
    #expect(spans.all.isEmpty)
  }

  @Test func metricsSayWhatHappenedInTheFormPrometheusReads() async throws {
    try await TestNode.with { node async throws in
      _ = try await node.ask("POST", "/v1/chat/completions", TestNode.chat("one two"))
      _ = try await node.ask("GET", "/no/\"such\\path")
      let response = try await node.ask("GET", "/metrics")
      #expect(response.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
      let text = response.body
      #expect(
        text.contains(
          "prsm_http_requests_total{route=\"/v1/chat/completions\",method=\"POST\",status=\"200\"} 1\n"))
      #expect(text.contains("prsm_completion_tokens_total{model=\"scripted\"} 2\n"))
      #expect(text.contains("prsm_generations_total{model=\"scripted\",outcome=\"finished\"} 1\n"))
      try checkExposition(text)
    }
  }

  /// What `promtool check metrics` demands: HELP and TYPE once and before a metric's samples, samples of one metric
  /// together, counters that end in `_total`, histograms with `+Inf`, `_sum` and `_count`, and no series twice.
  private func checkExposition(_ text: String) throws {
    #expect(text.hasSuffix("\n"))
    var types: [String: String] = [:]
    var current = ""
    var series: Set<Substring> = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("# HELP ") { continue }
      if line.hasPrefix("# TYPE ") {
        let words = line.split(separator: " ")
        try #require(words.count == 4)
        current = String(words[2])
        #expect(types[current] == nil, "\(current) is declared twice")
        types[current] = String(words[3])
        if words[3] == "counter" { #expect(current.hasSuffix("_total"), "\(current)") }
        continue
      }
      let space = try #require(line.lastIndex(of: " "))
      let name = line.prefix { $0 != "{" && $0 != " " }
      #expect(name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
      #expect(series.insert(line[..<space]).inserted, "\(line[..<space]) is there twice")
      #expect(Double(line[line.index(after: space)...].replacing("+Inf", with: "inf")) != nil, "\(line)")
      let suffixes = types[current] == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
      #expect(suffixes.contains { name == current + $0 }, "\(line) does not stand below its type")
    }
    for (name, type) in types where type == "histogram" {
      for line in text.split(separator: "\n") where line.hasPrefix("\(name)_count") {
        let labels = line.dropFirst(name.count + 6).prefix { $0 != " " }
        let bucket =
          labels.isEmpty ? "\(name)_bucket{le=\"+Inf\"}" : "\(name)_bucket\(labels.dropLast()),le=\"+Inf\"}"
        #expect(text.contains("\(bucket) \(line.split(separator: " ").last ?? "")\n"), "\(bucket)")
      }
    }
  }

  @Test func readinessNamesItsReasons() async throws {
    let reasons = Mutex(["no model is loaded"])
    try await TestNode.with(configure: { $1.unreadiness = { reasons.withLock { $0 } } }) { node async throws in
      let waiting = try await node.ask("GET", "/readyz")
      #expect(waiting.status == 503)
      #expect(try waiting.json["reasons"] == ["no model is loaded"])
      reasons.withLock { $0 = [] }
      #expect(try await node.ask("GET", "/readyz").status == 200)
    }
  }
}
