package import Multiformats

/// Which connections end when there are too many. Pure.
package struct ConnectionTrimming: Hashable, Sendable {
  /// What is known of a connected peer.
  package struct Candidate: Hashable, Sendable {
    package var peer: PeerID
    package var connections: Int
    /// The sum of its tags.
    package var value: Int
    package var isProtected: Bool
    package var opened: ContinuousClock.Instant
    package var isInbound: Bool
    package var streams: Int

    package init(
      peer: PeerID, connections: Int, value: Int, isProtected: Bool, opened: ContinuousClock.Instant, isInbound: Bool,
      streams: Int
    ) {
      self.peer = peer
      self.connections = connections
      self.value = value
      self.isProtected = isProtected
      self.opened = opened
      self.isInbound = isInbound
      self.streams = streams
    }
  }

  /// Connections down to which a trim goes.
  package var low: Int
  /// Connections above which a trim begins.
  package var high: Int
  /// New connections are spared for so long.
  package var grace: Duration

  package init(low: Int = 96, high: Int = 192, grace: Duration = .seconds(20)) {
    self.low = low
    self.high = high
    self.grace = grace
  }

  /// The peers to let go of: the least valued first; among equals those without streams, then those that called, then the
  /// youngest, so that a flood of newcomers does not push out old acquaintances.
  package func victims(among candidates: [Candidate], now: ContinuousClock.Instant) -> [PeerID] {
    var count = candidates.reduce(0) { $0 + $1.connections }
    guard count > high else { return [] }
    let free = candidates.filter { !$0.isProtected && now - $0.opened >= grace }
    let sorted = free.sorted { a, b in
      if a.value != b.value { return a.value < b.value }
      if (a.streams == 0) != (b.streams == 0) { return a.streams == 0 }
      if a.isInbound != b.isInbound { return a.isInbound }
      return a.opened > b.opened
    }
    var victims: [PeerID] = []
    for candidate in sorted {
      guard count > low else { break }
      victims.append(candidate.peer)
      count -= candidate.connections
    }
    return victims
  }
}
