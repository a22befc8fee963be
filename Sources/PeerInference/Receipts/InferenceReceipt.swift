internal import Content
package import ModelInterface
package import Multiformats
package import PeerProtocols

/// What one node did for another: signed by the one that answered, and then by the one that asked.
package struct InferenceReceipt: Hashable, Sendable {
  /// What a signature is over, in front of the receipt's bytes.
  private static let prefix = Array("prsm-inference-receipt:".utf8)

  /// The question's id.
  package var id: [UInt8]
  package var model: String
  /// The weights, where they are known by content.
  package var weights: CID?
  package var provider: PeerID
  package var client: PeerID
  /// See ``InferenceAsk/inputHash``.
  package var inputHash: [UInt8]
  /// See ``outputHash(text:tokens:)``.
  package var outputHash: [UInt8]
  package var promptTokens: Int
  package var completionTokens: Int
  /// Milliseconds since 1970, by the provider's clock.
  package var started: Int
  package var finished: Int
  /// In base units of FTNS.
  package var price: UInt128
  /// Whether the same question has only one right answer: greedy, or with a seed.
  package var isDeterministic: Bool

  package init(
    id: [UInt8], model: String, weights: CID?, provider: PeerID, client: PeerID, inputHash: [UInt8],
    outputHash: [UInt8], promptTokens: Int, completionTokens: Int, started: Int, finished: Int, price: UInt128,
    isDeterministic: Bool
  ) {
    self.id = id
    self.model = model
    self.weights = weights
    self.provider = provider
    self.client = client
    self.inputHash = inputHash
    self.outputHash = outputHash
    self.promptTokens = promptTokens
    self.completionTokens = completionTokens
    self.started = started
    self.finished = finished
    self.price = price
    self.isDeterministic = isDeterministic
  }

  /// The SHA2-256 of an answer: its text, and its tokens where they were told.
  package static func outputHash(text: String, tokens: [TokenID]) -> [UInt8] {
    let node = Node.list([.string(text), .list(tokens.map { .int(Int($0)) })])
    return KeyHash.sha256((try? DagCBOR.encode(node)) ?? [])
  }

  /// The canonical bytes.
  package var bytes: [UInt8] {
    var map: [String: Node] = [
      "v": .int(1), "id": .bytes(id), "model": .string(model), "provider": .bytes(provider.bytes),
      "client": .bytes(client.bytes), "input": .bytes(inputHash), "output": .bytes(outputHash),
      "prompt": .int(promptTokens), "completion": .int(completionTokens), "started": .int(started),
      "finished": .int(finished), "price": .string("\(price)"), "fixed": .bool(isDeterministic),
    ]
    if let weights { map["weights"] = .link(weights) }
    return (try? DagCBOR.encode(.map(map))) ?? []
  }

  /// What both sides sign.
  package var signedBytes: [UInt8] { Self.prefix + bytes }

  /// - Throws: `.malformed`.
  package init(decoding bytes: [UInt8]) throws(PeerError) {
    guard let node = try? DagCBOR.decode(bytes), let id = node["id"]?.bytesValue, id.count == 16,
      let model = node["model"]?.stringValue, let provider = node["provider"]?.bytesValue,
      let client = node["client"]?.bytesValue, let input = node["input"]?.bytesValue,
      let output = node["output"]?.bytesValue, let prompt = node["prompt"]?.intValue,
      let completion = node["completion"]?.intValue, let started = node["started"]?.intValue,
      let finished = node["finished"]?.intValue, let price = node["price"]?.stringValue.flatMap({ UInt128($0) }),
      let providerID = try? PeerID(bytes: provider), let clientID = try? PeerID(bytes: client),
      node["v"]?.intValue == 1, case .bool(let isFixed)? = node["fixed"]
    else { throw PeerError(.malformed, "receipt: a member is missing or of the wrong kind") }
    self.init(
      id: id, model: model, weights: node["weights"]?.linkValue, provider: providerID, client: clientID,
      inputHash: input, outputHash: output, promptTokens: prompt, completionTokens: completion, started: started,
      finished: finished, price: price, isDeterministic: isFixed)
    guard self.bytes == bytes else { throw PeerError(.malformed, "receipt: unknown members") }
  }
}

/// A receipt with the signatures under it.
package struct SignedReceipt: Hashable, Sendable {
  package let receipt: InferenceReceipt
  package let providerKey: PeerPublicKey
  package let providerSignature: [UInt8]
  /// Nil where the asker did not sign.
  package var clientSignature: [UInt8]?

  package init(
    receipt: InferenceReceipt, providerKey: PeerPublicKey, providerSignature: [UInt8], clientSignature: [UInt8]? = nil
  ) {
    self.receipt = receipt
    self.providerKey = providerKey
    self.providerSignature = providerSignature
    self.clientSignature = clientSignature
  }

  package var bytes: [UInt8] {
    var map: [String: Node] = [
      "receipt": .bytes(receipt.bytes), "key": .bytes(providerKey.bytes), "by": .bytes(providerSignature),
    ]
    if let clientSignature { map["for"] = .bytes(clientSignature) }
    return (try? DagCBOR.encode(.map(map))) ?? []
  }

  /// Reads a receipt whose provider's signature holds.
  ///
  /// - Throws: `.malformed`, `.unauthenticated`.
  package init(verifying bytes: [UInt8], host: any PeerHost) throws(PeerError) {
    guard let node = try? DagCBOR.decode(bytes), let body = node["receipt"]?.bytesValue,
      let key = node["key"]?.bytesValue.flatMap({ try? PeerPublicKey(bytes: $0) }),
      let signature = node["by"]?.bytesValue
    else { throw PeerError(.malformed, "signed receipt: a member is missing or of the wrong kind") }
    let receipt = try InferenceReceipt(decoding: body)
    guard (try? PeerID(publicKey: key, sha256: KeyHash.sha256)) == receipt.provider,
      try host.verify(signature, of: receipt.signedBytes, by: key)
    else { throw PeerError(.unauthenticated, "receipt of \(receipt.provider): the signature does not hold") }
    self.init(
      receipt: receipt, providerKey: key, providerSignature: signature, clientSignature: node["for"]?.bytesValue)
  }
}
