internal import ModelInterface
internal import Multiformats
internal import PeerProtocols

/// One answer from peers: asks the best, hedges, and goes on with another where one breaks off, so that whoever reads the
/// answer does not notice.
struct PeerAnswer {
  /// How one call ended.
  private enum Ending {
    case finished
    /// Nobody reads any more.
    case unread
    case broke(CallFailure)
  }

  /// Who came first.
  private enum Race {
    case call(PeerCall)
    case nobody
  }

  private enum Step {
    case began(PeerCall)
    case failed(PeerID, CallFailure)
    case hedge
  }

  let asker: PeerAsker
  let request: GenerationRequest
  let out: GenerationStream.Continuation
  /// Models that the node has without its peers.
  private let others: @Sendable () async -> [String]
  private var said = Transcript()
  private var hasStarted = false
  private var broken: Set<PeerID> = []
  private var busy: Set<PeerID> = []
  private var lastFailure: GenerationError?
  private var leastWait: Duration?
  private let began = ContinuousClock.now

  init(
    asker: PeerAsker, request: GenerationRequest, out: GenerationStream.Continuation,
    others: @escaping @Sendable () async -> [String] = { [] }
  ) {
    self.others = others
    self.asker = asker
    self.request = Self.fixed(request)
    self.out = out
  }

  /// The request with a seed, so that a second engine can give the same answer.
  private static func fixed(_ request: GenerationRequest) -> GenerationRequest {
    var request = request
    if request.sampling.temperature > 0, request.sampling.seed == nil {
      request.sampling.seed = UInt64.random(in: 0..<(1 << 53))
    }
    return request
  }

  private var deadline: ContinuousClock.Instant {
    request.context.deadline ?? began + asker.options.answerTime
  }

  /// Gives the answer, and ends the stream.
  mutating func run() async {
    var rounds = 0
    attempts: while !Task.isCancelled, ContinuousClock.now < deadline, rounds < asker.options.rounds {
      rounds += 1
      switch await firstToSpeak() {
      case .call(let call):
        switch await pass(call) {
        case .finished, .unread: return
        case .broke(let failure):
          asker.failed(call.peer, failure, mid: true)
          broken.insert(call.peer)
        }
      case .nobody:
        if said.isEmpty, let leastWait {
          // Refused at once: whoever waits in line here could ask elsewhere.
          finish(.overloaded(retryAfter: leastWait), "every peer with \(request.model) is busy; try again later")
          return
        }
        if said.isEmpty, let lastFailure, Self.isFinal(lastFailure) {
          out.finish(throwing: lastFailure)
          return
        }
        // A link may be back in a moment, and who was busy may be free.
        if said.isEmpty, ContinuousClock.now - began > asker.options.searchTime { break attempts }
        broken = []
        busy = []
        guard (try? await Task.sleep(for: asker.options.pause)) != nil else { break attempts }
      }
    }
    if Task.isCancelled {
      finish(.cancelled, "the client went away")
    } else {
      let reason = lastFailure.map { ": \($0.message)" } ?? ""
      finish(.unavailable, "no peer could give the answer of \(request.model)\(reason)")
    }
  }

  private func finish(_ kind: GenerationError.Kind, _ message: String) {
    out.finish(throwing: GenerationError(kind, message))
  }

  /// Whether another peer would say the same.
  private static func isFinal(_ error: GenerationError) -> Bool {
    switch error.kind {
    case .invalidRequest, .contextLengthExceeded, .modelNotFound: true
    default: false
    }
  }

  /// What is asked now: the rest of the answer where an engine can go on behind the tokens, or all of it once more.
  private func question() -> (request: GenerationRequest, replay: ReplayFilter?) {
    var next = request
    next.logprobs = request.logprobs ?? 0
    guard !said.isEmpty else { return (next, nil) }
    let isPlain: Bool
    if case .text = request.responseFormat { isPlain = request.tools.isEmpty } else { isPlain = false }
    guard said.canContinue, isPlain, said.wholeTokens > 0 else { return (next, ReplayFilter(said)) }
    next.continuation = request.continuation + said.tokens.prefix(said.wholeTokens)
    next.echoesPrompt = false
    if let limit = request.maximumOutputTokens { next.maximumOutputTokens = max(1, limit - said.wholeTokens) }
    // Another stretch of the same draws, not the same draws again.
    if let seed = request.sampling.seed { next.sampling.seed = seed &+ UInt64(said.wholeTokens) &* 0x9E37_79B9 }
    return (next, nil)
  }

  // MARK: Who answers

  private mutating func firstToSpeak() async -> Race {
    var candidates = await asker.candidates(for: request, excluding: broken.union(busy))[...]
    guard let best = candidates.popFirst() else {
      if lastFailure == nil { lastFailure = asker.nobody(for: request, others: await others()) }
      return .nobody
    }
    let (next, _) = question()
    let asker = self.asker
    let deadline = min(self.deadline, ContinuousClock.now + asker.options.firstTime)
    let hedgeDelay = asker.hedgeDelay(best)
    var failures: [(PeerID, CallFailure)] = []
    let winner = await withTaskGroup(of: Step.self, returning: PeerCall?.self) { group in
      func ask(_ peer: PeerID) {
        group.addTask {
          do throws(CallFailure) {
            return .began(try await asker.begin(next, to: peer, deadline: deadline))
          } catch {
            return .failed(peer, error)
          }
        }
      }
      func hedgeLater() {
        group.addTask {
          try? await Task.sleep(for: hedgeDelay)
          return .hedge
        }
      }
      ask(best)
      hedgeLater()
      var running = 1
      var hedges = 0
      var winner: PeerCall?
      for await step in group {
        switch step {
        case .began(let call):
          running -= 1
          if winner == nil {
            winner = call
            group.cancelAll()
          } else {
            call.stream.reset()
          }
        case .failed(let peer, let failure):
          running -= 1
          if winner == nil {
            failures.append((peer, failure))
            if let other = candidates.popFirst(), !Task.isCancelled {
              ask(other)
              running += 1
            } else if running == 0 {
              group.cancelAll()
            }
          }
        case .hedge:
          guard winner == nil, running > 0, hedges < asker.options.hedges, let other = candidates.popFirst() else {
            break
          }
          hedges += 1
          ask(other)
          running += 1
          hedgeLater()
        }
      }
      return winner
    }
    for (peer, failure) in failures { note(peer, failure) }
    return winner.map { .call($0) } ?? .nobody
  }

