package import Synchronization

/// What a connection has carried; read from any thread.
package final class ConnectionCounters: Sendable {
  /// Bytes of streams.
  package let bytesIn = Atomic<UInt64>(0)
  package let bytesOut = Atomic<UInt64>(0)
  package let streams = Atomic<Int>(0)
  /// The last round trip in nanoseconds; 0 before the first.
  package let roundTrip = Atomic<Int64>(0)
}

/// What one protocol has carried over all connections since the host began.
package final class ProtocolTraffic: Sendable {
  package let bytesIn = Atomic<UInt64>(0)
  package let bytesOut = Atomic<UInt64>(0)
  package let streamsIn = Atomic<UInt64>(0)
  package let streamsOut = Atomic<UInt64>(0)
  package let open = Atomic<Int>(0)
  package let refused = Atomic<UInt64>(0)

  package init() {}
}

/// Bytes received from peers and not yet read by anyone, over all connections of a host.
package final class MemoryAccount: Sendable {
  package let limit: Int
  private let held = Atomic<Int>(0)

  package init(limit: Int) { self.limit = limit }

  package var bytes: Int { held.load(ordering: .relaxed) }

  /// False, and nothing taken, where the limit would be passed.
  func take(_ count: Int) -> Bool {
    let (_, sum) = held.add(count, ordering: .relaxed)
    if sum <= limit { return true }
    held.subtract(count, ordering: .relaxed)
    return false
  }

  func give(_ count: Int) { held.subtract(count, ordering: .relaxed) }
}

extension Duration {
  /// Whole nanoseconds, held within an `Int64`.
  var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    return seconds > 9_000_000_000 ? .max : seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }
}
