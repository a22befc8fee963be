import Metering
import ModelInterface
import Testing

@Suite struct ReportTests {
  /// 2026-11-24T00:00:00Z.
  static let today = UTCTime(seconds: 1_795_478_400)

  @Test func aReportsLinesAddUpToItsTotal() {
    let events = (0..<100).map { UsageStoreConformance.event($0 * 7_200 + $0 % 2, cost: Int128($0) * 1_000_000_000) }
    for dimension in [UsageQuery.Dimension.day, .model, .key, .project] {
      let report = UsageReport(UsageTotal.sums(of: events, by: [.hour, dimension]), by: dimension)
      #expect(report.total.requests == 100)
      #expect(report.lines.map(\.total.cost).reduce(.zero, +) == report.total.cost)
      #expect(report.lines.map(\.total.requests).reduce(0, +) == 100)
    }
    let days = UsageReport(UsageTotal.sums(of: events, by: [.day]), by: .day)
    #expect(days.lines.first?.name == "2026-11-24" && days.lines.count == 9)
    let models = UsageReport(UsageTotal.sums(of: events, by: [.model]), by: .model)
    #expect(models.lines.map(\.name) == ["odd", "even"], "the dearest comes first")
  }

  @Test func savingsCompareWithTheStrongModelForEverything() throws {
    var total = UsageTotal()
    (total.promptTokens, total.completionTokens) = (1_000_000, 1_000_000)
    total.cost = Money(micro: 10_000_000)
    let savings = Savings([total], strong: ModelPrice(prompt: 10_000_000, completion: 30_000_000))
    #expect(savings.saved == Money(micro: 30_000_000) && savings.share == 0.75)
    #expect(Savings([], strong: .free).share == nil)
  }

  @Test func aSteadySpenderRunsOutWhenArithmeticSaysSo() throws {
    let costs = [Money](repeating: Money(micro: 1_000_000), count: 23)
    let forecast = SpendingForecast(
      dailyCosts: costs, firstDay: Self.today.day - 23, spent: Money(micro: 23_000_000),
      limit: Money(micro: 26_000_000),
      now: Self.today)
    #expect(forecast.basis == .trend && forecast.days == 23)
    #expect(forecast.runsOut?.dayText == "2026-11-27" || forecast.runsOut?.dayText == "2026-11-26")
    let end = try #require(forecast.atMonthEnd)
    #expect(abs(end.expected.approximate - 30) < 0.01 && end.low <= end.expected && end.expected <= end.high)
    let rich = SpendingForecast(
      dailyCosts: costs, firstDay: Self.today.day - 23, spent: Money(micro: 23_000_000),
      limit: Money(micro: 99_000_000),
      now: Self.today)
    #expect(rich.runsOut == nil && rich.runsOutEarliest == nil)
  }

  @Test func aForecastFromTooLittleSaysSo() {
    let none = SpendingForecast(
      dailyCosts: [Money(micro: 5)], firstDay: Self.today.day - 1, spent: .zero, limit: Money(micro: 1), now: Self.today
    )
    #expect(none.basis == .nothing && none.runsOut == nil && none.atMonthEnd == nil)
    let level = SpendingForecast(
      dailyCosts: Array(repeating: Money(micro: 5), count: 5), firstDay: Self.today.day - 5, spent: .zero, limit: nil,
      now: Self.today)
    #expect(level.basis == .level && level.atMonthEnd?.expected == Money(micro: 35))
    let over = SpendingForecast(
      dailyCosts: [], firstDay: Self.today.day, spent: Money(micro: 2), limit: Money(micro: 1), now: Self.today)
    #expect(over.runsOut == Self.today, "what has run out needs no forecast")
  }

  @Test func daysWithoutRequestsBetweenDearOnesAreNoPromiseThatNoneFollow() throws {
    let costs = (0..<24).map { Money(micro: $0 % 3 == 1 ? 30_000_000 : 0) }
    let forecast = SpendingForecast(
      dailyCosts: costs, firstDay: Self.today.day - 24, spent: Money(micro: 240_000_000),
      limit: Money(micro: 290_000_000), now: Self.today)
    let end = try #require(forecast.atMonthEnd)
    #expect(abs(end.expected.approximate - 310) < 1, "seven days of ten on average")
    #expect(end.low < Money(micro: 280_000_000) && end.high > Money(micro: 340_000_000))
    #expect(forecast.basis == .level && forecast.runsOut != nil)
    let idle = SpendingForecast(
      dailyCosts: Array(repeating: .zero, count: 23) + [Money(micro: 500_000_000)], firstDay: Self.today.day - 24,
      spent: .zero, limit: nil, now: Self.today)
    #expect(idle.atMonthEnd?.expected == .zero, "one wild day is one")
  }

