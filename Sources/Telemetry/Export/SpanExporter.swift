package import Logging
import ServiceLifecycle
import Synchronization

/// Gathers finished spans and sends them in batches to an OpenTelemetry collector, by OTLP/HTTP with JSON bodies
/// (OpenTelemetry Protocol 1.5, "OTLP/HTTP Request"). How bytes get there is its owner's to say.
///
/// Bounded: spans that find the queue full are dropped and counted, and so is a batch that could not be sent, for the
/// node's work is worth more than its traces.
package final class SpanExporter: SpanRecorder, Service {
  /// How spans are gathered.
  package struct Configuration: Sendable, Equatable {
    /// The node's name, `service.name`.
    package var serviceName = "prsm"
    /// The program's version, `service.version`.
    package var serviceVersion = "0.1.0"
    /// The most spans that wait.
    package var queueLimit = 4096
    /// The most spans in one body.
    package var batchLimit = 512
    /// The longest that a span waits before it is sent.
    package var interval = Duration.seconds(2)

    /// The usual sizes.
    package init() {}
  }

  /// Delivers one body, `content-type: application/json`, to the collector's `/v1/traces`; throws where it did not
  /// arrive. It sees to its own deadline.
  package typealias Delivery = @Sendable (_ body: [UInt8]) async throws -> Void

  private struct State {
    var waiting: [FinishedSpan] = []
    var isComplaining = false
  }

  private let configuration: Configuration
  private let deliver: Delivery
  private let logger: Logger
  private let state = Mutex(State())
  private let sent: Counter
  private let dropped: Counter

  /// An exporter that sends nothing before it runs.
  package init(
    configuration: Configuration = Configuration(), metrics: MetricsRegistry, logger: Logger,
    deliver: @escaping Delivery
  ) {
    self.configuration = configuration
    self.deliver = deliver
    self.logger = logger
    sent = metrics.counter("prsm_trace_spans_sent_total", help: "Spans that the trace collector took.")()
    dropped = metrics.counter(
      "prsm_trace_spans_dropped_total", help: "Spans that were lost: the queue was full, or the collector away.")()
  }

  /// How many spans wait to be sent.
  package var waiting: Int { state.withLock { $0.waiting.count } }

  /// Takes a span, or drops it where too many wait.
  package func record(_ span: FinishedSpan) {
    let isTaken = state.withLock { state in
      guard state.waiting.count < configuration.queueLimit else { return false }
      state.waiting.append(span)
      return true
    }
    if !isTaken { dropped.add() }
  }

  /// Sends what waits, again and again, until the node shuts down; then what is left, once.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do { try await Task.sleep(for: self.configuration.interval) } catch { break }
        await self.flush()
      }
    }
    await flush()
  }

  /// Sends everything that waits now.
  package func flush() async {
    while true {
      let batch = state.withLock { state in
        let batch = Array(state.waiting.prefix(configuration.batchLimit))
        state.waiting.removeFirst(batch.count)
        return batch
      }
      guard !batch.isEmpty else { return }
      do {
        try await deliver(
          TraceDocument.bytes(
            batch, serviceName: configuration.serviceName, serviceVersion: configuration.serviceVersion))
        sent.add(batch.count)
        state.withLock { $0.isComplaining = false }
      } catch {
        dropped.add(batch.count)
        complain(error, batch.count)
        return
      }
    }
  }

  /// One line for a collector that went away, not one for each batch.
  private func complain(_ error: any Error, _ count: Int) {
    let isFirst = state.withLock { state in
      defer { state.isComplaining = true }
      return !state.isComplaining
    }
    guard isFirst else { return }
    logger.warning(
      "the trace collector does not take spans; they are dropped until it does",
      metadata: ["error": "\(error)", "spans": .string(String(count))])
  }
}
