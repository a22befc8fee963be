package import Multiformats

/// How peers see this node's address where it dialled them from the port that it listens on: what a router made of it. Pure.
package struct ObservedAddresses: Sendable {
  /// The most addresses held; the one that was seen by fewest, and longest ago, is forgotten first.
  package static let maximum = 16
  /// How long a sighting counts.
  private static let lifetime = Duration.seconds(1_800)

  private var sightings: [Multiaddr: [PeerID: Duration]] = [:]

  package init() {}

  /// Notes that `peer` saw this node at an address.
  package mutating func note(_ address: Multiaddr, by peer: PeerID, at now: Duration) {
    guard AddressReach(address) != .unusable, address.value(of: "tcp") != nil,
      address.value(of: "p2p-circuit") == nil
    else { return }
    forgetOld(at: now)
    // A peer sees one address of a family: the newest.
    let family = address.components.first?.protocol
    for known in sightings.keys where known != address && known.components.first?.protocol == family {
      sightings[known]?[peer] = nil
      if sightings[known]?.isEmpty == true { sightings[known] = nil }
    }
    if sightings[address] == nil, sightings.count >= Self.maximum, let least = ranked.last { sightings[least] = nil }
    sightings[address, default: [:]][peer] = now
  }

  private mutating func forgetOld(at now: Duration) {
    for (address, seen) in sightings {
      let fresh = seen.filter { now - $0.value < Self.lifetime }
      sightings[address] = fresh.isEmpty ? nil : fresh
    }
  }

  private var ranked: [Multiaddr] {
    sightings.sorted { a, b in
      (a.value.count, a.value.values.max() ?? .zero, a.key.description)
        > (b.value.count, b.value.values.max() ?? .zero, b.key.description)
    }.map(\.key)
  }

  /// The addresses, those that most peers saw first.
  package mutating func addresses(at now: Duration) -> [Multiaddr] {
    forgetOld(at: now)
    return ranked
  }
}
