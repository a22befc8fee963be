import ModelInterface
import Synchronization

/// One answer of a virtual model as it comes about: what was called, what that took, and what may still be.
final class OrchestrationRun: Sendable {
  /// A call of a member.
  struct Call: Sendable {
    var role: TraceEvent.Role
    var request: GenerationRequest
    /// What the call is in its plan, for the trace.
    var label = ""
    /// After this the call is given up; nil for as long as the plan gives one member.
    var deadline: ContinuousClock.Instant?

    var model: String { request.model }
  }

  /// Where an answer was taken from.
  struct Chosen: Sendable {
    var steps: [Int]
    var completion: Completion
  }

  private struct State {
    var calls = 0
    var usage = Usage()
    var cost: Int128 = 0
    var hasUnknownCost = false
  }

  let model: VirtualModel
  let request: GenerationRequest
  let services: OrchestrationServices
  let output: AnswerOutput
  let trace: TraceRecorder
  /// When the whole has to be done.
  let deadline: ContinuousClock.Instant
  private let state = Mutex(State())

  init(
    _ model: VirtualModel, _ request: GenerationRequest, services: OrchestrationServices, output: AnswerOutput,
    trace: TraceRecorder
  ) {
    var request = request
    if request.context.calls == nil { request.context.calls = RequestCalls() }
    self.model = model
    self.request = request
    self.services = services
    self.output = output
    self.trace = trace
    let own = services.now() + model.limits.deadline
    deadline = request.context.deadline.map { min($0, own) } ?? own
  }

  /// What all calls took so far.
  var usage: Usage { state.withLock(\.usage) }

  /// What they cost; nil where a price is not known.
  var cost: Int128? { state.withLock { $0.hasUnknownCost ? nil : $0.cost } }

  // MARK: - The whole

  /// Brings the answer about and passes it on. When it returns, no member is at work any more.
  func perform() async {
    trace.record(.began(question: trace.preview(question)))
    do throws(GenerationError) {
      let chosen: Chosen =
        switch model.plan {
        case .cascade(let cascade): try await perform(cascade)
        case .panel(let panel): try await perform(panel)
        case .mixture(let mixture): try await perform(mixture)
        case .bestOf(let best): try await perform(best)
        case .pipeline(let pipeline): try await perform(pipeline)
        case .mapReduce(let work): try await perform(work)
        }
      var completion = chosen.completion
      completion.usage = usage
      completion.timings = nil
      trace.record(.finished(chosen: chosen.steps, usage: usage, cost: cost))
      output.finish(completion)
    } catch {
      trace.record(.failed(error: error.message, usage: usage, cost: cost))
      output.fail(error)
    }
  }

  // MARK: - Calls

  /// Takes a number for a call, where another one may be made.
  private func admit() throws(GenerationError) -> Int {
    let limits = model.limits
    let admission: Result<Int, GenerationError> = state.withLock { state in
      func refuse(_ message: String) -> Result<Int, GenerationError> {
        .failure(GenerationError(.budgetExceeded, "`\(model.name)` \(message)"))
      }
      if state.calls >= limits.calls { return refuse("has made its \(limits.calls) calls") }
      if let tokens = limits.tokens, state.usage.totalTokens >= tokens {
        return refuse("has taken its \(tokens) tokens")
      }
      if let cost = limits.cost, state.cost >= Int128(cost) * 1_000_000 {
        return refuse("has cost what one answer may")
      }
      defer { state.calls += 1 }
      return .success(state.calls)
    }
    return try admission.get()
  }

  /// Asks a member, and returns its whole answer.
  ///
  /// - Parameter relays: whether the answer is passed on as it comes.
  /// - Throws: ``GenerationError`` where it does not answer, or not in time.
  func ask(_ call: Call, relays: Bool = false) async throws(GenerationError) -> MemberAnswer {
    guard !Task.isCancelled else { throw GenerationError(.cancelled, "the reader of the answer went away") }
    let own = relays ? nil : model.limits.memberTime.map { services.now() + $0 }
    let limit = [call.deadline, own].compactMap(\.self).reduce(deadline, min)
    guard services.now() < limit else { throw late(call) }
    let step = try admit()
    var call = call
    call.request.context.bill = CallBill()
    trace.record(.stepBegan(step: step, role: call.role, model: call.model, label: call.label))
    let reading = await read(call, until: limit, relays: relays)
    let answer = reading.gathering.answer(step: step, model: call.model)
    await close(step, call, reading)
    if let error = reading.error { throw error }
    guard let answer else {
      throw GenerationError(.unavailable, "`\(call.model)` ended its answer before it was finished")
    }
    return answer
  }

