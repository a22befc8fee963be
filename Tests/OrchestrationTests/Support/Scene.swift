import ModelInterface
import Orchestration
import ScriptedProvider
import Synchronization
import Testing

/// Models that do as they are told, virtual models above them, and a clock that moves when it is pushed.
struct Scene {
  let provider: ScriptedProvider
  let virtual: VirtualModels
  let clock: ManualClock
  let reviews: ReviewBox
  let judged = JudgementBox()

  typealias Behaviour =
    @Sendable (GenerationRequest, GenerationStream.Continuation) async throws(GenerationError) -> Void

  init(
    _ models: [VirtualModel], traces: TraceStore = TraceStore(), aliases: [String: String] = [:],
    members: [String: Behaviour]
  ) throws {
    let clock = ManualClock()
    let reviews = ReviewBox()
    let provider = ScriptedProvider(
      models: members.keys.sorted().map { ModelDescriptor(name: $0, provider: "test") }
    ) { (request, continuation) async throws(GenerationError) in
      guard let behaviour = members[request.model] else { return }
      try await behaviour(request, continuation)
    }
    var services = OrchestrationServices(members: provider, traces: traces) { 1_795_000_000_000 }
    services.now = { clock.now }
    services.sleep = { try await clock.sleep(until: $0) }
    services.price = { model, _, usage in
      model.hasPrefix("free") ? nil : Int128(usage.promptTokens + 10 * usage.completionTokens)
    }
    services.review = { reviews.add($0) }
    let judged = judged
    services.judged = { judged.add($0, $1, $2) }
    virtual = VirtualModels(
      try VirtualModelSet(models, known: Set(members.keys), aliases: aliases), services: services)
    self.provider = provider
    self.clock = clock
    self.reviews = reviews
  }

  /// What a client would get.
  struct Got {
    var text = ""
    var calls: [ToolCallPiece] = []
    var tokens: [TokenLogprob] = []
    var start: GenerationStart?
    var completion: Completion?
    var error: GenerationError?
  }

  func request(_ model: String, _ question: String = "What is it?") -> GenerationRequest {
    var request = GenerationRequest(
      model: model, prompt: .messages([Message(role: .user, text: question)]),
      context: RequestContext(requestID: "r1", tenant: "t"))
    request.context.deadline = nil
    return request
  }

  func ask(_ request: GenerationRequest) async -> Got {
    var got = Got()
    do {
      for try await event in try await virtual.generate(request) {
        switch event {
        case .started(let start):
          #expect(got.start == nil, "it starts once")
          got.start = start
        case .prompt, .reasoning: break
        case .text(let piece):
          got.text += piece.text
          got.tokens += piece.tokens
        case .toolCall(let piece): got.calls.append(piece)
        case .finished(let completion):
          #expect(got.completion == nil, "it finishes once")
          got.completion = completion
        }
      }
    } catch let error as GenerationError {
      got.error = error
    } catch {
      Issue.record("another error: \(error)")
    }
    return got
  }

  func ask(_ model: String, _ question: String = "What is it?") async -> Got { await ask(request(model, question)) }

  /// The trace of what was got, or the last one.
  func trace(_ got: Got? = nil) -> OrchestrationTrace? {
    if let id = got?.start?.notes[VirtualModels.note] { return virtual.traces.trace(id) }
    return virtual.traces.recent(of: nil, limit: 1).first
  }

  /// Returns once nothing is at work any more.
  func settle() async {
    while virtual.runs > 0 || provider.running > 0 { await Task.yield() }
  }
}

/// Behaviours of models.
enum Says {
  /// One text, a piece a word.
  static func text(_ text: String, logprob: Float? = nil, prompt: Int = 7) -> Scene.Behaviour {
    { (request, continuation) async throws(GenerationError) in
      await write(text, request, continuation, logprob: logprob, prompt: prompt)
    }
  }

  /// One of several texts, in the order of the calls; the last one from then on.
  static func each(_ texts: [String], logprobs: [Float] = []) -> Scene.Behaviour {
    let next = Mutex(0)
    return { (request, continuation) async throws(GenerationError) in
      let index = next.withLock { next in
        defer { next += 1 }
        return min(next, texts.count - 1)
      }
      await write(
        texts[index], request, continuation, logprob: logprobs.isEmpty ? nil : logprobs[min(index, logprobs.count - 1)])
    }
  }

