/// An hour that cost unusually much or little.
package struct UsageAnomaly: Sendable, Hashable {
  /// How unusual.
  package enum Severity: String, Sendable, Hashable {
    /// More than 3 standard deviations off.
    case unusual
    /// More than 5.
    case extreme
  }

  /// What the hour was compared with.
  package enum Baseline: String, Sendable, Hashable {
    /// The same hour of the same weekday.
    case hourOfWeek
    /// The same hour of all days.
    case hourOfDay
    /// All hours before it.
    case allHours
  }

  /// The hour, counted from 1970.
  package var hour: Int
  /// What was measured.
  package var value: Double
  /// The median of the hours it was compared with.
  package var median: Double
  /// How many robust standard deviations it is off; negative for too little.
  package var z: Double
  /// What it was compared with.
  package var baseline: Baseline
  /// How unusual that is.
  package var severity: Severity { abs(z) > 5 ? .extreme : .unusual }

  /// Hours that are compared with at least so many of their own hour of the week, else so many of their hour of the day,
  /// else so many hours of any kind.
  static let enough = (hourOfWeek: 6, hourOfDay: 10, allHours: 24)

  /// The unusual hours of a series, in order, each judged by the hours before it alone, so that what is reported today is
  /// still true tomorrow. z is the distance from the median in scaled median absolute deviations; an hour for which too
  /// little is known is not judged.
  ///
  /// - Parameters:
  ///   - values: one an hour without gaps, such as cost or requests.
  ///   - firstHour: the hour of the first, counted from 1970.
  ///   - judged: how many of the latest hours to judge.
  package static func find(in values: [Double], firstHour: Int, judging judged: Int = 24 * 7) -> [UsageAnomaly] {
    var found: [UsageAnomaly] = []
    let first = max(0, values.count - max(0, judged))
    var deviations: [Double?] = []
    for index in values.indices where index >= first - pooledHours {
      guard values[index].isFinite, let (baseline, known) = history(before: index, values),
        let median = RobustStatistics.median(known), var scale = RobustStatistics.scale(known)
      else {
        deviations.append(nil)
        continue
      }
      let count = Double(known.count)
      let mean = known.reduce(0, +) / count
      let usual = max(abs(median), 0.05 * abs(mean))
      defer { deviations.append(usual > 0 ? (values[index] - median) / usual : nil) }
      guard index >= first else { continue }
      // Few values understate their own spread, and their median is uncertain itself.
      scale *= count / (count - 0.8) * (1 + 1.5708 / count).squareRoot()
      // And by chance they may lie close together; so what hours deviate by in general counts as twelve more of them.
      let others = deviations.suffix(pooledHours).compactMap { $0 }
      if others.count >= 48, let general = RobustStatistics.scale(others).map({ $0 * usual }) {
        scale = max(scale, ((count * scale * scale + 12 * general * general) / (count + 12)).squareRoot())
      }
      // Where more than half of the hours are alike the deviation is 0; a twentieth of the median, or of the mean where
      // that is 0 too, is what a difference must at least be measured by.
      scale = max(scale, 0.05 * abs(median), 0.05 * abs(mean))
      if scale == 0 { scale = abs(values[index]) > 0 ? abs(values[index]) / 10 : 1 }
      let z = (values[index] - median) / scale
      guard abs(z) > 3 else { continue }
      found.append(
        UsageAnomaly(hour: firstHour + index, value: values[index], median: median, z: z, baseline: baseline))
    }
    return found
  }

  /// From so many of the latest hours it is learned what hours deviate by in general.
  private static let pooledHours = 24 * 28

  private static func history(before index: Int, _ values: [Double]) -> (Baseline, [Double])? {
    let week = stride(from: index - 168, through: 0, by: -168).prefix(12).map { values[$0] }
    if week.count >= enough.hourOfWeek { return (.hourOfWeek, week) }
    let day = stride(from: index - 24, through: 0, by: -24).prefix(28).map { values[$0] }
    if day.count >= enough.hourOfDay { return (.hourOfDay, day) }
    let all = Array(values[..<index].suffix(168))
    return all.count >= enough.allHours ? (.allHours, all) : nil
  }
}

extension UsageTotal {
  /// The cost of every hour from the first to before the last, 0 where nothing was used.
  package static func hourlyCosts(_ totals: [UsageTotal], from: Int, to: Int) -> [Double] {
    guard to > from, to - from <= 24 * 366 * 10 else { return [] }
    var costs = [Double](repeating: 0, count: to - from)
    for total in totals {
      if let hour = total.hour, (from..<to).contains(hour) { costs[hour - from] += total.cost.approximate }
    }
    return costs
  }

  /// The cost of every day from the first on which anything was used to before the last, with that first day.
  package static func dailyCosts(_ totals: [UsageTotal], to: Int) -> (firstDay: Int, costs: [Money]) {
    let days = totals.compactMap { total in (total.day ?? total.hour.map { $0 / 24 }).map { ($0, total.cost) } }
    guard let first = days.map(\.0).min(), first < to, to - first <= 366 * 10 else { return (to, []) }
    var costs = [Money](repeating: .zero, count: to - first)
    for (day, cost) in days where day < to { costs[day - first] += cost }
    return (first, costs)
  }
}
