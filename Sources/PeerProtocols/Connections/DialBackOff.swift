package import Multiformats

/// Which addresses have failed lately and are left alone for a while. The pause grows with the square of the failures, from 5
/// seconds to 5 minutes, as go-libp2p has it. Pure: the time is handed in.
package struct DialBackOff: Sendable {
  private struct Entry {
    var failures: Int
    var until: ContinuousClock.Instant
  }

  private static let base = Duration.seconds(5)
  private static let longest = Duration.seconds(300)
  /// The most addresses remembered; the one that may be tried soonest is forgotten first.
  private static let maximumEntries = 4_096

  private var entries: [Multiaddr: Entry] = [:]

  package init() {}

  /// Until when an address is left alone; nil where it may be tried.
  package func pause(_ address: Multiaddr, now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    entries[address].flatMap { $0.until > now ? $0.until : nil }
  }

  package mutating func failed(_ address: Multiaddr, now: ContinuousClock.Instant) {
    let failures = (entries[address]?.failures ?? 0) + 1
    let pause = min(Self.longest, Self.base + .seconds((failures - 1) * (failures - 1)))
    if entries.count >= Self.maximumEntries, entries[address] == nil,
      let first = entries.min(by: { $0.value.until < $1.value.until })
    {
      entries[first.key] = nil
    }
    entries[address] = Entry(failures: failures, until: now + pause)
  }

  package mutating func succeeded(_ address: Multiaddr) { entries[address] = nil }
}
