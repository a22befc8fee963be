import Foundation
import ModelInterface

/// What a benchmark found: figures of our own, and ratios to a peer that did the same work in the same run.
struct BenchReport {
  /// Several measurements of one thing.
  struct Series {
    /// In the order in which they were taken.
    var values: [Double]

    /// The middle value; the mean of the two middle ones where their number is even.
    var median: Double {
      let sorted = values.sorted()
      guard !sorted.isEmpty else { return .nan }
      let middle = sorted.count / 2
      return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    var json: JSONValue {
      [
        "median": .rounded(median), "min": .rounded(values.min() ?? .nan), "max": .rounded(values.max() ?? .nan),
        "runs": .integer(values.count),
      ]
    }
  }

  /// What was measured, in the spelling of the command line.
  let bench: String
  /// What else a reader must know to judge or repeat it.
  var conditions: JSONObject = [:]
  /// Figures by name, in the order in which they are shown.
  private(set) var figures: [(name: String, series: Series)] = []
  /// Ours over the peer's, pair by pair.
  private(set) var ratios: [(name: String, series: Series)] = []

  init(bench: String) {
    self.bench = bench
  }

  mutating func add(figure name: String, _ value: Double) {
    Self.add(value, to: name, in: &figures)
  }

  mutating func add(ratio name: String, _ value: Double) {
    guard value.isFinite else { return }
    Self.add(value, to: name, in: &ratios)
  }

  private static func add(_ value: Double, to name: String, in list: inout [(name: String, series: Series)]) {
    if let index = list.firstIndex(where: { $0.name == name }) {
      list[index].series.values.append(value)
    } else {
      list.append((name, Series(values: [value])))
    }
  }

  /// The one object that `--json` prints.
  var json: JSONValue {
    [
      "bench": .string(bench),
      "at": .string(Date.now.formatted(.iso8601)),
      "machine": Machine.description,
      "conditions": .object(conditions),
      "figures": .object(JSONObject(figures.map { ($0.name, $0.series.json) })),
      "ratios": .object(JSONObject(ratios.map { ($0.name, $0.series.json) })),
    ]
  }

  /// The same as a table, with a bar for each row that shows where its median lies between nothing and its largest value.
  var table: String {
    let rows = figures.map { ($0.name, $0.series, "") } + ratios.map { ($0.name, $0.series, " x") }
    let width = rows.map(\.0.count).max() ?? 0
    var lines = ["bench \(bench)"]
    for (name, series, unit) in rows {
      let largest = max(series.values.map(abs).max() ?? 0, .leastNonzeroMagnitude)
      let filled = Int((abs(series.median) / largest * 20).rounded())
      let bar =
        String(repeating: "█", count: min(max(filled, 0), 20))
        + String(repeating: "·", count: 20 - min(max(filled, 0), 20))
      let values =
        "\(Self.text(series.median))\(unit)  (\(Self.text(series.values.min() ?? .nan)) … \(Self.text(series.values.max() ?? .nan)), \(series.values.count) runs)"
      lines.append("  " + name.padding(toLength: width, withPad: " ", startingAt: 0) + "  \(bar)  \(values)")
    }
    return lines.joined(separator: "\n")
  }

  private static func text(_ value: Double) -> String {
    JSONValue.rounded(value).text
  }
}

extension JSONValue {
  /// A number to four significant digits, which is more than a shared machine can repeat.
  static func rounded(_ value: Double) -> JSONValue {
    guard value.isFinite else { return .null }
    return .double(Double(String(format: "%.4g", value)) ?? value)
  }
}

/// The machine that a benchmark ran on.
enum Machine {
  static var description: JSONValue {
    let info = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let model = info.split(separator: "\n").first { $0.hasPrefix("model name") }?.split(separator: ":").last
    return [
      "cpu": .string(model.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"),
      "cores": .integer(ProcessInfo.processInfo.activeProcessorCount),
      "memory_gib": .rounded(Double(ProcessInfo.processInfo.physicalMemory) / 1_073_741_824),
      "system": .string(ProcessInfo.processInfo.operatingSystemVersionString),
    ]
  }
}
