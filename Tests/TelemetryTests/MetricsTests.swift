import Telemetry
import Testing

@Suite struct MetricsTests {
  private func text(_ registry: MetricsRegistry) -> String { String(decoding: registry.exposition(), as: UTF8.self) }

  @Test func theTextIsWhatPrometheusReads() {
    let registry = MetricsRegistry()
    registry.counter("b_total", help: "Counts \\ and\nlines.", labels: ["who"])("a\"b\\c\nd").add(2)
    registry.gauge("a_level", help: "A level.")().set(-3)
    let histogram = registry.histogram("c_seconds", help: "Times.", bounds: [0.5, 1])()
    for value in [0.25, 0.5, 2, .nan] { histogram.observe(value) }
    #expect(
      text(registry) == """
        # HELP a_level A level.
        # TYPE a_level gauge
        a_level -3
        # HELP b_total Counts \\\\ and\\nlines.
        # TYPE b_total counter
        b_total{who="a\\"b\\\\c\\nd"} 2
        # HELP c_seconds Times.
        # TYPE c_seconds histogram
        c_seconds_bucket{le="0.5"} 2
        c_seconds_bucket{le="1"} 2
        c_seconds_bucket{le="+Inf"} 3
        c_seconds_sum 2.75
        c_seconds_count 3

        """)
  }

  @Test func aClientCannotMakeSeriesWithoutEnd() {
    let registry = MetricsRegistry(seriesLimit: 3)
    let family = registry.counter("requests_total", help: "Requests.", labels: ["model"])
    for index in 0..<100 { family("model\(index)").add() }
    let lines = text(registry).split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(lines.count == 4)
    #expect(lines.contains("requests_total{model=\"other\"} 97"))
  }

  @Test func aMetricAskedForTwiceIsTheSame() {
    let registry = MetricsRegistry()
    registry.counter("x_total", help: "X.")().add()
    registry.counter("x_total", help: "X.")().add()
    #expect(text(registry).hasSuffix("x_total 2\n"))
  }

  @Test func aCounterNeverFalls() {
    let counter = Counter()
    counter.add(5)
    counter.add(-3)
    #expect(counter.value == 5)
  }

  @Test func processMetricsAreThere() {
    let registry = MetricsRegistry()
    registry.addProcessMetrics()
    let text = text(registry)
    #expect(text.contains("process_start_time_seconds "))
    #expect(text.contains("process_cpu_seconds_total "))
  }
}
