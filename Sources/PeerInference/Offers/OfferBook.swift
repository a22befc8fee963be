package import Multiformats

/// Who offers what, as far as is known, for a while.
package struct OfferBook: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Peers whose offers are kept.
    package var peers = 1_024
    /// How long an offer holds unless it is renewed.
    package var lifetime: Duration = .seconds(60)
    /// How long it is remembered that somebody offered a model, and how many models are.
    package var memory: Duration = .seconds(900)
    package var names = 4_096

    package init() {}
  }

  private struct Kept: Sendable {
    let offer: PeerOffer
    let signed: [UInt8]
    let isNear: Bool
    let at: Duration
  }

  package let limits: Limits
  private var offers: [PeerID: Kept] = [:]
  private var names: [String: Duration] = [:]

  package init(limits: Limits = Limits()) { self.limits = limits }

  /// Takes in an offer that was verified.
  ///
  /// - Parameter isNear: whether its peer is connected. Where there is no room, it takes the place of one that is not: names
  ///   are made up more easily than connections.
  /// - Returns: whether it is news.
  @discardableResult
  package mutating func add(_ offer: PeerOffer, signed: [UInt8], isNear: Bool = false, at now: Duration) -> Bool {
    if let known = offers[offer.peer], known.offer.sequence >= offer.sequence { return false }
    if offers[offer.peer] == nil, offers.count >= limits.peers {
      expire(at: now)
      if offers.count >= limits.peers {
        let far = isNear ? offers.filter { !$0.value.isNear }.min { $0.value.at < $1.value.at } : nil
        guard let far else { return false }
        offers[far.key] = nil
      }
    }
    offers[offer.peer] = Kept(offer: offer, signed: signed, isNear: isNear, at: now)
    for model in offer.models {
      for name in [model.name] + model.aliases where names[name] != nil || names.count < limits.names {
        names[name] = now
      }
    }
    return true
  }

  /// Whether somebody offered the model lately, who may be back in a moment.
  package func remembers(_ model: String, at now: Duration) -> Bool {
    names[model].map { now - $0 < limits.memory } ?? false
  }

  package mutating func expire(at now: Duration) {
    offers = offers.filter { now - $0.value.at < limits.lifetime }
    names = names.filter { now - $0.value < limits.memory }
  }

  /// Offers that hold, in the order of their peers.
  package func current(at now: Duration) -> [PeerOffer] {
    offers.values.filter { now - $0.at < limits.lifetime }.map(\.offer)
      .sorted { $0.peer.bytes.lexicographicallyPrecedes($1.peer.bytes) }
  }

  /// Offers of others as they were signed, to be passed on.
  package func signed(at now: Duration, limit: Int) -> [[UInt8]] {
    offers.values.filter { now - $0.at < limits.lifetime / 2 }.sorted { $0.at > $1.at }.prefix(limit).map(\.signed)
  }

  package func offer(of peer: PeerID) -> PeerOffer? { offers[peer]?.offer }
}
