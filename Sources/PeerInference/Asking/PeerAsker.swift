package import ModelInterface
package import Multiformats
package import PeerProtocols
internal import Synchronization

/// How peers are asked.
package struct AskingOptions: Sendable {
  package var weights = PeerChoice.Weights()
  /// How long connecting to one peer may take.
  package var dialTime: Duration = .seconds(3)
  /// How long one peer may take until it begins to answer.
  package var firstTime: Duration = .seconds(60)
  /// How long a peer that has begun may be silent; longer where its pace is slow.
  package var stallTime: Duration = .seconds(4)
  /// The longest answer, where the client sets no deadline.
  package var answerTime: Duration = .seconds(300)
  /// The most of one answer: bytes of text, and eight for each token.
  package var answerSize = 32 << 20
  /// For how long a peer is looked for, before the first word.
  package var searchTime: Duration = .seconds(20)
  /// Between two looks.
  package var pause: Duration = .milliseconds(300)
  /// Peers that are asked beside the first, where that is slow to begin.
  package var hedges = 1
  /// When a second is asked, where nothing is known of the first.
  package var hedgeDelay: Duration = .seconds(4)
  /// The share of answers for which another than the best is asked first, so that what is not known comes to be known.
  package var exploration = 0.05
  /// Attempts at one answer.
  package var rounds = 256
  /// Answers of peers under way; more are refused.
  package var answers = 256
  /// Regions that prompts may be sent to; nil for any.
  package var regions: Set<String>?
  /// The share of answers that are recomputed elsewhere, 0 to 1.
  package var checkShare = 0.05
  /// The longest answer that is, as ``answerSize`` counts: 64 of them wait at most.
  package var checkSize = 1 << 20
  /// The most by which two honest log-probabilities of one token may differ.
  package var tolerance: Float = 0.35

  package init() {}
}