  @Test func oneWildDayDoesNotMoveTheForecast() throws {
    var generator = SeededGenerator(seed: 5)
    var costs = (0..<28).map { _ in Money(micro: Int64.random(in: 900_000...1_100_000, using: &generator)) }
    func expected() throws -> Double {
      let forecast = SpendingForecast(
        dailyCosts: costs, firstDay: Self.today.day - 28, spent: .zero, limit: nil, now: Self.today)
      return try #require(forecast.atMonthEnd).expected.approximate
    }
    let calm = try expected()
    costs[20] = Money(micro: 500_000_000)
    #expect(abs(try expected() - calm) < 0.1 * calm)
  }

  @Test func theIntervalHoldsTheTruthAboutAsOftenAsItSays() throws {
    var generator = SeededGenerator(seed: 9)
    var held = 0
    for _ in 0..<200 {
      let slope = Double.random(in: -0.01...0.02, using: &generator)
      let days = (0..<35).map { day in
        let noise = (0..<12).map { _ in Double.random(in: 0..<1, using: &generator) }.reduce(-6, +) * 0.1
        return Money(micro: Int64(max(0, (1 + slope * Double(day)) * (1 + noise)) * 1e6))
      }
      let truth = days.suffix(7).reduce(.zero, +)
      let forecast = SpendingForecast(
        dailyCosts: Array(days.prefix(28)), firstDay: Self.today.day - 28, spent: .zero, limit: nil, now: Self.today)
      let end = try #require(forecast.atMonthEnd)
      if end.low <= truth, truth <= end.high { held += 1 }
    }
    #expect(held >= 160, "it held \(held) of 200")
  }

  @Test func onlyUnusualHoursAreReported() {
    var generator = SeededGenerator(seed: 6)
    var values = (0..<(24 * 7 * 9)).map { hour in
      (hour % 24 > 8 ? 10.0 : 1.0) * Double.random(in: 0.8...1.2, using: &generator)
    }
    let quiet = UsageAnomalies.count(values)
    #expect(quiet <= 5, "\(quiet) of 168 ordinary hours")
    values[values.count - 3] *= 20
    let found = UsageAnomaly.find(in: values, firstHour: 100, judging: 24)
    let spike = found.first { $0.hour == 100 + values.count - 3 }
    #expect(spike?.severity == .extreme && spike?.baseline == .hourOfWeek)
  }

  /// Hours of one kind are few, and by chance seven of them lie close together; that makes no ordinary hour unusual.
  @Test(arguments: [2, 4, 8, 12]) func ordinaryHoursAreNoAnomaliesHoweverLongTheHistory(weeks: Int) {
    var generator = SeededGenerator(seed: UInt64(weeks))
    var found = 0
    var isSeen = 0
    for _ in 0..<10 {
      var values = (0..<(168 * weeks)).map { hour in
        let chance = (0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0...1, using: &generator) }
        return (hour % 24 > 8 ? 10.0 : 4.0) * (hour / 24 % 7 > 4 ? 0.4 : 1) * (1 + 0.15 * chance)
      }
      found += UsageAnomaly.find(in: values, firstHour: 0).count
      values[values.count - 30] *= 3
      isSeen +=
        UsageAnomaly.find(in: values, firstHour: 0).contains { $0.hour == values.count - 30 && $0.z > 5 } ? 1 : 0
    }
    #expect(found <= 15, "\(found) of 1,680 ordinary hours")
    if weeks >= 8 { #expect(isSeen == 10, "thrice what is usual was seen \(isSeen) times of 10") }
  }

  @Test func tooLittleHistoryIsNotJudgedAndAConstantOneIs() {
    #expect(UsageAnomaly.find(in: [1, 1, 1, 99], firstHour: 0).isEmpty)
    let constant = [Double](repeating: 1, count: 48) + [2, .infinity, .nan]
    let found = UsageAnomaly.find(in: constant, firstHour: 0)
    #expect(found.map(\.hour) == [48] && found.first?.baseline == .allHours)
    #expect(UsageAnomaly.find(in: [Double](repeating: 0, count: 48) + [1], firstHour: 0).count == 1)
  }

  @Test func gapsInSeriesAreZeros() {
    let events = [0, 3_600 * 30].map { UsageStoreConformance.event($0, cost: 1_000_000_000_000) }
    let first = Self.today.hour + 12
    let hourly = UsageTotal.hourlyCosts(
      UsageTotal.sums(of: events, by: [.hour]), from: first, to: first + 31)
    #expect(hourly.count == 31 && hourly[0] == 1 && hourly[30] == 1 && hourly[1...29].allSatisfy { $0 == 0 })
    let daily = UsageTotal.dailyCosts(UsageTotal.sums(of: events, by: [.day]), to: Self.today.day + 3)
    #expect(daily.firstDay == Self.today.day && daily.costs.map(\.approximate) == [1, 1, 0])
  }
}

enum UsageAnomalies {
  static func count(_ values: [Double]) -> Int { UsageAnomaly.find(in: values, firstHour: 0).count }
}
