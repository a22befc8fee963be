internal import Content
package import ModelInterface
internal import Multiformats
package import PeerProtocols
internal import Synchronization

/// Trusts peers, and verifies: recomputes a share of their answers elsewhere, and asks them what everybody asks, to see
/// whether they tell everybody the same.
package final class Auditor: Sendable {
  /// Bounds and pace.
  package struct Options: Sendable {
    /// How often a peer is asked a question that everybody knows; nil for never.
    package var probeInterval: Duration? = .seconds(600)
    /// The whole time of one check.
    package var checkTime: Duration = .seconds(60)

    package init() {}
  }

  /// Where signed evidence of false answers goes around.
  package static let evidenceTopic = "/prsm/evidence/1"
  /// Where receipts of questions that everybody knows go around.
  package static let probeTopic = "/prsm/probes/1"
  /// What accusers sign, in front of the evidence.
  private static let prefix = Array("prsm-evidence:".utf8)
  /// Receipts of probes that are remembered.
  private static let maximumProbes = 4_096

  private struct State: Sendable {
    /// By provider and question.
    var probes: [[UInt8]: SignedReceipt] = [:]
    var order: [[UInt8]] = []
    var checks = 0
    var disagreements = 0
  }

  private let asker: PeerAsker
  private let host: any PeerHost
  private let options: Options
  private let topics: (any TopicExchange)?
  private let receipts: ReceiptStore?
  private let local: any ModelProvider
  private let localOffer: @Sendable (String) async -> ModelOffer?
  private let hour: @Sendable () -> Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - local: recomputes here where this node has the weights.
  ///   - localOffer: a model of this node by name.
  ///   - hour: hours since 1970.
  package init(
    asker: PeerAsker, host: any PeerHost, options: Options, topics: (any TopicExchange)?, receipts: ReceiptStore?,
    local: any ModelProvider, localOffer: @escaping @Sendable (String) async -> ModelOffer?,
    hour: @escaping @Sendable () -> Int
  ) {
    self.asker = asker
    self.host = host
    self.options = options
    self.topics = topics
    self.receipts = receipts
    self.local = local
    self.localOffer = localOffer
    self.hour = hour
  }

  /// Answers that were recomputed, and how many did not hold.
  package var counts: (checks: Int, disagreements: Int) { state.withLock { ($0.checks, $0.disagreements) } }

  /// Checks until cancelled.
  package func run() async {
    follow()
    await withDiscardingTaskGroup { group in
      if let interval = options.probeInterval { group.addTask { await self.probe(every: interval) } }
      for await answer in asker.finished { await check(answer) }
      group.cancelAll()
    }
  }

  // MARK: Recomputing

  private func check(_ answer: FinishedAnswer) async {
    // Thoughts and calls come without their tokens, and what follows them cannot be scored alone.
    guard answer.transcript.canContinue, let first = await recompute(answer, excluding: [answer.peer]) else { return }
    state.withLock { $0.checks += 1 }
    guard case .disagrees(let reason) = first.finding else { return }
    state.withLock { $0.disagreements += 1 }
    // Either of the two may be wrong; a third decides. Without one, nobody is accused, unless this node itself recomputed.
    if first.checker != host.id {
      let excluded: Set<PeerID> = first.checker.map { [answer.peer, $0] } ?? [answer.peer]
      guard let second = await recompute(answer, excluding: excluded) else {
        asker.change { reputation, now in
          reputation.failed(answer.peer, "an answer of it is disputed: \(reason)", at: now)
        }
        return
      }
      guard case .disagrees = second.finding else {
        if let checker = first.checker {
          asker.change { reputation, now in reputation.failed(checker, "gave a wrong check", at: now) }
        }
        return
      }
    }
    accuse(answer.peer, reason, [answer.receipt])
  }

  private struct Opinion {
    let checker: PeerID?
    let finding: AnswerCheck.Finding
  }

  /// What another engine with the same weights says of the answer: this node's own, or a peer's.
  private func recompute(_ answer: FinishedAnswer, excluding: Set<PeerID>) async -> Opinion? {
    var request = answer.request
    request.continuation += answer.transcript.tokens
    request.maximumOutputTokens = 0
    request.echoesPrompt = true
    request.logprobs = 1
    request.stopSequences = []
    request.tools = []
    request.responseFormat = .text
    request.context.deadline = ContinuousClock.now + options.checkTime
    let count = answer.transcript.tokens.count
    guard count > 0 else { return nil }
    func opinion(_ tokens: [TokenLogprob], by checker: PeerID) -> Opinion {
      let sampling = answer.request.sampling
      return Opinion(
        checker: checker,
        finding: AnswerCheck.judge(
          text: answer.transcript.text, tokens: answer.transcript.tokens, logprobs: answer.transcript.logprobs,
          recomputed: Array(tokens.suffix(count)), isGreedy: sampling.temperature == 0 && Self.isPlain(answer.request),
          hasStops: !answer.request.stopSequences.isEmpty, tolerance: asker.options.tolerance))
    }
    if !excluding.contains(host.id), let offer = await localOffer(request.model), offer.weights != nil,
      offer.weights == answer.receipt.receipt.weights, let tokens = try? await Self.echo(local.generate(request))
    {
      return opinion(tokens, by: host.id)
    }
    let ranked = asker.ranked(request, excluding: excluding).candidates
    for candidate in ranked.prefix(4) where candidate.model.weights == answer.receipt.receipt.weights {
      let deadline = ContinuousClock.now + options.checkTime
      guard let call = try? await asker.begin(request, purpose: .check, to: candidate.peer, deadline: deadline) else {
        continue
      }
      if let tokens = await echo(call, deadline: deadline) { return opinion(tokens, by: candidate.peer) }
    }
    return nil
  }

  /// Where biases, penalties or a grammar have a say, the likeliest token need not be the one.
  private static func isPlain(_ request: GenerationRequest) -> Bool {
    guard case .text = request.responseFormat else { return false }
    let sampling = request.sampling
    return request.tools.isEmpty && sampling.logitBias.isEmpty && sampling.repetitionPenalty == 1
      && sampling.frequencyPenalty == 0 && sampling.presencePenalty == 0
  }

  private static func echo(_ stream: GenerationStream) async throws -> [TokenLogprob] {
    var tokens: [TokenLogprob] = []
    for try await event in stream { if case .prompt(let part) = event { tokens += part } }
    return tokens
  }

  private func echo(_ call: PeerCall, deadline: ContinuousClock.Instant) async -> [TokenLogprob]? {
    var call = call
    var frame: InferenceFrame? = call.first
    var tokens: [TokenLogprob] = []
    call.stream.setDeadline(deadline)
    do throws(PeerError) {
      while let current = frame {
        switch current {
        case .events(let events):
          for event in events { if case .prompt(let part) = event { tokens += part } }
          guard tokens.count <= asker.options.answerSize / 8 else {
            throw PeerError(.tooLarge, "\(call.peer) gives tokens back without end")
          }
        case .finished(_, let receipt):
          await asker.ended(call, receipt, Transcript())
          return tokens
        default:
          call.stream.reset()
          return nil
        }
        frame = try await call.reader.next()
      }
    } catch {
      call.stream.reset()
    }
    return nil
  }

  // MARK: Evidence

  private func accuse(_ peer: PeerID, _ reason: String, _ proofs: [SignedReceipt]) {
    asker.change { reputation, now in reputation.lied(peer, reason, at: now) }
    asker.tell("peer \(peer) gave a false answer: \(reason); it is not asked again")
    let body: [String: Node] = [
      "accused": .bytes(peer.bytes), "reason": .string(reason), "receipts": .list(proofs.map { .bytes($0.bytes) }),
      "accuser": .bytes(host.id.bytes),
    ]
    guard let bytes = try? DagCBOR.encode(.map(body)), let signature = try? host.sign(Self.prefix + bytes),
      let evidence = try? DagCBOR.encode(
        .map(["evidence": .bytes(bytes), "key": .bytes(host.publicKey.bytes), "signature": .bytes(signature)]))
    else { return }
    // The question stays here: it may be anybody's private words. The receipts prove who answered what.
    try? receipts?.append(.evidence, evidence)
    try? topics?.publish(evidence, topic: Self.evidenceTopic)
  }

  private func follow() {
    guard let topics else { return }
    topics.follow(Self.evidenceTopic) { message in
      message.data.count <= 64 << 10 ? .accept : .reject
    } deliver: { [weak self] message in
      self?.heard(evidence: message.data)
    }
    topics.follow(Self.probeTopic) { message in
      message.data.count <= 8 << 10 ? .accept : .reject
    } deliver: { [weak self] message in
      self?.heard(probe: message.data)
    }
  }

  private func heard(evidence bytes: [UInt8]) {
    guard let outer = try? DagCBOR.decode(bytes), let body = outer["evidence"]?.bytesValue,
      let key = outer["key"]?.bytesValue.flatMap({ try? PeerPublicKey(bytes: $0) }),
      let signature = outer["signature"]?.bytesValue, let node = try? DagCBOR.decode(body),
      let accused = node["accused"]?.bytesValue.flatMap({ try? PeerID(bytes: $0) }),
      let accuser = node["accuser"]?.bytesValue.flatMap({ try? PeerID(bytes: $0) }), accused != host.id,
      (try? PeerID(publicKey: key, sha256: KeyHash.sha256)) == accuser, accuser != host.id, accuser != accused,
      (try? host.verify(signature, of: Self.prefix + body, by: key)) == true
    else { return }
    let proofs = (node["receipts"]?.listValue ?? []).prefix(2).compactMap { proof in
      proof.bytesValue.flatMap { try? SignedReceipt(verifying: $0, host: host) }
    }
    guard !proofs.isEmpty, proofs.allSatisfy({ $0.receipt.provider == accused }) else { return }
    if let contradiction = Self.contradiction(proofs) {
      // Two signatures under two answers need no witness.
      convict(accused, contradiction, bytes)
    } else {
      asker.change { reputation, now in reputation.accused(accused, by: accuser, at: now) }
    }
  }

  private func convict(_ peer: PeerID, _ reason: String, _ evidence: [UInt8]) {
    var isNew = false
    asker.change { reputation, now in
      guard !reputation.isLiar(peer) else { return }
      reputation.lied(peer, reason, at: now)
      isNew = true
    }
    // Whoever tells it again fills neither the log nor the file.
    guard isNew else { return }
    asker.tell("peer \(peer): \(reason); it is not asked again")
    try? receipts?.append(.evidence, evidence)
  }

  /// What is wrong with two receipts of one peer, if anything.
  private static func contradiction(_ proofs: [SignedReceipt]) -> String? {
    guard proofs.count == 2 else { return nil }
    let (first, second) = (proofs[0].receipt, proofs[1].receipt)
    guard first.provider == second.provider, first.inputHash == second.inputHash, first.weights == second.weights,
      first.weights != nil, first.isDeterministic, second.isDeterministic, first.outputHash != second.outputHash
    else { return nil }
    return "it gave \(first.client) and \(second.client) different answers to one question"
  }

  // MARK: Probes

  /// A question that every node can know, and that changes every hour.
  private static func question(_ hour: Int, _ variant: Int, model: String) -> GenerationRequest {
    let subjects = ["the sea", "a clock", "bread", "winter", "a bridge", "the moon", "a library", "rain"]
    let subject = subjects[(hour + variant) % subjects.count]
    let message = Message(role: .user, text: "Say one sentence about \(subject), number \(hour % 1_000 + variant).")
    var request = GenerationRequest(
      model: model, prompt: .messages([message]), context: RequestContext(requestID: "probe"))
    request.sampling = .greedy
    request.maximumOutputTokens = 16
    request.logprobs = 0
    return request
  }

  private func probe(every interval: Duration) async {
    while (try? await Task.sleep(for: interval * Double.random(in: 0.8...1.2))) != nil {
      let offers = asker.offers.filter { offer in offer.models.contains { $0.weights != nil } }
      guard let offer = offers.randomElement(),
        let model = offer.models.filter({ $0.weights != nil }).randomElement()
      else { continue }
      let request = Self.question(hour(), Int.random(in: 0..<2), model: model.name)
      await probe(offer.peer, request)
    }
  }

  private func probe(_ peer: PeerID, _ request: GenerationRequest) async {
    let deadline = ContinuousClock.now + options.checkTime
    guard var call = try? await asker.begin(request, to: peer, deadline: deadline) else { return }
    var said = Transcript()
    var frame: InferenceFrame? = call.first
    call.stream.setDeadline(deadline)
    do throws(PeerError) {
      while let current = frame {
        switch current {
        case .events(let events):
          for event in events { said.add(event) }
          guard said.size <= asker.options.answerSize else {
            throw PeerError(.tooLarge, "\(peer) answers without end")
          }
        case .finished(_, let bytes):
          await asker.ended(call, bytes, said)
          let receipt = try SignedReceipt(verifying: bytes, host: host)
          remember(receipt)
          try topics?.publish(receipt.bytes, topic: Self.probeTopic)
          await check(FinishedAnswer(request: call.ask.request, peer: peer, transcript: said, receipt: receipt))
          return
        default:
          call.stream.reset()
          return
        }
        frame = try await call.reader.next()
      }
    } catch {
      call.stream.reset()
    }
  }

  private func heard(probe bytes: [UInt8]) {
    guard let receipt = try? SignedReceipt(verifying: bytes, host: host) else { return }
    remember(receipt)
  }

  /// Compares a receipt with what others were told.
  private func remember(_ receipt: SignedReceipt) {
    let body = receipt.receipt
    guard body.isDeterministic, let weights = body.weights else { return }
    let key = body.provider.bytes + body.inputHash + weights.bytes
    let known = state.withLock { state -> SignedReceipt? in
      if let known = state.probes[key] { return known }
      state.probes[key] = receipt
      state.order.append(key)
      if state.order.count > Self.maximumProbes { state.probes[state.order.removeFirst()] = nil }
      return nil
    }
    guard let known, let reason = Self.contradiction([known, receipt]),
      !asker.liars.contains(where: { $0.peer == body.provider })
    else { return }
    accuse(body.provider, reason, [known, receipt])
  }
}
