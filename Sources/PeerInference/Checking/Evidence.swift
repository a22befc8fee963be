internal import Content
package import ModelInterface
package import Multiformats
package import PeerProtocols

/// What one node says against another, with what proves that the other signed what it is accused of.
///
/// Anybody can accuse. What counts is what whoever hears of it can verify: two receipts that contradict each other, or an
/// answer to a question that everybody knows, which the weights do not give.
package struct Evidence: Sendable {
  /// An answer that anybody with the weights can compute again.
  package struct Answer: Sendable {
    package let question: GenerationRequest
    package let text: String
    package let tokens: [TokenID]

    package init(question: GenerationRequest, text: String, tokens: [TokenID]) {
      self.question = question
      self.text = text
      self.tokens = tokens
    }
  }

  /// The longest that is read, in bytes.
  package static let maximumSize = 64 << 10
  /// What accusers sign, in front of the evidence.
  private static let prefix = Array("prsm-evidence:".utf8)
  private static let maximumTokens = 256

  package let accused: PeerID
  package let accuser: PeerID
  package let reason: String
  /// One or two, all signed by the accused.
  package let receipts: [SignedReceipt]
  /// What the first receipt is about, where its question is no secret.
  package let answer: Answer?

  /// The evidence as it travels, signed by the accuser.
  ///
  /// - Throws: what signing throws.
  package static func signed(
    against accused: PeerID, _ reason: String, _ receipts: [SignedReceipt], answer: Answer?, by host: any PeerHost
  ) throws(PeerError) -> [UInt8] {
    var body: [String: Node] = [
      "accused": .bytes(accused.bytes), "reason": .string(reason), "receipts": .list(receipts.map { .bytes($0.bytes) }),
      "accuser": .bytes(host.id.bytes),
    ]
    if let answer {
      body["question"] = RequestCoding.node(answer.question)
      body["text"] = .string(answer.text)
      body["tokens"] = .list(answer.tokens.map { .int(Int($0)) })
    }
    let bytes = (try? DagCBOR.encode(.map(body))) ?? []
    let outer: [String: Node] = [
      "evidence": .bytes(bytes), "key": .bytes(host.publicKey.bytes),
      "signature": .bytes(try host.sign(prefix + bytes)),
    ]
    return (try? DagCBOR.encode(.map(outer))) ?? []
  }

  /// Reads evidence, and verifies that its accuser signed it, that the accused signed every receipt, and that the first
  /// receipt is about the answer, where there is one.
  ///
  /// - Throws: `.malformed`, `.tooLarge`, `.unauthenticated`.
  package init(verifying bytes: [UInt8], host: any PeerHost) throws(PeerError) {
    guard bytes.count <= Self.maximumSize else {
      throw PeerError(.tooLarge, "evidence of \(bytes.count) bytes, at most \(Self.maximumSize)")
    }
    guard let outer = try? DagCBOR.decode(bytes), let body = outer["evidence"]?.bytesValue,
      let key = outer["key"]?.bytesValue.flatMap({ try? PeerPublicKey(bytes: $0) }),
      let signature = outer["signature"]?.bytesValue, let node = try? DagCBOR.decode(body),
      let accused = node["accused"]?.bytesValue.flatMap({ try? PeerID(bytes: $0) }),
      let accuser = node["accuser"]?.bytesValue.flatMap({ try? PeerID(bytes: $0) }),
      let reason = node["reason"]?.stringValue, let proofs = node["receipts"]?.listValue, (1...2).contains(proofs.count)
    else { throw PeerError(.malformed, "evidence: a member is missing or of the wrong kind") }
    guard accuser != accused, (try? PeerID(publicKey: key, sha256: KeyHash.sha256)) == accuser,
      try host.verify(signature, of: Self.prefix + body, by: key)
    else { throw PeerError(.unauthenticated, "evidence of \(accuser): the signature does not hold") }
    var receipts: [SignedReceipt] = []
    for proof in proofs {
      let receipt = try SignedReceipt(verifying: proof.bytesValue ?? [], host: host)
      guard receipt.receipt.provider == accused else {
        throw PeerError(.unauthenticated, "evidence against \(accused): a receipt is of \(receipt.receipt.provider)")
      }
      receipts.append(receipt)
    }
    self.accused = accused
    self.accuser = accuser
    self.reason = String(reason.prefix(500))
    self.receipts = receipts
    answer = try Self.answer(node, receipts[0].receipt)
  }

  private static func answer(_ node: Node, _ receipt: InferenceReceipt) throws(PeerError) -> Answer? {
    guard let question = node["question"] else { return nil }
    let fault = PeerError(.malformed, "evidence: an answer that cannot be read")
    guard let text = node["text"]?.stringValue, let list = node["tokens"]?.listValue, list.count <= maximumTokens,
      let request = try? RequestCoding.request(question, context: RequestContext(requestID: "evidence")),
      let tokens = try? RequestCoding.tokens(Node.list(list), "tokens")
    else { throw fault }
    guard KeyHash.sha256((try? DagCBOR.encode(question)) ?? []) == receipt.inputHash,
      InferenceReceipt.outputHash(text: text, tokens: tokens) == receipt.outputHash
    else {
      throw PeerError(.unauthenticated, "evidence against \(receipt.provider): the receipt is about another answer")
    }
    return Answer(question: request, text: text, tokens: tokens)
  }

  /// What is wrong with the two receipts by themselves, if anything.
  var contradiction: String? { receipts.count == 2 ? Self.contradiction(receipts[0], receipts[1]) : nil }

  /// What is wrong with two receipts of one peer, if anything: under two answers to one question, of which only one can be
  /// right, its signatures need no witness.
  static func contradiction(_ one: SignedReceipt, _ other: SignedReceipt) -> String? {
    let (first, second) = (one.receipt, other.receipt)
    guard first.provider == second.provider, first.inputHash == second.inputHash, first.weights == second.weights,
      first.weights != nil, first.isDeterministic, second.isDeterministic, first.outputHash != second.outputHash
    else { return nil }
    return "it gave \(first.client) and \(second.client) different answers to one question"
  }
}
