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
    /// Between two answers that are computed again because others accuse whoever gave them: so much and no more of this node's
    /// time is theirs.
    package var accusationPause: Duration = .seconds(5)

    package init() {}
  }

  /// Where signed evidence of false answers goes around.
  package static let evidenceTopic = "/prsm/evidence/1"
  /// Where receipts of questions that everybody knows go around.
  package static let probeTopic = "/prsm/probes/1"
  /// Receipts of probes that are remembered.
  private static let maximumProbes = 4_096
  /// Accusations that wait to be computed again; more are only noted.
  private static let maximumCases = 16

  private struct State: Sendable {
    /// By provider and question.
    var probes: [[UInt8]: SignedReceipt] = [:]
    var order: [[UInt8]] = []
    var checks = 0
    var disagreements = 0
  }

  let asker: PeerAsker
  let host: any PeerHost
  private let options: Options
  let topics: (any TopicExchange)?
  let receipts: ReceiptStore?
  private let local: any ModelProvider
  private let localOffer: @Sendable (String) async -> ModelOffer?
  private let hour: @Sendable () -> Int
  private let state = Mutex(State())
  /// What others say against peers, which this node may compute again.
  private let cases: AsyncStream<Evidence>
  let casesEnd: AsyncStream<Evidence>.Continuation

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
    (cases, casesEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.maximumCases))
  }

  /// Answers that were recomputed, and how many did not hold.
  package var counts: (checks: Int, disagreements: Int) { state.withLock { ($0.checks, $0.disagreements) } }

  /// Checks until cancelled.
  package func run() async {
    follow()
    await withDiscardingTaskGroup { group in
      if let interval = options.probeInterval { group.addTask { await self.probe(every: interval) } }
      group.addTask {
        for await evidence in self.cases {
          await self.weigh(evidence)
          try? await Task.sleep(for: self.options.accusationPause)
        }
      }
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
      switch await recompute(answer, excluding: excluded)?.finding {
      case .disagrees: break
      case .agrees:
        if let checker = first.checker {
          asker.change { reputation, now in reputation.failed(checker, "gave a wrong check", at: now) }
        }
        return
      case .inconclusive, nil:
        // One word against another; the next answers of the accused are looked at.
        asker.change { reputation, now in
          reputation.accused(answer.peer, by: first.checker ?? host.id, reason, at: now)
        }
        return
      }
    }
    // Only a question that everybody knows is told with it: any other may be somebody's private words.
    let told = answer.transcript
    accuse(
      answer.peer, reason, [answer.receipt],
      answer: isKnown(answer.receipt.receipt)
        ? Evidence.Answer(question: answer.request, text: told.text, tokens: told.tokens) : nil)
  }

  private struct Opinion {
    let checker: PeerID?
    let finding: AnswerCheck.Finding
  }

  /// What another engine with the same weights says of the answer: this node's own, or a peer's.
  private func recompute(_ answer: FinishedAnswer, excluding: Set<PeerID>) async -> Opinion? {
    let request = echo(of: answer.transcript.tokens, behind: answer.request)
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
    if !excluding.contains(host.id),
      let tokens = await recomputeHere(request, weights: answer.receipt.receipt.weights)
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

  /// Asks for nothing but the log-probabilities of an answer.
  func echo(of tokens: [TokenID], behind question: GenerationRequest) -> GenerationRequest {
    var request = question
    request.continuation += tokens
    request.maximumOutputTokens = 0
    request.echoesPrompt = true
    request.logprobs = 1
    request.stopSequences = []
    request.tools = []
    request.responseFormat = .text
    request.context.deadline = ContinuousClock.now + options.checkTime
    return request
  }

  /// By this node's own engine, where it has these weights.
  func recomputeHere(_ request: GenerationRequest, weights: CID?) async -> [TokenLogprob]? {
    guard let weights, let offer = await localOffer(request.model), offer.weights == weights else { return nil }
    return try? await Self.echo(local.generate(request))
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

  private func accuse(
    _ peer: PeerID, _ reason: String, _ proofs: [SignedReceipt], answer: Evidence.Answer? = nil
  ) {
    asker.change { reputation, now in reputation.lied(peer, reason, at: now) }
    asker.tell("peer \(peer) gave a false answer: \(reason); it is not asked again")
    guard let evidence = try? Evidence.signed(against: peer, reason, proofs, answer: answer, by: host) else { return }
    try? receipts?.append(.evidence, evidence)
    try? topics?.publish(evidence, topic: Self.evidenceTopic)
  }

  // MARK: Probes

  /// Questions of one hour.
  private static let variants = 2

  /// A question that every node can know, and that changes every hour.
  ///
  /// - Parameters:
  ///   - hour: hours since 1970.
  ///   - variant: which of the hour's questions, 0 or 1.
  package static func question(_ hour: Int, _ variant: Int, model: String) -> GenerationRequest {
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

  /// Whether a receipt is about a question that every node can know now.
  func isKnown(_ receipt: InferenceReceipt) -> Bool {
    let now = hour()
    for hour in (now - 1)...(now + 1) {
      for variant in 0..<Self.variants {
        let request = Self.question(hour, variant, model: receipt.model)
        let ask = InferenceAsk(id: receipt.id, purpose: .answer, request: request, patience: 0)
        if ask.inputHash == receipt.inputHash { return true }
      }
    }
    return false
  }

  private func probe(every interval: Duration) async {
    while (try? await Task.sleep(for: interval * Double.random(in: 0.8...1.2))) != nil {
      let offers = asker.offers.filter { offer in offer.models.contains { $0.weights != nil } }
      guard let offer = offers.randomElement(),
        let model = offer.models.filter({ $0.weights != nil }).randomElement()
      else { continue }
      let request = Self.question(hour(), Int.random(in: 0..<Self.variants), model: model.name)
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

  func heard(probe bytes: [UInt8]) {
    guard let receipt = try? SignedReceipt(verifying: bytes, host: host), asker.knows(receipt.receipt.provider) else {
      return
    }
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
    guard let known, let reason = Evidence.contradiction(known, receipt), !asker.isLiar(body.provider)
    else { return }
    accuse(body.provider, reason, [known, receipt])
  }
}
