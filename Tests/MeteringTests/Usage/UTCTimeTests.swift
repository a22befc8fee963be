import Foundation
import Metering
import Testing

@Suite struct UTCTimeTests {
  @Test func calendarAgreesWithFoundationOverAllYears() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "UTC"))
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      let seconds = Int64.random(in: 0...253_402_300_799, using: &generator)
      let time = UTCTime(seconds: seconds)
      let date = Date(timeIntervalSince1970: Double(seconds))
      let parts = calendar.dateComponents([.year, .month, .day], from: date)
      #expect(time.date.year == parts.year && time.date.month == parts.month && time.date.day == parts.day)
      let interval = try #require(calendar.dateInterval(of: .month, for: date))
      #expect(time.startOfMonth.seconds == Int64(interval.start.timeIntervalSince1970))
      if time.date.year < 9_999 {
        #expect(time.nextMonth.seconds == Int64(interval.end.timeIntervalSince1970))
      }
    }
  }

  @Test func textsAreThoseOfISO8601() {
    let time = UTCTime(seconds: 1_795_521_600)
    #expect(time.text == "2026-11-24T12:00:00Z")
    #expect(time.dayText == "2026-11-24" && time.monthText == "2026-11")
    #expect(time.nextDay.text == "2026-11-25T00:00:00Z")
    #expect(UTCTime(seconds: 951_782_400).dayText == "2000-02-29")
    #expect(UTCTime(microseconds: .min).microseconds == 0)
    #expect(UTCTime(microseconds: .max).dayText == "9999-12-31")
  }

  @Test func identifiersAreUniqueAndInTheOrderOfTime() {
    var generator = SeededGenerator(seed: 2)
    var last = UsageID(text: "")
    for step in 0..<1_000 {
      let id = UsageID(time: UTCTime(microseconds: Int64(step) * 1_000), random: (generator.next(), generator.next()))
      #expect(id > last && id.text.utf8.count == 36)
      last = id
    }
    let id = UsageID(time: UTCTime(seconds: 0), random: (0, 0))
    #expect(id.text == "00000000-0000-7000-8000-000000000000")
  }

  @Test func identifiersComeBackFromTheirTexts() {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<200 {
      let time = UTCTime(microseconds: Int64.random(in: 0...253_402_300_799_999_999, using: &generator))
      let id = UsageID(time: time, random: (generator.next(), generator.next()))
      #expect(UsageID(text: id.text) == id)
      #expect(UsageID(text: id.text).hashValue == id.hashValue)
      for suffix in ["~1", "~late", "~1~reversal"] {
        let part = UsageID(text: id.text + suffix)
        #expect(part != id && part > id && part.text == id.text + suffix)
      }
    }
    // What is no identifier of this kind is kept as it is.
    let id = UsageID(time: UTCTime(seconds: 1), random: (1, 2)).text
    for text in ["", "a", id.uppercased(), String(id.dropLast()), "é" + id, id.replacing("-", with: "_")] {
      #expect(UsageID(text: text).text == text)
      #expect(UsageID(text: text) != UsageID(text: text + "x"))
    }
  }
}
