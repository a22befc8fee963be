import Synchronization

/// Names a reservation, and the event that it becomes. Ordered by time to the millisecond (RFC 9562 section 5.7, UUID
/// version 7), so that a store appends instead of scattering.
package struct UsageID: Sendable, Hashable, Comparable {
  /// The bits of the UUID; 0 where the name is none.
  private let high: UInt64
  private let low: UInt64
  private let isUUID: Bool
  /// What follows the UUID where one reservation became several events; all of a name that has none.
  let suffix: String

  private init(high: UInt64, low: UInt64, isUUID: Bool, suffix: String) {
    self.high = high
    self.low = low
    self.isUUID = isUUID
    self.suffix = suffix
  }

  /// A name that was read from a store.
  package init(text: String) {
    if let (high, low) = Self.bits(text) {
      self.init(high: high, low: low, isUUID: true, suffix: String(text.utf8.dropFirst(Self.length)) ?? "")
    } else {
      self.init(high: 0, low: 0, isUUID: false, suffix: text)
    }
  }

  /// The bits of the UUID that a text begins with, in its canonical form.
  private static func bits(_ text: String) -> (high: UInt64, low: UInt64)? {
    var (high, low) = (UInt64(0), UInt64(0))
    var index = 0
    for byte in text.utf8.prefix(length) {
      defer { index += 1 }
      if isHyphen(index) {
        guard byte == UInt8(ascii: "-") else { return nil }
      } else {
        guard let digit = value(byte) else { return nil }
        high = high << 4 | low >> 60
        low = low << 4 | digit
      }
    }
    return index == length ? (high, low) : nil
  }

  /// A new name.
  package init(time: UTCTime, random: (UInt64, UInt64)) {
    let milliseconds = UInt64(time.microseconds / 1_000) & 0xFFFF_FFFF_FFFF
    self.init(
      high: milliseconds << 16 | 0x7000 | random.0 & 0x0FFF,
      low: 0x8000_0000_0000_0000 | random.1 & 0x3FFF_FFFF_FFFF_FFFF, isUUID: true, suffix: "")
  }

  /// The UUID's canonical text, 36 characters, perhaps with a suffix.
  package var text: String {
    guard isUUID else { return suffix }
    let text = String(unsafeUninitializedCapacity: Self.length) { buffer in
      write(UnsafeMutableRawBufferPointer(buffer))
      return Self.length
    }
    return suffix.isEmpty ? text : text + suffix
  }

  /// How many bytes the text takes.
  var size: Int { (isUUID ? Self.length : 0) + suffix.utf8.count }

  /// Characters of a UUID.
  private static let length = 36

  private static func isHyphen(_ index: Int) -> Bool { index == 8 || index == 13 || index == 18 || index == 23 }

  private static func value(_ byte: UInt8) -> UInt64? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(byte - UInt8(ascii: "a")) + 10
    default: nil
    }
  }

  /// A number's eight hexadecimal digits, the first in the lowest byte: the nibbles are spread to a byte each, and those above
  /// nine moved on to the letters.
  private static func digits(_ number: UInt32) -> UInt64 {
    var nibbles = UInt64(number.byteSwapped)
    nibbles = (nibbles | nibbles << 16) & 0x0000_FFFF_0000_FFFF
    nibbles = (nibbles | nibbles << 8) & 0x00FF_00FF_00FF_00FF
    nibbles = (nibbles >> 4 | nibbles << 8) & 0x0F0F_0F0F_0F0F_0F0F
    let ones: UInt64 = 0x0101_0101_0101_0101
    let letters = (nibbles &+ ones &* 6) >> 4 & ones
    return (nibbles &+ ones &* 0x30 &+ letters &* 0x27).littleEndian
  }

  /// Writes the text of the UUID where at least as many bytes as it has are free.
  ///
  /// - Returns: how many it wrote: none, where the name is no UUID.
  @discardableResult
  func write(_ target: UnsafeMutableRawBufferPointer) -> Int {
    guard isUUID else { return 0 }
    let (time, version) = (Self.digits(UInt32(high >> 32)), Self.digits(UInt32(truncatingIfNeeded: high)))
    let (variant, rest) = (Self.digits(UInt32(low >> 32)), Self.digits(UInt32(truncatingIfNeeded: low)))
    target.storeBytes(of: time, as: UInt64.self)
    target[8] = UInt8(ascii: "-")
    target.storeBytes(of: UInt32(truncatingIfNeeded: version), toByteOffset: 9, as: UInt32.self)
    target[13] = UInt8(ascii: "-")
    target.storeBytes(of: UInt32(version >> 32), toByteOffset: 14, as: UInt32.self)
    target[18] = UInt8(ascii: "-")
    target.storeBytes(of: UInt32(truncatingIfNeeded: variant), toByteOffset: 19, as: UInt32.self)
    target[23] = UInt8(ascii: "-")
    target.storeBytes(of: UInt32(variant >> 32), toByteOffset: 24, as: UInt32.self)
    target.storeBytes(of: rest, toByteOffset: 28, as: UInt64.self)
    return Self.length
  }

  /// A name derived from this one.
  func part(_ suffix: String) -> UsageID {
    UsageID(high: high, low: low, isUUID: isUUID, suffix: self.suffix + suffix)
  }

  /// By what tells nearly all names apart.
  package func hash(into hasher: inout Hasher) {
    hasher.combine(high)
    hasher.combine(low)
    if !suffix.isEmpty { hasher.combine(suffix) }
  }

  /// In order of time.
  package static func < (left: UsageID, right: UsageID) -> Bool {
    guard left.isUUID, right.isUUID else { return left.text < right.text }
    return (left.high, left.low, left.suffix) < (right.high, right.low, right.suffix)
  }
}

/// Gives out names. Within a millisecond each is one more than the last (RFC 9562 section 6.2, method 2), so that the system
/// is asked for chance only when the time moves on.
final class UsageIDs: Sendable {
  private let last = Mutex((milliseconds: Int64.min, random: (UInt64(0), UInt64(0))))

  /// A name that has not been given out.
  func next(at time: UTCTime) -> UsageID {
    let milliseconds = time.microseconds / 1_000
    return last.withLock { last in
      if milliseconds > last.milliseconds {
        var system = SystemRandomNumberGenerator()
        // The highest bit is left clear, so that counting on does not run over.
        last = (milliseconds, (system.next(), system.next() & 0x1FFF_FFFF_FFFF_FFFF))
      } else {
        last.random.1 += 1
      }
      return UsageID(time: UTCTime(microseconds: last.milliseconds * 1_000), random: last.random)
    }
  }
}
