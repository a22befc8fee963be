/// Prometheus' text format 0.0.4, as it is being written.
struct ExpositionText {
  private(set) var bytes: [UInt8] = []

  /// The two lines that go before a metric's samples.
  mutating func header(_ name: String, _ help: String, _ type: String) {
    append("# HELP \(name) ")
    escape(help, quotes: false)
    append("\n# TYPE \(name) \(type)\n")
  }

  /// One line.
  mutating func sample(_ name: String, _ labels: [String], _ values: [String], _ value: Double) {
    append(name)
    self.labels(labels, values, bound: nil)
    append(" \(Self.number(value))\n")
  }

  /// The lines of one histogram.
  mutating func histogram(_ name: String, _ labels: [String], _ values: [String], _ histogram: Histogram) {
    let snapshot = histogram.snapshot
    for (index, count) in snapshot.cumulative.enumerated() {
      append("\(name)_bucket")
      self.labels(
        labels, values, bound: index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf")
      append(" \(count)\n")
    }
    append("\(name)_sum")
    self.labels(labels, values, bound: nil)
    append(" \(Self.number(snapshot.sum))\n\(name)_count")
    self.labels(labels, values, bound: nil)
    append(" \(snapshot.cumulative.last ?? 0)\n")
  }

  private mutating func labels(_ labels: [String], _ values: [String], bound: String?) {
    guard !labels.isEmpty || bound != nil else { return }
    var separator = "{"
    for (label, value) in zip(labels, values) {
      append("\(separator)\(label)=\"")
      escape(value, quotes: true)
      append("\"")
      separator = ","
    }
    if let bound { append("\(separator)le=\"\(bound)\"") }
    append("}")
  }

  private mutating func escape(_ text: String, quotes: Bool) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): append("\\\\")
      case UInt8(ascii: "\n"): append("\\n")
      case UInt8(ascii: "\"") where quotes: append("\\\"")
      default: bytes.append(byte)
      }
    }
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int(exactly: value) { return String(whole) }
    return "\(value)"
  }
}
