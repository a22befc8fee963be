/// Something that took time, after it is over.
package struct FinishedSpan: Sendable {
  /// Its part in a trace, by OpenTelemetry's numbers.
  package enum Kind: Int, Sendable {
    case `internal` = 1
    case server = 2
    case client = 3
  }

  /// The value of an attribute.
  package enum Value: Sendable, Equatable {
    case string(String)
    case integer(Int)
    case double(Double)
    case bool(Bool)
  }

  /// Which span of which trace.
  package var context: TraceContext
  /// What it was, of few different kinds.
  package var name: String
  /// Its part.
  package var kind: Kind
  /// When it ended, in nanoseconds since 1970.
  package var end: UInt64
  /// How long it took.
  package var duration: Duration
  /// What is known of it, by OpenTelemetry's semantic conventions where there are some.
  package var attributes: [(name: String, value: Value)]
  /// Why it failed; nil where it did not.
  package var error: String?

  /// A span that ends now.
  package init(
    context: TraceContext, name: String, kind: Kind, duration: Duration,
    attributes: [(name: String, value: Value)] = [], error: String? = nil
  ) {
    self.context = context
    self.name = name
    self.kind = kind
    end = WallClock.nanoseconds
    self.duration = duration
    self.attributes = attributes
    self.error = error
  }
}

/// Takes finished spans. Never waits: what does not fit is dropped and counted.
package protocol SpanRecorder: Sendable {
  /// Takes a span.
  func record(_ span: FinishedSpan)
}