/// Knows who offers what, asks, and remembers how it went.
package final class PeerAsker: Sendable {
  struct State: Sendable {
    var book = OfferBook()
    var reputation = Reputation()
    var answers = 0
    var answered = 0
    var resumed = 0
  }

  package let options: AskingOptions
  let host: any PeerHost
  let state = Mutex(State())
  private let choice: PeerChoice
  private let directory: (any ProviderDirectory)?
  private let receipts: ReceiptStore?
  private let log: @Sendable (String) -> Void
  private let start = ContinuousClock.now
  /// Finished answers that may be recomputed.
  let finished: AsyncStream<FinishedAnswer>
  private let finishedEnd: AsyncStream<FinishedAnswer>.Continuation

  /// - Parameters:
  ///   - directory: where providers of a model are looked for that nobody nearby offers.
  ///   - log: takes a sentence about a peer's conduct.
  package init(
    host: any PeerHost, options: AskingOptions, directory: (any ProviderDirectory)?, receipts: ReceiptStore?,
    log: @escaping @Sendable (String) -> Void
  ) {
    self.host = host
    self.options = options
    self.directory = directory
    self.receipts = receipts
    self.log = log
    choice = PeerChoice(weights: options.weights)
    (finished, finishedEnd) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
  }

  var now: Duration { ContinuousClock.now - start }

  func tell(_ sentence: String) { log(sentence) }

  // MARK: Offers

  /// Takes in a signed offer, of whomever it comes from.
  ///
  /// - Returns: the offer where it is news.
  /// - Throws: what ``PeerOffer/init(verifying:host:)`` throws.
  @discardableResult
  package func learn(_ signed: [UInt8]) throws(PeerError) -> PeerOffer? {
    let offer = try PeerOffer(verifying: signed, host: host)
    return take(offer, signed) ? offer : nil
  }

  /// What is thought of an offer that came by gossip; one that is news is taken in.
  func judge(_ message: GossipMessage) -> Gossipsub.Verdict {
    guard let offer = try? PeerOffer(verifying: message.data, host: host), message.publisher == offer.peer else {
      return .reject
    }
    // Known already from another side, it is news to others all the same; an older one is not.
    guard take(offer, message.data) || state.withLock({ $0.book.offer(of: offer.peer)?.sequence }) == offer.sequence
    else { return .ignore }
    return .accept
  }

  private func take(_ offer: PeerOffer, _ signed: [UInt8]) -> Bool {
    guard offer.peer != host.id else { return false }
    let time = now
    let isNear = !host.connections(of: offer.peer).isEmpty
    guard state.withLock({ $0.book.add(offer, signed: signed, isNear: isNear, at: time) }) else { return false }
    if !offer.addresses.isEmpty { host.addressBook.add(offer.addresses, of: offer.peer, for: .seconds(120)) }
    return true
  }

  /// Offers of others that hold, as they were signed.
  package func signedOffers(limit: Int) -> [[UInt8]] {
    let time = now
    return state.withLock { $0.book.signed(at: time, limit: limit) }
  }

  /// Offers of others that hold.
  package var offers: [PeerOffer] {
    let time = now
    return state.withLock { $0.book.current(at: time) }
  }

  /// Asks a peer what it offers, and whom it knows that does.
  package func askForOffers(_ peer: PeerID) async throws(PeerError) {
    let deadline = ContinuousClock.now + options.dialTime
    let stream = try await host.openStream(to: peer, protocols: [InferenceFrame.protocolName], deadline: deadline)
    stream.setDeadline(deadline)
    let began = ContinuousClock.now
    do throws(PeerError) {
      try await stream.writeMessage(InferenceFrame.wantOffers.bytes)
      try await stream.closeWrite()
      var reader = FrameReader(stream)
      guard case .offers(let offers)? = try await reader.next() else {
        throw PeerError(.violation, "\(peer): offers expected, found another frame or none")
      }
      let roundTrip = ContinuousClock.now - began
      let time = now
      state.withLock { $0.reputation.measured(peer, roundTrip: roundTrip, at: time) }
      for signed in offers { _ = try? learn(signed) }
    } catch {
      stream.reset()
      throw error
    }
  }

  // MARK: Choosing

  private func demand(for request: GenerationRequest, excluding: Set<PeerID>) -> PeerChoice.Demand {
    var demand = PeerChoice.Demand(model: request.model)
    demand.excluded = excluding
    demand.regions = options.regions
    if case .array(let named)? = request.passthrough["prsm_regions"] {
      let wanted = Set(named.compactMap(\.string))
      demand.regions = demand.regions.map { $0.intersection(wanted) } ?? wanted
    }
    demand.contextTokens = Self.leastTokens(request)
    return demand
  }

  /// A lower bound: no tokenizer makes more than about six bytes of most tokens.
  private static func leastTokens(_ request: GenerationRequest) -> Int {
    let prompt: Int =
      switch request.prompt {
      case .text(let text): text.utf8.count / 6
      case .tokens(let tokens): tokens.count
      case .messages(let messages): messages.reduce(0) { $0 + $1.text.utf8.count } / 6
      }
    return prompt + request.continuation.count
  }

  /// Who may answer, the best first. Where nobody is known, the DHT is asked.
  func candidates(for request: GenerationRequest, excluding: Set<PeerID>) async -> [PeerID] {
    var known = ranked(request, excluding: excluding).candidates.map(\.peer)
    if known.isEmpty, let directory {
      await search(request.model, directory)
      known = ranked(request, excluding: excluding).candidates.map(\.peer)
    }
    if known.count > 1, Double.random(in: 0..<1) < options.exploration {
      known.swapAt(0, Int.random(in: known.indices))
    }
    return known
  }

  /// The choice with its numbers, for whoever asks why.
  package func ranked(
    _ request: GenerationRequest, excluding: Set<PeerID> = []
  ) -> (candidates: [PeerChoice.Candidate], refused: [(peer: PeerID, reason: String)]) {
    let time = now
    let demand = demand(for: request, excluding: excluding)
    return state.withLock { state in
      choice.ranked(state.book.current(at: time), for: demand, reputation: state.reputation)
    }
  }

  private func search(_ model: String, _ directory: any ProviderDirectory) async {
    let found = directory.providers(
      of: PeerOffer.key(ofModel: model), limit: 8, deadline: ContinuousClock.now + .seconds(5))
    for await contact in found where contact.peer != host.id {
      do throws(PeerError) {
        try await askForOffers(contact.peer)
        return
      } catch {
        continue
      }
    }
  }

  /// Why nobody can be asked.
  ///
  /// - Parameter others: models that the node has without its peers.
  func nobody(for request: GenerationRequest, others: [String]) -> GenerationError {
    let refused = ranked(request).refused
    let reasons = refused.prefix(4).map { "\($0.peer) \($0.reason)" }.joined(separator: "; ")
    let time = now
    let isRemembered = state.withLock { $0.book.remembers(request.model, at: time) }
    if refused.isEmpty, !isRemembered {
      let offered = offers.flatMap { $0.models.map(\.name) }.filter { !others.contains($0) }
      var seen: Set<String> = []
      let known = (others + offered).filter { seen.insert($0).inserted }
      let list = known.isEmpty ? "there is none yet" : "there is \(known.prefix(8).joined(separator: ", "))"
      return GenerationError(
        .modelNotFound, "neither this node nor a peer of it has a model `\(request.model)`; \(list)")
    }
    return GenerationError(
      .unavailable,
      refused.isEmpty
        ? "no peer offers \(request.model) now; `prsm peers list` shows who is there"
        : "no peer may answer for \(request.model): \(reasons)")
  }

  /// Four times what the peer usually takes.
  func hedgeDelay(_ peer: PeerID) -> Duration {
    let usual = state.withLock { $0.reputation.firstToken(of: peer) }
    return usual.map { max(.seconds(1), $0 * 4) } ?? options.hedgeDelay
  }

  // MARK: Asking

  func begin(
    _ request: GenerationRequest, purpose: InferenceAsk.Purpose = .answer, to peer: PeerID,
    deadline: ContinuousClock.Instant
  ) async throws(CallFailure) -> PeerCall {
    let id = (0..<16).map { _ in UInt8.random(in: 0...255) }
    let patience = (deadline - ContinuousClock.now).microseconds / 1_000
    let end = request.context.deadline.map { max(1, ($0 - ContinuousClock.now).microseconds / 1_000) }
    let ask = InferenceAsk(
      id: id, purpose: purpose, request: request,
      patience: purpose == .answer ? end ?? options.answerTime.microseconds / 1_000 : patience)
    return try await PeerCall.begin(ask, to: peer, host: host, dialTime: options.dialTime, deadline: deadline)
  }

  func failed(_ peer: PeerID, _ failure: CallFailure, mid: Bool) {
    let time = now
    let what = (mid ? "broke off amid an answer: " : "did not answer: ") + failure.text
    state.withLock { state in
      state.reputation.failed(peer, what, at: time)
      if mid { state.resumed += 1 }
    }
    log("peer \(peer) \(what)")
  }

  /// An answer is whole: its receipt is checked, signed and kept, and the answer perhaps recomputed.
  func ended(_ call: PeerCall, _ receiptBytes: [UInt8], _ transcript: Transcript) async {
    let time = now
    do throws(PeerError) {
      var signed = try SignedReceipt(verifying: receiptBytes, host: host)
      let receipt = signed.receipt
      let output = InferenceReceipt.outputHash(text: transcript.text, tokens: transcript.tokens)
      guard receipt.provider == call.peer, receipt.client == host.id, receipt.id == call.ask.id,
        receipt.inputHash == call.ask.inputHash, receipt.outputHash == output
      else { throw PeerError(.violation, "its receipt is not about the answer that it gave") }
      let isSuspect = state.withLock { state in
        state.reputation.succeeded(call.peer, firstToken: call.wait, at: time)
        state.answered += 1
        return call.ask.purpose == .answer && options.checkShare > 0 && state.reputation.takeTrial(of: call.peer)
      }
      let signature = try host.sign(receipt.signedBytes)
      call.stream.setTimeout(options.dialTime)
      try await call.stream.writeMessage(InferenceFrame.countersigned(signature).bytes)
      try await call.stream.closeWrite()
      signed.clientSignature = signature
      // That this node's disk refuses is nothing to hold against the peer; the store reports it.
      try? receipts?.append(.receipt, signed.bytes)
      let isChosen = isSuspect || (call.ask.purpose == .answer && Double.random(in: 0..<1) < options.checkShare)
      if isChosen, transcript.size <= options.checkSize {
        finishedEnd.yield(
          FinishedAnswer(request: call.ask.request, peer: call.peer, transcript: transcript, receipt: signed))
      }
    } catch {
      call.stream.reset()
      state.withLock { $0.reputation.failed(call.peer, error.detail, at: time) }
      log("peer \(call.peer): \(error.detail)")
    }
  }

  func change(_ change: (inout Reputation, Duration) -> Void) {
    let time = now
    state.withLock { change(&$0.reputation, time) }
  }

  func isLiar(_ peer: PeerID) -> Bool { state.withLock { $0.reputation.isLiar(peer) } }

  /// Whether this node has had to do with the peer, or may: it offers something.
  func knows(_ peer: PeerID) -> Bool {
    state.withLock { $0.reputation.knows(peer) || $0.book.offer(of: peer) != nil }
  }

  /// Those that were found to lie.
  package var liars: [(peer: PeerID, reasons: [String])] { state.withLock { $0.reputation.liars } }
  package func reliability(of peer: PeerID) -> Double { state.withLock { $0.reputation.reliability(of: peer) } }
  package func history(of peer: PeerID) -> [String] { state.withLock { $0.reputation.history(of: peer) } }
  /// Answers that came to their end, and changes of peer amid one.
  package var counts: (answered: Int, resumed: Int) { state.withLock { ($0.answered, $0.resumed) } }
}

/// An answer that a peer gave, kept until it is decided whether to recompute it.
struct FinishedAnswer: Sendable {
  let request: GenerationRequest
  let peer: PeerID
  let transcript: Transcript
  let receipt: SignedReceipt
}
