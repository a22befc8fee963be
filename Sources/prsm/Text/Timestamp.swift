/// Instants as people read them.
enum Timestamp {
  /// `2026-11-24 03:40` in UTC, from seconds since 1970.
  ///
  /// Days to a date as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
  static func text(_ seconds: Int) -> String {
    guard let parts = parts(seconds) else { return "never" }
    return "\(parts.date) \(two(parts.rest / 3_600)):\(two(parts.rest / 60 % 60))"
  }

  /// `2026-11-24T03:40:07Z` (RFC 3339), from seconds since 1970.
  static func precise(_ seconds: Int) -> String {
    guard let parts = parts(seconds) else { return "never" }
    return "\(parts.date)T\(two(parts.rest / 3_600)):\(two(parts.rest / 60 % 60)):\(two(parts.rest % 60))Z"
  }

  private static func parts(_ seconds: Int) -> (date: String, rest: Int)? {
    guard abs(seconds) < 1 << 50 else { return nil }
    let days = floorDivide(seconds, 86_400)
    let rest = seconds - days * 86_400
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return ("\(year)-\(two(month))-\(two(day))", rest)
  }

  private static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
    value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
  }

  private static func two(_ number: Int) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}
