package import ModelInterface
internal import Multiformats
package import PeerProtocols
internal import Synchronization

/// Answers other nodes from this node's own models.
package final class InferenceServer: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Answers for others at one time; whoever comes then is refused at once, with an estimate.
    package var answers = 4
    /// Of these, for one peer.
    package var answersPerPeer = 4
    /// Tokens of one answer.
    package var outputTokens = 4_096
    /// How long a peer may take to say what it wants, to read what it is sent, and to sign.
    package var patience: Duration = .seconds(15)
    /// Bytes of questions that have come in part, of all peers together, besides the first 64 KiB of each.
    package var questionBytes = 64 << 20
    /// The longest answer.
    package var time: Duration = .seconds(600)

    package init() {}
  }

  private struct State: Sendable {
    var running: [PeerKey: Int] = [:]
    var total = 0
    /// Seconds that an answer takes, smoothed.
    var answerTime = 3.0
    /// Tokens a second, smoothed, by model.
    var speeds: [String: Double] = [:]
    var served = 0
    var refused = 0
  }

  private typealias PeerKey = [UInt8]

  private let host: any PeerHost
  private let local: any ModelProvider
  private let limits: Limits
  private let receipts: ReceiptStore?
  /// Where the weights of a model are known by content, and what its tokens cost.
  private let terms: @Sendable (String) async -> ModelOffer?
  private let offers: @Sendable () -> [[UInt8]]
  /// Whether it answers at all, and not only tells whom it knows.
  private let serves: Bool
  private let clock: @Sendable () -> Int
  private let questions: FrameRoom
  private let state = Mutex(State())

  /// - Parameters:
  ///   - local: answers from this node's own engine only, so that no question goes in circles.
  ///   - terms: what is offered of a model; nil where it is not offered.
  ///   - serves: whether it answers at all, and not only tells whom it knows.
  ///   - offers: what peers that ask are told, this node's own offer first.
  ///   - clock: milliseconds since 1970.
  package init(
    host: any PeerHost, local: any ModelProvider, limits: Limits, receipts: ReceiptStore?,
    terms: @escaping @Sendable (String) async -> ModelOffer?, serves: Bool, offers: @escaping @Sendable () -> [[UInt8]],
    clock: @escaping @Sendable () -> Int
  ) {
    self.host = host
    self.local = local
    self.limits = limits
    self.receipts = receipts
    self.terms = terms
    self.serves = serves
    self.offers = offers
    self.clock = clock
    questions = FrameRoom(limit: limits.questionBytes)
  }

  /// Answers under way for others.
  package var running: Int { state.withLock { $0.total } }
  package var capacity: Int { limits.answers }
  package var served: Int { state.withLock { $0.served } }
  package var refused: Int { state.withLock { $0.refused } }
  /// Tokens a second as measured lately; nil where nothing was.
  package func speed(of model: String) -> Double? { state.withLock { $0.speeds[model] } }

  /// Begins to answer.
  package func start() {
    host.handle(InferenceFrame.protocolName, limits: ProtocolLimits(streams: 512, streamsPerPeer: 64)) {
      [weak self] stream in
      guard let self else { return stream.reset() }
      try await self.answer(stream)
    }
  }

  package func stop() { host.stopHandling(InferenceFrame.protocolName) }

  private func answer(_ stream: any PeerStream) async throws {
    var reader = FrameReader(stream, room: questions)
    while true {
      stream.setTimeout(limits.patience)
      guard let frame = try await reader.next() else { break }
      switch frame {
      case .wantOffers: try await stream.writeMessage(InferenceFrame.offers(offers()).bytes)
      case .ask(let ask): try await answer(ask, stream, &reader)
      default:
        throw PeerError(.violation, "\(stream.protocolName): a question expected, found another frame")
      }
    }
    try await stream.closeWrite()
  }

  private func answer(_ ask: InferenceAsk, _ stream: any PeerStream, _ reader: inout FrameReader) async throws {
    let peer = stream.peer.bytes
    if let refusal = admit(peer) {
      try await stream.writeMessage(InferenceFrame.failed(refusal).bytes)
      return
    }
    let began = ContinuousClock.now
    defer { release(peer, took: ContinuousClock.now - began) }
    guard serves, let offer = await terms(ask.request.model) else {
      let error = GenerationError(.modelNotFound, "this node does not offer \(ask.request.model) to its peers")
      try await stream.writeMessage(InferenceFrame.failed(error).bytes)
      return
    }
    var request = ask.request
    request.context = RequestContext(requestID: "peer-\(Self.hex(ask.id))", tenant: "peer:\(stream.peer)")
    request.context.deadline = began + min(limits.time, .milliseconds(max(1, ask.patience)))
    request.maximumOutputTokens = min(request.maximumOutputTokens ?? limits.outputTokens, limits.outputTokens)
    // The engine may take its time; what is written has to be read soon.
    stream.setDeadline((request.context.deadline ?? began + limits.time) + limits.patience)
    do {
      let answer = try await local.generate(request)
      // Between the engine and the wire there is one change of thread; but the log-probabilities of a whole prompt are no
      // small thing to encode.
      let place = request.echoesPrompt ? nil : stream.executor
      let given = try await withTaskExecutorPreference(place) { try await forward(answer, to: stream) }
      let receipt = try sign(ask, offer, given, peer: stream, began: began)
      stream.setTimeout(limits.patience)
      try await stream.writeMessage(InferenceFrame.finished(given.completion, receipt: receipt.bytes).bytes)
      if ask.purpose == .answer { measure(ask.request.model, given) }
      await keep(receipt, stream, &reader)
    } catch let error as GenerationError {
      stream.setTimeout(limits.patience)
      try await stream.writeMessage(InferenceFrame.failed(error).bytes)
    }
  }

  // MARK: Admission

  private func admit(_ peer: PeerKey) -> GenerationError? {
    state.withLock { state -> GenerationError? in
      guard state.total < limits.answers, state.running[peer, default: 0] < limits.answersPerPeer else {
        state.refused += 1
        // One place is free after that time, on average.
        let wait = Duration.seconds(max(0.2, state.answerTime / Double(max(1, limits.answers))))
        return GenerationError(
          .overloaded(retryAfter: wait),
          "all \(limits.answers) places for peers are taken; one is expected to be free in \(wait.microseconds / 1_000) ms"
        )
      }
      state.total += 1
      state.running[peer, default: 0] += 1
      return nil
    }
  }

  private func release(_ peer: PeerKey, took: Duration) {
    state.withLock { state in
      state.total -= 1
      let left = state.running[peer, default: 1] - 1
      state.running[peer] = left > 0 ? left : nil
      state.answerTime += (took.inSeconds - state.answerTime) * 0.2
    }
  }

  private func measure(_ model: String, _ end: AnswerEnd) {
    guard let decode = end.completion.timings?.decode, decode > .milliseconds(50) else { return }
    let speed = Double(end.completion.usage.completionTokens) / decode.inSeconds
    state.withLock { state in
      state.served += 1
      state.speeds[model] = state.speeds[model].map { $0 + (speed - $0) * 0.3 } ?? speed
    }
  }

  // MARK: The answer

  private struct AnswerEnd {
    var completion: Completion
    var transcript: Transcript
  }

  private func forward(_ answer: GenerationStream, to stream: any PeerStream) async throws -> AnswerEnd {
    let events = answer.makeAsyncIterator()
    var transcript = Transcript()
    var batch: [GenerationEvent] = []
    while let event = try await events.next() {
      batch.removeAll(keepingCapacity: true)
      var next: GenerationEvent? = event
      var completion: Completion?
      var start: GenerationStart?
      while let event = next {
        switch event {
        case .started(let value): start = value
        case .finished(let value): completion = value
        default: batch.append(event)
        }
        next = nil
        if completion == nil, batch.count < 64 { next = try events.nextIfReady() }
      }
      if let start {
        try await stream.writeMessage(InferenceFrame.started(start).bytes, patience: limits.patience)
      }
      if !batch.isEmpty {
        try await stream.writeMessage(InferenceFrame.events(batch).bytes, patience: limits.patience)
      }
      // What nobody waits for comes after what somebody does.
      for event in batch { transcript.add(event) }
      if let completion { return AnswerEnd(completion: completion, transcript: transcript) }
    }
    throw GenerationError(.unavailable, "the answer ended without saying so")
  }

  private func sign(
    _ ask: InferenceAsk, _ offer: ModelOffer, _ end: AnswerEnd, peer stream: any PeerStream,
    began: ContinuousClock.Instant
  ) throws -> SignedReceipt {
    let finished = clock()
    let usage = end.completion.usage
    let price =
      UInt128(offer.promptPrice) * UInt128(max(0, usage.promptTokens))
      + UInt128(offer.completionPrice) * UInt128(max(0, usage.completionTokens))
    let sampling = ask.request.sampling
    let receipt = InferenceReceipt(
      id: ask.id, model: offer.name, weights: offer.weights, provider: host.id, client: stream.peer,
      inputHash: ask.inputHash,
      outputHash: InferenceReceipt.outputHash(text: end.transcript.text, tokens: end.transcript.tokens),
      promptTokens: usage.promptTokens, completionTokens: usage.completionTokens,
      started: finished - (ContinuousClock.now - began).microseconds / 1_000, finished: finished, price: price,
      isDeterministic: sampling.temperature == 0 || sampling.seed != nil)
    return SignedReceipt(
      receipt: receipt, providerKey: host.publicKey, providerSignature: try host.sign(receipt.signedBytes))
  }

  /// Waits for the asker's signature, for a while, and keeps the receipt with it or without.
  private func keep(_ receipt: SignedReceipt, _ stream: any PeerStream, _ reader: inout FrameReader) async {
    var kept = receipt
    stream.setTimeout(limits.patience)
    if case .countersigned(let signature)? = try? await reader.next(), let key = stream.peer.publicKey,
      (try? host.verify(signature, of: receipt.receipt.signedBytes, by: key)) == true
    {
      kept.clientSignature = signature
    }
    // That this node's disk refuses is nothing to hold against the peer; the store reports it.
    try? receipts?.append(.receipt, kept.bytes)
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
