/// Names a reservation, and the event that it becomes. Ordered by time to the millisecond (RFC 9562 section 5.7, UUID
/// version 7), so that a store appends instead of scattering.
package struct UsageID: Sendable, Hashable, Comparable {
  /// 36 characters: the UUID's canonical text, perhaps with a suffix where one reservation became several events.
  package let text: String

  /// A name that was read from a store.
  package init(text: String) {
    self.text = text
  }

  /// A new name.
  package init(time: UTCTime, random: (UInt64, UInt64)) {
    let milliseconds = UInt64(time.microseconds / 1_000) & 0xFFFF_FFFF_FFFF
    let high = milliseconds << 16 | 0x7000 | random.0 & 0x0FFF
    let low = 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF
    text = String(unsafeUninitializedCapacity: 36) { buffer in
      var place = 0
      for index in 0..<32 {
        if index == 8 || index == 12 || index == 16 || index == 20 {
          buffer[place] = UInt8(ascii: "-")
          place += 1
        }
        let half = index < 16 ? high : low
        let digit = UInt8(half >> UInt64(60 - index % 16 * 4) & 15)
        buffer[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        place += 1
      }
      return 36
    }
  }

  /// A name derived from this one.
  func part(_ suffix: String) -> UsageID { UsageID(text: text + suffix) }

  /// In order of time.
  package static func < (left: UsageID, right: UsageID) -> Bool { left.text < right.text }
}
