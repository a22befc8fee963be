package import Multiformats

/// The side that was called through a relay, and asks the caller for a direct connection (DCUtR, steps 2 to 6). Pure.
///
/// It measures the round trip through the relay, and dials half of one after it has told the other side to: then the first
/// packets of both are on their way at the same time, and each opens the way for the other's.
package struct HolePunchInitiator: Sendable {
  /// What to do once the other side has said where it may be reached.
  package struct Plan: Hashable, Sendable {
    /// To be sent at once.
    package let sync: HolePunchMessage
    /// How long to wait after that before dialling.
    package let wait: Duration
    package let addresses: [Multiaddr]
  }

  /// Rounds in all.
  package static let attempts = 3
  /// A longer round trip is no measure of anything.
  private static let longestRoundTrip = Duration.seconds(10)

  private let own: [Multiaddr]
  private var begun: Duration?
  private var rounds = 0

  /// - Parameter own: where this side may be reached.
  package init(own: [Multiaddr]) { self.own = HolePunchMessage.direct(own) }

  /// Begins a round; nil where all are used up.
  package mutating func begin(at now: Duration) -> HolePunchMessage? {
    guard rounds < Self.attempts else { return nil }
    rounds += 1
    begun = now
    return HolePunchMessage(.connect, addresses: own)
  }

  /// Takes the answer to what ``begin(at:)`` gave.
  ///
  /// The other side may name no address that can be dialled: then only its own dial can come through.
  ///
  /// - Throws: `.violation` for a message that is no answer.
  package mutating func receive(_ message: HolePunchMessage, at now: Duration) throws(PeerError) -> Plan {
    guard let start = begun, message.kind == .connect else {
      throw PeerError(.violation, "hole punching: an answer of type connect is expected")
    }
    begun = nil
    let trip = min(max(.zero, now - start), Self.longestRoundTrip)
    return Plan(sync: HolePunchMessage(.sync), wait: trip / 2, addresses: HolePunchMessage.direct(message.addresses))
  }
}

/// The side that called through a relay, and is asked for a direct connection. Pure.
package struct HolePunchResponder: Sendable {
  package enum Action: Hashable, Sendable {
    case answer(HolePunchMessage)
    /// Now.
    case dial([Multiaddr])
  }

  private let own: [Multiaddr]
  private var theirs: [Multiaddr]?
  private var rounds = 0

  /// - Parameter own: where this side may be reached.
  package init(own: [Multiaddr]) { self.own = HolePunchMessage.direct(own) }

  /// Takes a message.
  ///
  /// - Throws: `.violation` for one out of turn, or a fourth round; `.unreachable` where no address can be dialled.
  package mutating func receive(_ message: HolePunchMessage) throws(PeerError) -> Action {
    switch (message.kind, theirs) {
    case (.connect, nil):
      rounds += 1
      guard rounds <= HolePunchInitiator.attempts else {
        throw PeerError(.violation, "hole punching: more than \(HolePunchInitiator.attempts) rounds")
      }
      let addresses = HolePunchMessage.direct(message.addresses)
      guard !addresses.isEmpty else {
        throw PeerError(.unreachable, "hole punching: the peer names no address that can be dialled")
      }
      theirs = addresses
      return .answer(HolePunchMessage(.connect, addresses: own))
    case (.sync, let addresses?):
      theirs = nil
      return .dial(addresses)
    default: throw PeerError(.violation, "hole punching: \(message.kind) out of turn")
    }
  }
}