  /// What depends on the request.
  static func answer(_ body: @escaping @Sendable (GenerationRequest) -> String) -> Scene.Behaviour {
    { (request, continuation) async throws(GenerationError) in await write(body(request), request, continuation) }
  }

  /// A refusal.
  static func failure(_ kind: GenerationError.Kind = .unavailable, after text: String? = nil) -> Scene.Behaviour {
    { (request, continuation) async throws(GenerationError) in
      if let text { continuation.yield(.text(TextPiece(text))) }
      throw GenerationError(kind, "\(request.model) is broken")
    }
  }

  /// Nothing, until it is stopped.
  static let nothing: Scene.Behaviour = { (request, continuation) async throws(GenerationError) in
    while !Task.isCancelled, !continuation.isTerminated { await Task.yield() }
    throw GenerationError(.cancelled, "stopped")
  }

  static func write(
    _ text: String, _ request: GenerationRequest, _ continuation: GenerationStream.Continuation,
    logprob: Float? = nil, prompt: Int = 7
  ) async {
    let words = ScriptedProvider.words(.text(text))
    for word in words {
      let token = TokenLogprob(
        chosen: TokenLogprob.Candidate(token: 1, bytes: Array(word.utf8), logprob: logprob ?? -0.1))
      let tokens = request.logprobs != nil && logprob != nil ? [token] : []
      guard await continuation.send(.text(TextPiece(word, tokens: tokens))) else { return }
    }
    continuation.yield(
      .finished(Completion(reason: .stop, usage: Usage(promptTokens: prompt, completionTokens: words.count))))
  }
}

/// Keeps what would have been sent to a person.
final class ReviewBox: Sendable {
  private let state = Mutex<[ReviewCase]>([])

  func add(_ review: ReviewCase) { state.withLock { $0.append(review) } }
  var all: [ReviewCase] { state.withLock { $0 } }
}

/// A clock that stands still until it is moved.
final class ManualClock: Sendable {
  private struct Sleeper {
    var until: ContinuousClock.Instant
    var continuation: CheckedContinuation<Void, any Error>
  }

  private struct State {
    var now = ContinuousClock.now
    var sleepers: [Int: Sleeper] = [:]
    var next = 0
  }

  private let state = Mutex(State())

  var now: ContinuousClock.Instant { state.withLock(\.now) }

  func sleep(until: ContinuousClock.Instant) async throws {
    let key = state.withLock { state in
      state.next += 1
      return state.next
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let ready: Result<Void, any Error>? = state.withLock { state in
          if Task.isCancelled { return .failure(CancellationError()) }
          if state.now >= until { return .success(()) }
          state.sleepers[key] = Sleeper(until: until, continuation: continuation)
          return nil
        }
        if let ready { continuation.resume(with: ready) }
      }
    } onCancel: {
      state.withLock { $0.sleepers.removeValue(forKey: key) }?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Moves the time on, and wakes whoever waited for it.
  func advance(by duration: Duration) {
    let woken = state.withLock { state in
      state.now += duration
      let due = state.sleepers.filter { $0.value.until <= state.now }
      for key in due.keys { state.sleepers[key] = nil }
      return due.values.map(\.continuation)
    }
    for continuation in woken { continuation.resume() }
  }
}

extension OrchestrationTrace {
  var ends: [TraceEvent.StepEnd] {
    events.compactMap { if case .stepFinished(let end) = $0.body { end } else { nil } }
  }

  var verdicts: [TraceEvent.Verdict] {
    events.compactMap { if case .verdict(let verdict) = $0.body { verdict } else { nil } }
  }

  func verdict(_ check: String) -> TraceEvent.Verdict? { verdicts.first { $0.check == check } }

  var called: [String] {
    events.compactMap { if case .stepBegan(_, _, let model, _) = $0.body { model } else { nil } }
  }
}

/// What judges gave.
final class JudgementBox: Sendable {
  struct Entry: Sendable, Equatable {
    var model: String
    var question: String
    var quality: Double
  }

  private let list = Mutex<[Entry]>([])

  var entries: [Entry] { list.withLock { $0 } }

  func add(_ model: String, _ question: String, _ quality: Double) {
    list.withLock { $0.append(Entry(model: model, question: question, quality: quality)) }
  }
}
