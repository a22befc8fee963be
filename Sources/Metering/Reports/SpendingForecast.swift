/// When a month's budget runs out, as far as that can be known.
package struct SpendingForecast: Sendable, Hashable {
  /// How much the forecast rests on.
  package enum Basis: String, Sendable, Hashable {
    /// Fewer than three whole days are known: nothing can be said.
    case nothing
    /// Fewer than fourteen, or most of them cost nothing: every day is taken to be like the median day, or where that cost
    /// nothing and three days did cost something, like the mean.
    case level
    /// Fourteen or more: a trend over the last 28 days, and the weekday where each was seen twice.
    case trend
  }

  /// How much the forecast rests on.
  package var basis: Basis
  /// Whole days that are known.
  package var days: Int
  /// What will have been spent at the month's end: the expected amount and the limits of an interval of about 90 %; nil
  /// where nothing can be said.
  package var atMonthEnd: (low: Money, expected: Money, high: Money)? {
    low.flatMap { low in expected.flatMap { expected in high.map { (low, expected, $0) } } }
  }
  /// When the budget is expected to run out; nil where it is not within this month, or nothing can be said.
  package var runsOut: UTCTime?
  /// When it would run out if every day were as dear as the interval allows; nil where not even then.
  package var runsOutEarliest: UTCTime?

  private var low: Money?
  private var expected: Money?
  private var high: Money?

  /// A forecast.
  ///
  /// - Parameters:
  ///   - dailyCosts: what was spent on each day before today, the latest last, without gaps: a day without requests is 0.
  ///     Days before the node's first request are left out.
  ///   - firstDay: the day of the first of them, counted from 1970.
  ///   - spent: what has been spent this month, today included.
  ///   - limit: the month's budget; nil forecasts the month's end only.
  ///   - now: the present.
  package init(dailyCosts: [Money], firstDay: Int, spent: Money, limit: Money?, now: UTCTime) {
    let known = dailyCosts.suffix(28)
    let values = known.map(\.approximate)
    days = values.count
    if let limit, spent >= limit {
      runsOut = now
      runsOutEarliest = now
    }
    guard values.count >= 3, let model = Model(values, firstDay: firstDay + dailyCosts.count - known.count) else {
      basis = .nothing
      return
    }
    basis = model.hasTrend ? .trend : .level
    let end = now.nextMonth
    var time = now
    var sum = spent.approximate
    var (chance, level, slope) = (0.0, 0.0, 0.0)
    var (lowest, highest) = (sum, sum)
    while time < end {
      let until = min(time.nextDay, end)
      let share = Double(until.since(time).microseconds) / 86_400_000_000
      let day = model.day(time.day)
      let before = (expected: sum, high: highest)
      sum += day.expected * share
      // What chance does to single days averages out; an error in the level or slope of all days adds up.
      chance += model.noise * model.noise * share
      level += model.levelError * share
      slope += day.slopeError * share
      let margin = 1.645 * (chance + level * level + slope * slope).squareRoot()
      lowest = max(spent.approximate, sum - margin)
      highest = max(sum + margin, before.high)
      if let limit = limit?.approximate {
        runsOut = runsOut ?? Self.crossing(limit, before.expected, sum, time, until)
        runsOutEarliest = runsOutEarliest ?? Self.crossing(limit, before.high, highest, time, until)
      }
      time = until
    }
    (low, expected, high) = (Self.money(lowest), Self.money(sum), Self.money(highest))
  }

  private static func crossing(
    _ limit: Double, _ before: Double, _ after: Double, _ from: UTCTime, _ until: UTCTime
  ) -> UTCTime? {
    guard after >= limit else { return nil }
    let share = after > before ? min(max((limit - before) / (after - before), 0), 1) : 0
    return from + .microseconds(Int64(share * Double(until.since(from).microseconds)))
  }

  private static func money(_ value: Double) -> Money {
    guard value.isFinite else { return Money(micro: .max) }
    return Money(micro: Int64(min(max(value * 1e6, 0), 9e18)))
  }

  /// What a day is expected to cost.
  private struct Model {
    var hasTrend: Bool
    var noise: Double
    private var trend: RobustStatistics.Trend?
    private var level = 0.0
    private var firstDay: Int
    private var count: Int
    private var weekdays: [Double]

    init?(_ values: [Double], firstDay: Int) {
      self.firstDay = firstDay
      count = values.count
      weekdays = Array(repeating: 1, count: 7)
      hasTrend = values.count >= 14
      guard let level = RobustStatistics.median(values), let scale = RobustStatistics.scale(values) else { return nil }
      self.level = level
      noise = scale * Self.inflation(values.count, freedoms: 1)
      if level == 0, values.count(where: { $0 > 0 }) >= 3 {
        // Where most days cost nothing their median knows nothing of those that do.
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.level = mean
        noise = (squares / Double(values.count - 1)).squareRoot()
        hasTrend = false
        return
      }
      guard hasTrend, level > 0 else { return }
      for weekday in 0..<7 {
        let same = values.indices.filter { (firstDay + $0) % 7 == weekday }.map { values[$0] }
        // With two weeks each weekday has been seen twice; half of its deviation is taken for chance.
        weekdays[weekday] = RobustStatistics.median(same).map { 1 + ($0 / level - 1) / 2 } ?? 1
      }
      let adjusted = values.indices.map { values[$0] / max(weekdays[(firstDay + $0) % 7], 0.05) }
      guard let trend = RobustStatistics.trend(adjusted) else { return nil }
      self.trend = trend
      noise = trend.noise * Self.inflation(values.count, freedoms: 5)
    }

    /// Residuals are smaller than errors, for what was fitted to them.
    private static func inflation(_ count: Int, freedoms: Double) -> Double {
      (Double(count) / max(1, Double(count) - freedoms)).squareRoot() * Double(count) / (Double(count) - 0.8)
    }

    /// - Parameter number: the day, counted from 1970.
    func day(_ number: Int) -> (expected: Double, slopeError: Double) {
      guard let trend else { return (level, 0) }
      // A trend is a statement about the days it was seen in; it is carried on for a week, and then held.
      let step = Double(min(number - firstDay, count - 1 + 7))
      let expected = max(0, trend.intercept + trend.slope * step) * weekdays[number % 7]
      let slopeError = (trend.upperSlope - trend.lowerSlope) / (2 * 1.96)
      return (expected, slopeError * (step - Double(count - 1) / 2))
    }

    /// The standard error of a median of normal values.
    var levelError: Double { 1.2533 * noise / Double(count).squareRoot() }
  }
}
