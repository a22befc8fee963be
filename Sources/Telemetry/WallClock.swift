#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// The time of day, without a date library.
package enum WallClock {
  /// Nanoseconds since 1970.
  package static var nanoseconds: UInt64 {
    var now = timespec()
    guard clock_gettime(CLOCK_REALTIME, &now) == 0 else { return 0 }
    return UInt64(max(0, now.tv_sec)) * 1_000_000_000 + UInt64(max(0, now.tv_nsec))
  }

  /// Whole seconds since 1970.
  package static var seconds: Int { Int(nanoseconds / 1_000_000_000) }
}
