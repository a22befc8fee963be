import Synchronization

/// All metrics of a node, and their text form for Prometheus (exposition format 0.0.4).
package final class MetricsRegistry: Sendable {
  /// A value that is read when somebody asks, such as the memory in use.
  package struct Reading: Sendable {
    /// Whether it only grows.
    package enum Kind: String, Sendable {
      case counter, gauge
    }

    var name: String
    var help: String
    var kind: Kind
    var labels: [(name: String, value: String)]
    var read: @Sendable () -> Double?

    /// A value to be read. A `read` that returns nil leaves the metric out.
    package init(
      _ name: String, help: String, kind: Kind, labels: [(name: String, value: String)] = [],
      read: @escaping @Sendable () -> Double?
    ) {
      self.name = name
      self.help = help
      self.kind = kind
      self.labels = labels
      self.read = read
    }
  }

  /// Values that are read when somebody asks, of which nobody knows before which there are: one for each combination of
  /// labels.
  package struct Readings: Sendable {
    var name: String
    var help: String
    var kind: Reading.Kind
    var labels: [String]
    var read: @Sendable () -> [(values: [String], value: Double)]

    /// Values to be read; each has the values of the labels in their order.
    package init(
      _ name: String, help: String, kind: Reading.Kind, labels: [String],
      read: @escaping @Sendable () -> [(values: [String], value: Double)]
    ) {
      self.name = name
      self.help = help
      self.kind = kind
      self.labels = labels
      self.read = read
    }
  }

  private enum Entry: Sendable {
    case counter(Family<Counter>)
    case gauge(Family<Gauge>)
    case histogram(Family<Histogram>)
    case reading(Reading)
    case readings(Readings)
  }

  private let entries = Mutex<[(name: String, entry: Entry)]>([])
  private let seriesLimit: Int

  /// A registry whose metrics keep at most so many label combinations each.
  package init(seriesLimit: Int = 1000) {
    self.seriesLimit = seriesLimit
  }

  /// A counter by that name, which has to end in `_total`; asked for again, the same.
  package func counter(_ name: String, help: String, labels: [String] = []) -> Family<Counter> {
    register(name) {
      .counter(Family(name: name, help: help, labels: labels, seriesLimit: seriesLimit) { Counter() })
    } select: {
      if case .counter(let family) = $0 { family } else { nil }
    }
  }

  /// A gauge by that name; asked for again, the same.
  package func gauge(_ name: String, help: String, labels: [String] = []) -> Family<Gauge> {
    register(name) {
      .gauge(Family(name: name, help: help, labels: labels, seriesLimit: seriesLimit) { Gauge() })
    } select: {
      if case .gauge(let family) = $0 { family } else { nil }
    }
  }

  /// A histogram by that name, in base units (seconds, bytes); asked for again, the same.
  package func histogram(
    _ name: String, help: String, labels: [String] = [], bounds: [Double] = Histogram.requestBounds
  ) -> Family<Histogram> {
    register(name) {
      .histogram(
        Family(name: name, help: help, labels: labels, seriesLimit: seriesLimit) { Histogram(bounds: bounds) })
    } select: {
      if case .histogram(let family) = $0 { family } else { nil }
    }
  }

  /// Adds a value that is read at each scrape. Several of one name differ in their labels.
  package func add(_ reading: Reading) {
    entries.withLock { $0.append((reading.name, .reading(reading))) }
  }

  /// Adds values that are read at each scrape.
  package func add(_ readings: Readings) {
    entries.withLock { $0.append((readings.name, .readings(readings))) }
  }

  private func register<Found>(_ name: String, make: () -> Entry, select: (Entry) -> Found?) -> Found {
    entries.withLock { entries in
      for entry in entries where entry.name == name {
        if let found = select(entry.entry) { return found }
      }
      let entry = make()
      guard let created = select(entry) else { preconditionFailure("a metric of another kind was made for \(name)") }
      entries.append((name, entry))
      return created
    }
  }

  /// The text that Prometheus reads: each metric once, with HELP and TYPE, sorted by name.
  package func exposition() -> [UInt8] {
    var text = ExpositionText()
    var previous = ""
    for (name, entry) in entries.withLock({ $0 }).sorted(by: { $0.name < $1.name }) {
      let isFirst = name != previous
      previous = name
      switch entry {
      case .counter(let family):
        if isFirst { text.header(name, family.help, "counter") }
        for (values, series) in family.all { text.sample(name, family.labels, values, Double(series.value)) }
      case .gauge(let family):
        if isFirst { text.header(name, family.help, "gauge") }
        for (values, series) in family.all { text.sample(name, family.labels, values, Double(series.value)) }
      case .histogram(let family):
        if isFirst { text.header(name, family.help, "histogram") }
        for (values, series) in family.all { text.histogram(name, family.labels, values, series) }
      case .reading(let reading):
        guard let value = reading.read() else { continue }
        if isFirst { text.header(name, reading.help, reading.kind.rawValue) }
        text.sample(name, reading.labels.map(\.name), reading.labels.map(\.value), value)
      case .readings(let readings):
        let samples = readings.read()
        if isFirst, !samples.isEmpty { text.header(name, readings.help, readings.kind.rawValue) }
        for sample in samples.prefix(seriesLimit) { text.sample(name, readings.labels, sample.values, sample.value) }
      }
    }
    return text.bytes
  }
}
