import Glibc
import Synchronization

/// The time of answers, for their `date` header (RFC 9110, section 6.6.1). Put into words once a second.
final class ServerDate: Sendable {
  /// This machine's.
  static let current = ServerDate { Int64(time(nil)) }

  private let clock: @Sendable () -> Int64
  private let known = Mutex((second: Int64.min, text: ""))

  /// - Parameter clock: seconds since 1970.
  init(clock: @escaping @Sendable () -> Int64) {
    self.clock = clock
  }

  /// Such as `Sun, 06 Nov 1994 08:49:37 GMT`.
  var text: String {
    let second = clock()
    return known.withLock { known in
      if known.second != second { known = (second, HTTPDate.text(max(0, second))) }
      return known.text
    }
  }
}
