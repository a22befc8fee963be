import CLlama
import ModelInterface

/// The rows of one step, and whose they are.
struct StepPlan {
  /// A run of rows of one sequence.
  struct Part {
    var generation: Generation
    var firstRow: Int
    var count: Int
  }

  var rows: [LlamaContext.Row] = []
  var parts: [Part] = []
  var outputs = 0
}

extension DecodeCore {
  /// Every writing sequence advances by a token; what is left of the step reads prompts, shared among those that wait.
  func plannedStep() -> StepPlan {
    var plan = StepPlan()
    let writing = active.filter { $0.phase == .writing && $0.isPausedSince == nil }
    for generation in writing where plan.rows.count < context.maximumRows && plan.outputs < context.maximumOutputs {
      guard generation.phase == .writing, makeRoom(for: plan.rows.count + 1, besides: generation) else { continue }
      add(generation, count: 1, to: &plan)
    }
    var budget = context.maximumRows - plan.rows.count
    if !plan.rows.isEmpty { budget = min(budget, threads.affordableRows(within: configuration.targetStep)) }
    // The shortest rest first: whoever can start writing soonest does.
    let reading = active.filter { $0.phase == .reading }.sorted { $0.remaining < $1.remaining }
    for (index, generation) in reading.enumerated() where generation.phase == .reading {
      let share = max(Self.leastShare, budget / max(1, reading.count - index))
      var count = min(generation.remaining, share, budget)
      let outputs = context.maximumOutputs - plan.outputs
      guard outputs > 0, count > 0 else { break }
      if generation.reportsPrompt { count = min(count, outputs) }
      guard makeRoom(for: plan.rows.count + count, besides: generation) else { continue }
      add(generation, count: count, to: &plan)
      budget -= count
    }
    // Making room may have sent someone back to the queue whose rows were planned before.
    if plan.parts.contains(where: { $0.generation.holding == nil }) { return plannedStep() }
    return plan
  }

  private static let leastShare = 16

  private func add(_ generation: Generation, count: Int, to plan: inout StepPlan) {
    guard let holding = generation.holding, count > 0 else { return }
    let start = holding.count
    plan.parts.append(StepPlan.Part(generation: generation, firstRow: plan.rows.count, count: count))
    for offset in 0..<count {
      let position = start + offset
      let isLast = position == generation.tokens.count - 1
      let wants = isLast || generation.reportsPrompt
      plan.rows.append(
        LlamaContext.Row(
          token: generation.tokens[position], position: Int32(clamping: position), sequence: holding.id,
          wantsLogits: wants))
      if wants { plan.outputs += 1 }
    }
  }

  /// Frees cells for a step, at the cost of what is kept and then of the youngest other request, which goes back to wait.
  private func makeRoom(for count: Int, besides generation: Generation) -> Bool {
    while !pool.makeRoom(for: count) {
      let others = active.filter { $0 !== generation && $0.holding != nil }
      guard let youngest = others.max(by: { $0.order < $1.order }) else {
        end(generation, GenerationError(.overloaded(retryAfter: .seconds(1)), "the cache has no room for the prompt"))
        return false
      }
      sendBack(youngest)
    }
    return true
  }

  /// Takes a request's cells; it computes them again when it has its next turn. Its random state stays, and so its text.
  private func sendBack(_ generation: Generation) {
    if let holding = generation.holding { pool.close(holding, keeps: false) }
    generation.holding = nil
    generation.phase = .waiting
    active.removeAll { $0 === generation }
    loop?.noteWaiting()
    waiting.append(
      generation, tenant: generation.plan.context.tenant, priority: generation.plan.context.priority, cost: 0)
  }

  /// Takes what a step has computed.
  func finish(_ plan: inout StepPlan) {
    var computed = 0
    for part in plan.parts {
      let generation = part.generation
      guard let holding = generation.holding else { continue }
      let start = holding.count
      pool.append(generation.tokens[start..<start + part.count], to: holding)
      if generation.reportsPrompt { reportPrompt(part, from: start) }
      if generation.phase == .reading { computed += part.count }
      guard generation.remaining == 0 else { continue }
      if generation.phase == .reading {
        generation.phase = .writing
        if generation.plan.echoesPrompt, generation.generatedCount == 0 { yieldEcho(generation) }
      }
      if generation.generatedCount >= generation.plan.limit {
        complete(generation, .length)
      } else {
        advance(generation, row: part.firstRow + part.count - 1)
      }
    }
    loop?.metrics.update { $0.promptTokens += computed }
  }

