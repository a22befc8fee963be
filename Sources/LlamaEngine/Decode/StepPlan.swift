import CLlama
import ModelInterface

/// The rows of one step, and whose they are.
struct StepPlan {
  /// A run of rows of one sequence.
  struct Part {
    var owner: Owner
    var firstRow: Int
    var count: Int
  }

  /// Whose rows they are.
  enum Owner {
    case generation(Generation)
    case session(SessionState, SessionState.Part)
  }

  var rows: [LlamaContext.Row] = []
  var parts: [Part] = []
  var outputs = 0
}

extension DecodeCore {
  /// Every writing sequence advances by a token; what is left of the step reads prompts, shared among those that wait.
  func plannedStep() -> StepPlan {
    var plan = StepPlan()
    for generation in active where generation.phase == .writing && generation.isPausedSince == nil {
      guard plan.rows.count < context.maximumRows, plan.outputs < context.maximumOutputs else { break }
      guard makeRoom(for: plan.rows.count + 1, besides: generation), generation.phase == .writing else { continue }
      add(generation, count: 1, to: &plan)
    }
    let chains = sessions.values.sorted { $0.id < $1.id }.flatMap { session in session.ready.map { (session, $0) } }
    for (session, chain) in chains where chain[0].remaining == 1 { add(session, chain, count: chain.count, to: &plan) }
    var budget = context.maximumRows - plan.rows.count
    if !plan.rows.isEmpty { budget = min(budget, threads.affordableRows(within: configuration.targetStep)) }
    // The shortest rest first: whoever can start writing soonest does.
    let reading = active.filter { $0.phase == .reading }.sorted { $0.remaining < $1.remaining }
    let long = chains.filter { $0.1[0].remaining > 1 }
    var readers = reading.count + long.count
    for (session, chain) in long {
      let remaining = chain.reduce(0) { $0 + $1.remaining }
      let count = min(remaining, max(Self.leastShare, budget / max(1, readers)), budget)
      add(session, chain, count: count, to: &plan)
      budget -= count
      readers -= 1
    }
    for generation in reading where generation.phase == .reading {
      var count = min(generation.remaining, max(Self.leastShare, budget / max(1, readers)), budget)
      readers -= 1
      let outputs = context.maximumOutputs - plan.outputs
      guard outputs > 0, count > 0 else { break }
      if generation.reportsPrompt { count = min(count, outputs) }
      guard makeRoom(for: plan.rows.count + count, besides: generation), generation.phase == .reading else { continue }
      add(generation, count: count, to: &plan)
      budget -= count
    }
    // Making room may have sent someone back to the queue whose rows were planned before.
    let isStale = plan.parts.contains { part in
      if case .generation(let generation) = part.owner { generation.holding == nil } else { false }
    }
    return isStale ? plannedStep() : plan
  }

  /// Adds so many rows of parts that follow each other in one sequence.
  private func add(_ session: SessionState, _ chain: [SessionState.Part], count: Int, to plan: inout StepPlan) {
    var left = count
    var planned = 0
    for part in chain where left > 0 {
      let taken = min(part.remaining, left)
      guard add(session, part, count: taken, behind: planned, to: &plan), taken == part.remaining else { return }
      planned += taken
      left -= taken
    }
  }

  /// - Parameter planned: rows of the same sequence that the step already has.
  /// - Returns: whether they were added.
  private func add(
    _ session: SessionState, _ part: SessionState.Part, count: Int, behind planned: Int, to plan: inout StepPlan
  ) -> Bool {
    guard count > 0, plan.rows.count + count <= context.maximumRows, plan.outputs < context.maximumOutputs else {
      return false
    }
    guard makeRoom(for: plan.rows.count + count, besides: nil) else {
      session.fail(GenerationError(.overloaded(retryAfter: .seconds(1)), "the cache has no room for the tokens"))
      return false
    }
    let holding = session.holdings[part.sequence]
    plan.parts.append(StepPlan.Part(owner: .session(session, part), firstRow: plan.rows.count, count: count))
    for offset in 0..<count {
      let isLast = offset == part.remaining - 1
      plan.rows.append(
        LlamaContext.Row(
          token: part.tokens[part.tokens.count - part.remaining + offset],
          position: Int32(clamping: holding.count + planned + offset), sequence: holding.id, wantsLogits: isLast))
      if isLast { plan.outputs += 1 }
    }
    return true
  }

