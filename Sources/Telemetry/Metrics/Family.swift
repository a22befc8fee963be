import Synchronization

/// The series of one metric, told apart by the values of its labels.
///
/// Bounded: past ``seriesLimit`` distinct combinations, further ones share one series whose labels all say `other`, so
/// that no client can fill the memory of the node or of whoever scrapes it.
package final class Family<Series: AnyObject & Sendable>: Sendable {
  /// The metric's name as Prometheus spells it.
  package let name: String
  /// One sentence on what it measures.
  package let help: String
  /// The names of the labels.
  package let labels: [String]
  /// The most series that are kept apart.
  package let seriesLimit: Int
  private let make: @Sendable () -> Series
  private let series = Mutex<[[String]: Series]>([:])

  init(
    name: String, help: String, labels: [String], seriesLimit: Int, make: @escaping @Sendable () -> Series
  ) {
    self.name = name
    self.help = help
    self.labels = labels
    self.seriesLimit = seriesLimit
    self.make = make
  }

  /// The series for these values, one for each label in their order. Missing values are empty, surplus ones ignored.
  package func callAsFunction(_ values: String...) -> Series {
    let key = values.count == labels.count ? values : labels.indices.map { $0 < values.count ? values[$0] : "" }
    return series.withLock { series in
      if let known = series[key] { return known }
      let isFull = series.count >= seriesLimit
      let place = isFull ? labels.map { _ in "other" } : key
      if let known = series[place] { return known }
      let created = make()
      series[place] = created
      return created
    }
  }

  /// All series with their label values, sorted by these.
  var all: [(values: [String], series: Series)] {
    series.withLock { Array($0) }
      .map { (values: $0.key, series: $0.value) }
      .sorted { $0.values.lexicographicallyPrecedes($1.values) }
  }
}