  /// Draws the next token of a sequence from the logits behind its last.
  private func advance(_ generation: Generation, row: Int) {
    guard let logits = context.logits(ofRow: row) else {
      return end(generation, GenerationError(.internal, "llama.cpp gave no logits for a row that asked for them"))
    }
    guard let token = generation.sampler.draw(logits, scratch: scratch) else {
      return end(generation, GenerationError(.internal, "the model gave no probability to any token that is allowed"))
    }
    if generation.firstToken == nil { generation.firstToken = .now }
    if model.isEndOfGeneration(token) {
      generation.generatedCount += 1
      return complete(generation, .stop)
    }
    guard generation.sampler.accept(token) else {
      return end(generation, GenerationError(.internal, "the grammar refused a token that it had allowed"))
    }
    generation.generatedCount += 1
    threads.generated += 1
    generation.tokens.append(token)
    let report = generation.plan.logprobs.map {
      Logprobs.report(token, alternatives: $0, logits: logits, model: model)
    }
    var bytes = model.bytes(of: token)
    if bytes.isEmpty, generation.plan.showsControlTokens { bytes = Array(model.spelling(of: token).utf8) }
    generation.yield(generation.answer.append(bytes, report: report))
    if generation.answer.stopSequence != nil {
      complete(generation, .stop)
    } else if generation.generatedCount >= generation.plan.limit {
      complete(generation, .length)
    }
  }

  private func reportPrompt(_ part: StepPlan.Part, from start: Int) {
    let generation = part.generation
    for offset in 0..<part.count {
      let next = start + offset + 1
      guard next < generation.tokens.count, let logits = context.logits(ofRow: part.firstRow + offset) else { continue }
      generation.echo.append(
        Logprobs.report(
          generation.tokens[next], alternatives: generation.plan.logprobs ?? 0, logits: logits, model: model))
    }
  }

  private func yieldEcho(_ generation: Generation) {
    func unknown(_ token: TokenID) -> TokenLogprob {
      TokenLogprob(chosen: .init(token: token, bytes: model.bytes(of: token), logprob: .nan))
    }
    if generation.plan.logprobs == nil {
      generation.yield([.prompt(generation.plan.prompt.map(unknown))])
    } else if let first = generation.plan.prompt.first {
      generation.yield([.prompt([unknown(first)] + generation.echo)])
    }
    generation.echo = []
  }

  /// Ends an answer as it should.
  func complete(_ generation: Generation, _ reason: Completion.Reason) {
    if generation.plan.limit == 0, generation.plan.echoesPrompt, generation.plan.logprobs == nil {
      yieldEcho(generation)
    }
    generation.yield(generation.answer.finish())
    var reason = generation.answer.stopSequence == nil ? reason : .stop
    if generation.answer.hasToolCalls, reason == .stop { reason = .toolCalls }
    generation.yield([
      .finished(
        Completion(
          reason: reason, stopSequence: generation.answer.stopSequence, usage: generation.completionUsage,
          timings: generation.timings))
    ])
    let usage = generation.completionUsage
    let took = ContinuousClock.now - generation.submitted
    loop?.metrics.finished(seconds: took / .seconds(1), places: configuration.maximumActive)
    loop?.metrics.update {
      $0.cachedTokens += usage.cachedPromptTokens
      $0.generatedTokens += usage.completionTokens
    }
    release(generation)
    generation.continuation.finish()
  }

  /// Ends an answer with an error, or because nobody reads it.
  func end(_ generation: Generation, _ error: GenerationError) {
    release(generation)
    generation.continuation.finish(throwing: error)
  }

  func fail(_ part: StepPlan.Part, _ error: GenerationError) {
    // What a failed decode has left in the cache is unknown, so nothing of it is kept.
    if let holding = part.generation.holding { _ = pool.truncate(holding, to: 0) }
    end(part.generation, error)
  }

  private func release(_ generation: Generation) {
    if let holding = generation.holding { pool.close(holding, keeps: true) }
    generation.holding = nil
    active.removeAll { $0 === generation }
  }
}