  private static let leastShare = 16

  private func add(_ generation: Generation, count: Int, to plan: inout StepPlan) {
    guard let holding = generation.holding, count > 0 else { return }
    let start = holding.count
    plan.parts.append(StepPlan.Part(owner: .generation(generation), firstRow: plan.rows.count, count: count))
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
  private func makeRoom(for count: Int, besides generation: Generation?) -> Bool {
    while !pool.makeRoom(for: count) {
      let others = active.filter { $0 !== generation && $0.holding != nil }
      guard let youngest = others.max(by: { $0.order < $1.order }) else {
        if let generation {
          end(generation, GenerationError(.overloaded(retryAfter: .seconds(1)), "the cache has no room for the prompt"))
        }
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
      let last = part.firstRow + part.count - 1
      switch part.owner {
      case .session(let session, let work):
        let isDone = work.remaining == part.count
        let first = work.tokens.count - work.remaining
        pool.append(work.tokens[first..<first + part.count], to: session.holdings[work.sequence])
        session.advance(work, by: part.count, logits: isDone ? context.logits(ofRow: last) : nil, scratch: scratch)
      case .generation(let generation):
        guard let holding = generation.holding else { continue }
        if generation.phase == .reading { computed += part.count }
        let start = holding.count
        pool.append(generation.tokens[start..<start + part.count], to: holding)
        if generation.reportsPrompt { reportPrompt(generation, part, from: start) }
        if generation.remaining == 0 { proceed(generation, row: last) }
      }
    }
    loop?.metrics.update { $0.promptTokens += computed }
  }

  /// What comes after all tokens of a sequence are computed.
  private func proceed(_ generation: Generation, row: Int) {
    if generation.phase == .reading {
      generation.phase = .writing
      if generation.plan.echoesPrompt, generation.generatedCount == 0 { yieldEcho(generation) }
    }
    if generation.generatedCount >= generation.plan.limit {
      complete(generation, .length)
    } else {
      advance(generation, row: row)
    }
  }

  /// Draws the next token of a sequence from the logits behind its last.
  private func advance(_ generation: Generation, row: Int) {
    guard let logits = context.logits(ofRow: row) else {
      return end(generation, GenerationError(.internal, "llama.cpp gave no logits for a row that asked for them"))
    }
    guard let token = generation.sampler.draw(logits, scratch: scratch) else {
      return end(
        generation,
        fault(ofGrammar: generation)
          ?? GenerationError(.internal, "the model gave no probability to any token that is allowed"))
    }
    if generation.firstToken == nil { generation.firstToken = .now }
    if model.isEndOfGeneration(token) {
      generation.generatedCount += 1
      return complete(generation, .stop)
    }
    guard generation.sampler.accept(token) else {
      return end(
        generation,
        fault(ofGrammar: generation) ?? GenerationError(.internal, "the grammar refused a token that it had allowed"))
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
    if generation.answer.stopSequence != nil || generation.answer.repeatsCall {
      complete(generation, .stop)
    } else if generation.generatedCount >= generation.plan.limit {
      complete(generation, .length)
    }
  }

  /// Why an answer ends whose grammar allows nothing more, or would hold up all others.
  private func fault(ofGrammar generation: Generation) -> GenerationError? {
    guard let grammar = generation.plan.grammar else { return nil }
    guard !grammar.isTooCostly else { return Grammar.tooCostly(grammar.parameter) }
    return GenerationError(
      .invalidRequest(parameter: grammar.parameter),
      "the schema or grammar allows nothing that \(model.name) can write here; look for character ranges the wrong way "
        + "round, and for a `logit_bias` against all that is left")
  }

  private func reportPrompt(_ generation: Generation, _ part: StepPlan.Part, from start: Int) {
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
    switch part.owner {
    case .generation(let generation):
      if let holding = generation.holding { _ = pool.truncate(holding, to: 0) }
      end(generation, error)
    case .session(let session, let work):
      _ = pool.truncate(session.holdings[work.sequence], to: 0)
      session.fail(error)
    }
  }

  private func release(_ generation: Generation) {
    if let holding = generation.holding { pool.close(holding, keeps: true) }
    generation.holding = nil
    active.removeAll { $0 === generation }
  }
}
