package import Multiformats

/// At which relays a node that others cannot reach keeps a place. Pure: takes who is there and how asking ended, says whom to
/// ask.
package struct RelayPlaces: Sendable {
  /// Bounds and pauses.
  package struct Options: Sendable {
    /// Places to have.
    package var places = 2
    /// How long a relay that refused is left alone, and one that failed.
    package var refusedPause: Duration = .seconds(600)
    package var failedPause: Duration = .seconds(30)

    package init() {}
  }

  package enum Action: Hashable, Sendable {
    /// Ask for a place, or for its renewal.
    case reserve(PeerID)
    /// Give the place up, and tell nobody of it any more.
    case withdraw(PeerID)
  }

  private enum Standing {
    /// Asked; where a place is held meanwhile, until when it holds.
    case asked(until: Duration?)
    case held(renewal: Duration, until: Duration)
    case resting(until: Duration)
  }

  private let options: Options
  private var relays: [PeerID: Standing] = [:]

  package init(options: Options = Options()) { self.options = options }

  /// The relays at which there is a place now.
  package var held: [PeerID] {
    relays.compactMap { (relay, standing) -> PeerID? in
      switch standing {
      case .held, .asked(.some): relay
      default: nil
      }
    }
  }

  /// What to do now. Each ``Action/reserve(_:)`` is to be followed by one of `granted`, `refused` and `failed`.
  ///
  /// - Parameters:
  ///   - isNeeded: whether others cannot reach this node otherwise.
  ///   - able: connected peers that relay, the best first.
  package mutating func update(isNeeded: Bool, able: [PeerID], at now: Duration) -> [Action] {
    var actions: [Action] = []
    guard isNeeded else {
      for relay in held.sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
        actions.append(.withdraw(relay))
      }
      relays = relays.filter { if case .resting(let until) = $0.value { until > now } else { false } }
      return actions
    }
    for (relay, standing) in relays {
      switch standing {
      case .held(let renewal, let until):
        if until <= now {
          relays[relay] = nil
          actions.append(.withdraw(relay))
        } else if renewal <= now, able.contains(relay) {
          relays[relay] = .asked(until: until)
          actions.append(.reserve(relay))
        }
      case .resting(let until): if until <= now { relays[relay] = nil }
      case .asked: continue
      }
    }
    var places = relays.values.count { if case .resting = $0 { false } else { true } }
    for relay in able where places < options.places && relays[relay] == nil {
      relays[relay] = .asked(until: nil)
      actions.append(.reserve(relay))
      places += 1
    }
    return actions
  }

  /// The relay gave a place for `lifetime`; it is renewed when three quarters of that have passed.
  ///
  /// - Returns: false where it is wanted no more, and should be given up.
  package mutating func granted(_ relay: PeerID, for lifetime: Duration, at now: Duration) -> Bool {
    guard case .asked = relays[relay] else { return false }
    relays[relay] = .held(renewal: now + lifetime * 3 / 4, until: now + lifetime)
    return true
  }

  /// The relay has no place, or gives none to this node.
  ///
  /// - Returns: whether a place was lost by that.
  package mutating func refused(_ relay: PeerID, at now: Duration) -> Bool {
    rest(relay, until: now + options.refusedPause)
  }

  /// The relay could not be asked.
  ///
  /// - Returns: whether a place was lost by that.
  package mutating func failed(_ relay: PeerID, at now: Duration) -> Bool {
    rest(relay, until: now + options.failedPause)
  }

  private mutating func rest(_ relay: PeerID, until: Duration) -> Bool {
    guard case .asked(let place) = relays[relay] else { return false }
    relays[relay] = .resting(until: until)
    return place != nil
  }

  /// The connection to the relay has ended, and with it the place.
  ///
  /// - Returns: whether there was one.
  package mutating func lost(_ relay: PeerID) -> Bool {
    switch relays[relay] {
    case .held, .asked(.some):
      relays[relay] = nil
      return true
    case .asked(nil):
      relays[relay] = nil
      return false
    case .resting, nil: return false
    }
  }
}
