import Synchronization

/// An instant of the UTC calendar, between the years 1970 and 9999. Budgets, events and reports know no other time.
package struct UTCTime: Sendable, Hashable, Comparable {
  /// Since 1970-01-01T00:00:00Z.
  package let microseconds: Int64

  /// The instant; what lies outside the range is taken as its nearer end.
  package init(microseconds: Int64) {
    self.microseconds = min(max(microseconds, 0), 253_402_300_799_999_999)
  }

  /// The instant so many seconds after the beginning of 1970.
  package init(seconds: Int64) {
    let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    self.init(microseconds: overflow ? (seconds < 0 ? 0 : .max) : product)
  }

  /// Whole seconds since the beginning of 1970.
  package var seconds: Int64 { microseconds / 1_000_000 }
  /// Whole hours since the beginning of 1970.
  package var hour: Int { Int(seconds / 3_600) }
  /// Whole days since the beginning of 1970.
  package var day: Int { Int(seconds / 86_400) }

  /// In order of time.
  package static func < (left: UTCTime, right: UTCTime) -> Bool { left.microseconds < right.microseconds }

  /// The instant so much later.
  package static func + (time: UTCTime, duration: Duration) -> UTCTime {
    let (sum, overflow) = time.microseconds.addingReportingOverflow(duration.microseconds)
    return UTCTime(microseconds: overflow ? .max : sum)
  }

  /// How much later than another.
  package func since(_ other: UTCTime) -> Duration { .microseconds(microseconds - other.microseconds) }

  /// Year, month from 1 and day of the month from 1, by the proleptic Gregorian calendar (the algorithm over 400-year
  /// eras that begin in March).
  package var date: (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let fromMarch = (5 * dayOfYear + 2) / 153
    let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * fromMarch + 2) / 5 + 1)
  }

  /// The first instant of that month.
  package static func month(_ month: Int, of year: Int) -> UTCTime {
    let carried = year * 12 + month - 1
    let (year, month) = (carried / 12, carried % 12 + 1)
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted % 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return UTCTime(seconds: Int64(era * 146_097 + dayOfEra - 719_468) * 86_400)
  }

  /// The first instant of its month.
  package var startOfMonth: UTCTime { Self.month(date.month, of: date.year) }
  /// The first instant of the next month.
  package var nextMonth: UTCTime { Self.month(date.month + 1, of: date.year) }
  /// The first instant of the next day.
  package var nextDay: UTCTime { UTCTime(seconds: Int64(day + 1) * 86_400) }

  /// `2026-11-24`.
  package var dayText: String { texts.day }

  /// `2026-11`.
  package var monthText: String { texts.month }

  /// The texts of the day that was asked for last: nearly always today, and several times for each request.
  private static let latest = Mutex((number: -1, day: "", month: ""))

  private var texts: (day: String, month: String) {
    let number = day
    return Self.latest.withLock { latest in
      if latest.number != number {
        let (year, month, day) = date
        let text = "\(Self.padded(year, 4))-\(Self.padded(month, 2))"
        latest = (number, "\(text)-\(Self.padded(day, 2))", text)
      }
      return (latest.day, latest.month)
    }
  }

  /// `2026-11-24T03:55:05Z`.
  package var text: String {
    let second = Int(seconds % 86_400)
    return
      "\(dayText)T\(Self.padded(second / 3_600, 2)):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2))Z"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

extension Duration {
  /// Whole microseconds; what does not fit is taken as the nearer end.
  var microseconds: Int64 {
    let (product, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000)
    if overflow { return components.seconds < 0 ? .min / 2 : .max / 2 }
    return product.addingReportingOverflow(components.attoseconds / 1_000_000_000_000).partialValue
  }
}