  private mutating func note(_ peer: PeerID, _ failure: CallFailure) {
    switch failure {
    case .refused(let error):
      lastFailure = error
      if case .overloaded(let wait) = error.kind {
        busy.insert(peer)
        leastWait = min(leastWait ?? wait, wait)
        return
      }
    case .broken(let error):
      if error.code == .cancelled { return }
      lastFailure = GenerationError(.unavailable, error.detail)
    }
    broken.insert(peer)
    asker.failed(peer, failure, mid: false)
  }

  // MARK: What is said

  private mutating func pass(_ begun: PeerCall) async -> Ending {
    var call = begun
    var (_, replay) = question()
    let before = said.wholeTokens
    // Tokens of a character that never became whole are said anew.
    if !said.isEmpty, replay == nil { said.dropTokens(beyond: before) }
    if !hasStarted {
      hasStarted = true
      guard
        await out.send(
          .started(GenerationStart(model: call.start?.model ?? request.model, provider: "peer:\(call.peer)")))
      else { return unread(call) }
    }
    var own = Transcript()
    let isReplayed = replay != nil
    do throws(PeerError) {
      // Between the wire and the reader of the answer there is one change of thread.
      let (ending, end) = try await withTaskExecutorPreference(call.stream.executor) { () async throws(PeerError) in
        try await follow(&call, &own, &replay)
      }
      if let end { await self.end(call, end.completion, end.receipt, own, replayed: isReplayed, before: before) }
      return ending
    } catch {
      call.stream.reset()
      return error.code == .cancelled ? .unread : .broke(.broken(error))
    }
  }

  /// Passes on what a peer says until its answer ends, one way or another.
  private mutating func follow(
    _ call: inout PeerCall, _ own: inout Transcript, _ replay: inout ReplayFilter?
  ) async throws(PeerError) -> (Ending, (completion: Completion, receipt: [UInt8])?) {
    var frame: InferenceFrame? = call.first
    var last = ContinuousClock.now
    /// Nanoseconds between two frames, smoothed.
    var gap: Int64 = 100_000_000
    while let current = frame {
      // Where the client takes its time to read, the peer is not at fault.
      call.stream.setDeadline(deadline)
      switch current {
      case .events(let events):
        for event in events {
          guard try await deliver(event, &replay) else { return (unread(call), nil) }
          own.add(event)
          guard said.size <= asker.options.answerSize else { return (endless(call), nil) }
        }
      case .finished(let completion, let receipt): return (.finished, (completion, receipt))
      case .failed(let error): return (.broke(.refused(error)), nil)
      default: throw PeerError(.violation, "\(call.peer) sent a frame that is no answer")
      }
      let now = ContinuousClock.now
      gap = (gap * 7 + Int64(clamping: (now - last).microseconds) * 1_000) / 8
      last = now
      call.stream.setDeadline(min(deadline, last + max(asker.options.stallTime, .nanoseconds(gap * 20))))
      frame = try await call.reader.next()
    }
    throw PeerError(.closed, "\(call.peer) broke off")
  }

  /// Ends an answer that goes beyond ``AskingOptions/answerSize``.
  private func endless(_ call: PeerCall) -> Ending {
    call.stream.reset()
    let reason = "gave more than \(asker.options.answerSize) bytes of one answer"
    asker.change { reputation, now in reputation.failed(call.peer, reason, at: now) }
    finish(.unavailable, "peer \(call.peer) \(reason); ask for fewer tokens")
    return .finished
  }

  private func unread(_ call: PeerCall) -> Ending {
    call.stream.reset()
    return .unread
  }

  /// - Returns: false where nobody reads any more.
  private mutating func deliver(_ event: GenerationEvent, _ replay: inout ReplayFilter?) async throws(PeerError) -> Bool
  {
    let isRepeated = replay != nil
    guard let rest = isRepeated ? try replay?.remainder(of: event) : event else { return true }
    // What nobody waits for comes after what somebody does.
    defer { said.add(rest) }
    if case .text(let piece) = rest, request.logprobs == nil {
      // Tokens were asked for to be able to go on elsewhere, not by the client.
      return piece.text.isEmpty ? true : await out.send(.text(TextPiece(piece.text)))
    }
    return await out.send(rest)
  }

  private func end(
    _ call: PeerCall, _ completion: Completion, _ receipt: [UInt8], _ own: Transcript, replayed: Bool, before: Int
  ) async {
    var total = completion
    if !replayed, before > 0 {
      total.usage.promptTokens = max(0, completion.usage.promptTokens - before)
      total.usage.cachedPromptTokens = min(completion.usage.cachedPromptTokens, total.usage.promptTokens)
      total.usage.completionTokens = completion.usage.completionTokens + before
    }
    _ = await out.send(.finished(total))
    out.finish()
    await asker.ended(call, receipt, own)
  }
}