  private struct Reading: Sendable {
    var gathering: AnswerGathering
    var error: GenerationError?
    var isLate = false
  }

  /// Reads a member's answer until it ends, its time is over, or nobody wants it any more.
  private func read(_ call: Call, until limit: ContinuousClock.Instant, relays: Bool) async -> Reading {
    var request = call.request
    request.context.deadline = limit
    let sent = request
    return await withTaskGroup(of: Reading?.self) { group in
      group.addTask { await self.read(sent, relays: relays) }
      group.addTask {
        try? await self.services.sleep(limit)
        return nil
      }
      var result = Reading(gathering: AnswerGathering(keepsPieces: false))
      var isLate = false
      var isOver = false
      while let next = await group.next() {
        if let next {
          result = next
          isOver = true
        } else if !isOver, !Task.isCancelled {
          isLate = true
        }
        group.cancelAll()
      }
      if isLate, result.error != nil {
        result.isLate = true
        result.error = late(call)
      }
      return result
    }
  }

  private func read(_ request: GenerationRequest, relays: Bool) async -> Reading {
    var reading = Reading(gathering: AnswerGathering(keepsPieces: !relays))
    do {
      let stream = try await services.members.generate(request)
      for try await event in stream {
        try reading.gathering.add(event)
        switch event {
        // Somebody has begun, so the request is admitted and the client can be told.
        case .started: output.begin()
        case .finished: return reading
        default: if relays { try await output.pass(event) }
        }
      }
      reading.error = GenerationError(
        Task.isCancelled ? .cancelled : .unavailable, "`\(request.model)` ended its answer before it was finished")
    } catch let error as GenerationError {
      reading.error = error
    } catch {
      reading.error = GenerationError(.internal, "\(error)")
    }
    return reading
  }

  private func late(_ call: Call) -> GenerationError {
    GenerationError(.timedOut, "`\(call.model)` did not answer within the time that `\(model.name)` has")
  }

  private func close(_ step: Int, _ call: Call, _ reading: Reading) async {
    let gathering = reading.gathering
    // What is on the account, where one is kept: also of what was stopped, and of attempts beside the answer.
    let billed = await call.request.context.bill?.amount()
    let usage = billed?.usage ?? gathering.usage
    let inner = gathering.start?.notes[VirtualModels.note]
    let cost: Int128? =
      if let billed {
        billed.cost
      } else if gathering.start == nil {
        0
      } else if let inner {
        trace.cost(ofTrace: inner)
      } else {
        services.price(gathering.start?.model ?? call.model, gathering.start?.provider ?? "", usage)
      }
    state.withLock { state in
      state.usage = state.usage + usage
      if let cost { state.cost += cost } else { state.hasUnknownCost = true }
    }
    let outcome: TraceEvent.Outcome =
      if reading.error == nil {
        .finished
      } else if reading.isLate {
        .late
      } else {
        reading.error?.kind == .cancelled ? .cancelled : .failed
      }
    let words =
      gathering.text.isEmpty
      ? gathering.calls.map { "\($0.name)(\($0.arguments))" }.joined(separator: "\n") : gathering.text
    trace.record(
      .stepFinished(
        TraceEvent.StepEnd(
          step: step, outcome: outcome, provider: gathering.start?.provider, usage: usage,
          isExact: gathering.completion != nil, cost: cost, preview: trace.preview(words),
          meanLogprob: gathering.meanLogprob, reason: gathering.completion?.reason,
          error: reading.error.map { trace.preview($0.message) }, trace: inner)))
  }
}
