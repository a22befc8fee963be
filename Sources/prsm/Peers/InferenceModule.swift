import Gateway
import ModelInterface
import Multiformats
import PeerInference
import PeerNetwork
import PeerProtocols
import PeerServices

/// `/v1/prsm/inference…`: what peers offer, how they kept it, and what was signed.
struct InferenceModule: GatewayModule {
  let part: InferencePart

  private static let maximumReceipts = 1_000

  var routes: [GatewayRoute] {
    [
      .whole(
        .get, "/v1/prsm/inference/peers",
        operation: Operation(
          "listOffers", "What peers offer, how well they kept it, and who was found to answer falsely.", tag: "Peers",
          answers: [.json("The offers.", ["type": "object"])])
      ) { _ in WholeResponse(body: overview.bytes) },
      .whole(
        .get, "/v1/prsm/inference/peers/{peer}",
        operation: Operation(
          "explainOffers", "What was experienced with a peer's answers, and why it is or is not asked.", tag: "Peers",
          parameters: [.init("peer", in: "path", "The peer's id.", required: true, schema: ["type": "string"])],
          answers: [.json("What is known.", ["type": "object"])], errors: [400])
      ) { request in
        guard let text = request.variables.first, let peer = try? PeerID(text) else {
          throw APIError.invalid("peer", "A peer id such as 12D3KooW… is expected.")
        }
        return WholeResponse(body: explain(peer).bytes)
      },
      .whole(
        .get, "/v1/prsm/inference/receipts",
        operation: Operation(
          "listReceipts", "The newest receipts of answers between this node and its peers, signed by both sides.",
          tag: "Peers", answers: [.json("The receipts, newest first.", ["type": "object"])])
      ) { _ in WholeResponse(body: receipts.bytes) },
    ]
  }

  private var overview: JSONValue {
    let asker = part.inference.asker
    let checks = part.inference.auditor.counts
    let unwritten = part.receipts.unwritten
    let counts = asker.counts
    let liars = asker.liars.map { liar -> JSONValue in
      ["id": .string("\(liar.peer)"), "reasons": .array(liar.reasons.map { .string($0) })]
    }
    let serving: JSONValue = [
      "running": .integer(part.inference.server.running), "capacity": .integer(part.inference.server.capacity),
      "refused": .integer(part.inference.server.refused),
    ]
    return [
      "id": .string("\(part.host.id)"), "peers": .array(asker.offers.map { describe($0) }), "liars": .array(liars),
      "answered": .integer(counts.answered), "resumed": .integer(counts.resumed),
      "checks": .integer(checks.checks), "disagreements": .integer(checks.disagreements), "serving": serving,
      "dht_peers": .integer(part.tables.map(\.peerCount).max() ?? 0),
      "receipts": .integer(part.receipts.receiptCount), "receipts_waiting": .integer(unwritten.waiting),
      "receipts_lost": .integer(unwritten.lost), "reachability": part.reachability.overview,
    ]
  }

  private func describe(_ offer: PeerOffer) -> JSONValue {
    let models = offer.models.map { model -> JSONValue in
      [
        "name": .string(model.name), "weights": model.weights.map { .string("\($0)") } ?? .null,
        "context_length": model.contextLength.map { .integer($0) } ?? .null,
        "tokens_per_second": model.tokensPerSecond.map { .double($0) } ?? .null,
        "prompt_price": .integer(model.promptPrice), "completion_price": .integer(model.completionPrice),
      ]
    }
    return [
      "id": .string("\(offer.peer)"), "region": offer.region.map { .string($0) } ?? .null,
      "running": .integer(offer.running), "capacity": .integer(offer.capacity),
      "reliability": .double(part.inference.asker.reliability(of: offer.peer)), "models": .array(models),
    ]
  }

  private func explain(_ peer: PeerID) -> JSONValue {
    let asker = part.inference.asker
    let lies = asker.liars.first { $0.peer == peer }?.reasons ?? []
    return [
      "id": .string("\(peer)"), "reliability": .double(asker.reliability(of: peer)),
      "gossip_score": .double(part.gossip.score(of: peer)),
      "offer": asker.offers.first { $0.peer == peer }.map { describe($0) } ?? .null,
      "false_answers": .array(lies.map { .string($0) }),
      "history": .array(asker.history(of: peer).map { .string($0) }),
    ]
  }

  private var receipts: JSONValue {
    let newest = part.receipts.newest(.receipt, limit: Self.maximumReceipts)
    let described = newest.compactMap { bytes -> JSONValue? in
      guard let signed = try? SignedReceipt(verifying: bytes, host: part.host) else { return nil }
      let receipt = signed.receipt
      return [
        "model": .string(receipt.model), "weights": receipt.weights.map { .string("\($0)") } ?? .null,
        "provider": .string("\(receipt.provider)"), "client": .string("\(receipt.client)"),
        "prompt_tokens": .integer(receipt.promptTokens), "completion_tokens": .integer(receipt.completionTokens),
        "started_ms": .integer(receipt.started), "finished_ms": .integer(receipt.finished),
        "price": .string("\(receipt.price)"), "signed_by_client": .bool(signed.clientSignature != nil),
      ]
    }
    return ["receipts": .array(described)]
  }
}
