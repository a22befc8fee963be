package import Multiformats

/// Which peer is to answer, and why.
package struct PeerChoice: Sendable {
  /// What counts how much; together 1.
  package struct Weights: Sendable, Hashable {
    package var capability = 0.40
    package var load = 0.25
    package var latency = 0.20
    package var reliability = 0.15

    package init() {}
  }

  /// What a request demands.
  package struct Demand: Sendable {
    package var model: String
    /// Tokens of prompt and answer that must fit, as far as can be told.
    package var contextTokens = 0
    /// Regions that the data may be sent to; nil for any.
    package var regions: Set<String>?
    /// Peers that are out of the question.
    package var excluded: Set<PeerID> = []

    package init(model: String) { self.model = model }
  }

  /// A peer with the parts of its score, each 0 to 1.
  package struct Candidate: Sendable {
    package let peer: PeerID
    package let model: ModelOffer
    package let capability: Double
    package let load: Double
    package let latency: Double
    package let reliability: Double
    package let score: Double
  }

  package var weights: Weights

  package init(weights: Weights = Weights()) { self.weights = weights }

  /// Those who may answer, the best first, and why the others may not.
  package func ranked(
    _ offers: [PeerOffer], for demand: Demand, reputation: Reputation
  ) -> (candidates: [Candidate], refused: [(peer: PeerID, reason: String)]) {
    var refused: [(peer: PeerID, reason: String)] = []
    var fitting: [(offer: PeerOffer, model: ModelOffer)] = []
    for offer in offers {
      guard let model = offer.model(named: demand.model) else { continue }
      if demand.excluded.contains(offer.peer) {
        refused.append((offer.peer, "was tried already"))
      } else if reputation.isLiar(offer.peer) {
        refused.append((offer.peer, "gave a false answer before"))
      } else if let regions = demand.regions, !(offer.region.map(regions.contains) ?? false) {
        refused.append(
          (offer.peer, "is in region \(offer.region ?? "unknown"), not in \(regions.sorted().joined(separator: ", "))"))
      } else if let context = model.contextLength, context < demand.contextTokens {
        refused.append((offer.peer, "has room for \(context) tokens, \(demand.contextTokens) are needed"))
      } else {
        fitting.append((offer, model))
      }
    }
    let fastest = fitting.compactMap(\.model.tokensPerSecond).max() ?? 0
    let candidates = fitting.map { offer, model in
      candidate(offer, model, fastest: fastest, reputation)
    }
    return (
      candidates.sorted {
        $0.score != $1.score ? $0.score > $1.score : $0.peer.bytes.lexicographicallyPrecedes($1.peer.bytes)
      }, refused
    )
  }

  private func candidate(
    _ offer: PeerOffer, _ model: ModelOffer, fastest: Double, _ reputation: Reputation
  ) -> Candidate {
    // What is not known is neither good nor bad.
    let capability = model.tokensPerSecond.map { fastest > 0 ? 0.5 + 0.5 * min(1, max(0, $0 / fastest)) : 0.5 } ?? 0.5
    let load = 1 - offer.load
    let wait = reputation.firstToken(of: offer.peer) ?? reputation.roundTrip(of: offer.peer).map { $0 * 3 }
    let latency = wait.map { 1 / (1 + $0.inSeconds / 0.3) } ?? 0.5
    let reliability = reputation.reliability(of: offer.peer)
    let score =
      weights.capability * capability + weights.load * load + weights.latency * latency
      + weights.reliability * reliability
    return Candidate(
      peer: offer.peer, model: model, capability: capability, load: load, latency: latency, reliability: reliability,
      score: score)
  }
}
