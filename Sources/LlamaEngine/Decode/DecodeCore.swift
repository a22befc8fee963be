import ModelInterface

/// The computation: which sequences go into the next step, and what becomes of its logits. One thread owns it.
final class DecodeCore {
  let model: LlamaModel
  let context: LlamaContext
  let pool: SequencePool
  let configuration: EngineConfiguration
  let scratch: Sampler.Scratch
  /// Weak, because the loop's thread owns the core and outlives neither.
  weak var loop: DecodeLoop?

  var waiting = FairQueue<Generation>()
  var active: [Generation] = []
  var threads: ThreadGovernor
  var stepNumber: UInt64 = 0
  var sessions: [UInt64: SessionState] = [:]
  var nextSession: UInt64 = 0
  var embeddings: [EmbeddingJob] = []
  /// Made when the first embedding is asked for.
  var embeddingContext: EmbeddingContext?
  /// The most tokens of one sequence.
  let contextLength: Int
  private(set) var isStopped = false
  private var isStopping = false
  private var stopDeadline: ContinuousClock.Instant?
  private var whenStopped: [() -> Void] = []

  init(model: LlamaModel, configuration: EngineConfiguration, loop: DecodeLoop) throws(GenerationError) {
    self.model = model
    self.configuration = configuration
    self.loop = loop
    let cells = configuration.cacheTokens ?? min(EngineConfiguration.defaultCacheTokens, max(512, model.trainedContext))
    context = try LlamaContext(
      model: model, capacity: cells, sequences: configuration.maximumActive + configuration.extraSequences,
      rows: configuration.maximumRows, outputs: configuration.maximumOutputs)
    contextLength = min(context.capacity, max(1, model.trainedContext))
    pool = SequencePool(context: context)
    scratch = Sampler.Scratch(vocabularySize: model.vocabularySize)
    threads = ThreadGovernor(fixed: configuration.threads)
    calibrate()
    loop.metrics.update {
      $0.model = model.name
      $0.cells = context.capacity
    }
  }

  /// How long to sleep when nothing can be done.
  var idleMilliseconds: Int { waiting.isEmpty && active.isEmpty && sessions.isEmpty && !isStopping ? 1000 : 20 }

  func submit(_ id: UInt64, _ plan: GenerationPlan, _ continuation: GenerationStream.Continuation) {
    guard !isStopping else {
      loop?.noteStarted()
      continuation.finish(throwing: GenerationError(.unavailable, "model \(plan.model) is being unloaded; try again"))
      return
    }
    let sampler = Sampler(plan.sampling, prompt: plan.prompt, grammar: plan.grammar)
    let generation = Generation(id: id, plan: plan, sampler: sampler, continuation: continuation)
    waiting.append(
      generation, tenant: plan.context.tenant, priority: plan.context.priority, cost: Double(plan.greatestLength))
  }

  func cancel(_ id: UInt64) {
    for generation in waiting.removeAll(where: { $0.id == id }) {
      loop?.noteStarted()
      generation.continuation.finish(throwing: GenerationError(.cancelled, "the request was cancelled"))
    }
    if let generation = active.first(where: { $0.id == id }) {
      end(generation, GenerationError(.cancelled, "the request was cancelled"))
    }
  }

  func resume(_ id: UInt64) {
    active.first { $0.id == id }?.isPausedSince = nil
  }

  func stop(by deadline: ContinuousClock.Instant, _ whenDone: @escaping () -> Void) {
    whenStopped.append(whenDone)
    isStopping = true
    stopDeadline = min(deadline, stopDeadline ?? deadline)
    for generation in waiting.removeAll(where: { _ in true }) {
      loop?.noteStarted()
      generation.continuation.finish(
        throwing: GenerationError(.unavailable, "model \(model.name) is being unloaded; try again"))
    }
  }

  /// After the last step: nobody is left waiting.
  func abandonAll() {
    for generation in waiting.removeAll(where: { _ in true }) {
      generation.continuation.finish(throwing: GenerationError(.unavailable, "model \(model.name) was unloaded"))
    }
    for generation in active {
      end(generation, GenerationError(.unavailable, "model \(model.name) was unloaded before the answer was done"))
    }
    let unloaded = GenerationError(.unavailable, "model \(model.name) was unloaded")
    for id in Array(sessions.keys) {
      sessions[id]?.fail(unloaded)
      closeSession(id)
    }
    for job in embeddings { job.reply.send(.failure(unloaded)) }
    embeddings = []
    for whenDone in whenStopped { whenDone() }
    whenStopped = []
  }

  /// Does one step; false when there was nothing to do.
  func step() -> Bool {
    expire()
    if isStopping {
      if active.isEmpty && embeddings.isEmpty || ContinuousClock.now >= stopDeadline ?? .now {
        isStopped = true
        return true
      }
    }
    admit()
    var plan = plannedStep()
    let hasEmbedded = stepEmbedding()
    guard !plan.rows.isEmpty else {
      publish()
      return hasEmbedded
    }
    stepNumber += 1
    let start = ContinuousClock.now
    let count = threads.count(rows: plan.rows.count)
    var outcome = context.decode(plan.rows, threads: count)
    if case .noRoom = outcome {
      pool.dropKept()
      outcome = context.decode(plan.rows, threads: count)
    }
    switch outcome {
    case .done:
      threads.note(rows: plan.rows.count, threads: count, took: ContinuousClock.now - start)
      finish(&plan)
    case .noRoom:
      for part in plan.parts {
        fail(part, GenerationError(.overloaded(retryAfter: .seconds(1)), "the cache is full"))
      }
    case .failed(let code):
      for part in plan.parts {
        fail(part, GenerationError(.internal, "llama.cpp failed to decode (\(code)): \(LlamaLog.recent.last ?? "")"))
      }
    }
    publish()
    return true
  }

  /// Tries each number of threads on a few steps, so that the first request finds a good one.
  private func calibrate() {
    guard configuration.threads == nil, let token = model.startToken ?? (0..<TokenID(model.vocabularySize)).first else {
      return
    }
    var position: Int32 = 0
    for _ in 0..<3 {
      for count in threads.candidates {
        for rows in [1, 8] {
          let batch = (0..<rows).map { row in
            LlamaContext.Row(
              token: token, position: position + Int32(row), sequence: 0, wantsLogits: row == rows - 1)
          }
          let start = ContinuousClock.now
          guard case .done = context.decode(batch, threads: count) else { return context.clearAll() }
          threads.note(rows: rows, threads: count, took: ContinuousClock.now - start)
          position += Int32(rows)
        }
      }
    }
    context.clearAll()
  }

  /// Takes waiting requests while there is a place, a sequence and room for them.
  private func admit() {
    while active.count < configuration.maximumActive, let next = waiting.first {
      let slack = min(next.plan.limit, 64)
      guard pool.availableSequences > 0, active.isEmpty || pool.couldHold(next.tokens.count + slack) else { return }
      guard let generation = waiting.popFirst() else { return }
      loop?.noteStarted()
      // Probabilities of the prompt's tokens exist only where it is computed.
      let reusable = generation.reportsPrompt ? 0 : generation.tokens.count - 1
      guard let holding = pool.open(for: generation.tokens, reusable: reusable) else {
        generation.continuation.finish(
          throwing: GenerationError(.overloaded(retryAfter: .seconds(1)), "every sequence of the cache is in use"))
        continue
      }
      generation.holding = holding
      generation.phase = .reading
      generation.order = stepNumber
      if generation.admitted == nil {
        generation.admitted = .now
        generation.cachedTokens = holding.count
        generation.yield([.started(GenerationStart(model: generation.plan.model, provider: "local"))])
      }
      active.append(generation)
      if generation.plan.limit == 0, !generation.reportsPrompt { complete(generation, .length) }
    }
  }

  /// Gives up what nobody waits for any more.
  private func expire() {
    let now = ContinuousClock.now
    expireSessions(now)
    func isLate(_ generation: Generation) -> Bool { generation.plan.context.deadline.map { $0 <= now } ?? false }
    for generation in waiting.removeAll(where: isLate) {
      loop?.noteStarted()
      generation.continuation.finish(
        throwing: GenerationError(.timedOut, "the deadline passed while the request waited for its turn"))
    }
    for generation in active {
      if isLate(generation) {
        end(generation, GenerationError(.timedOut, "the deadline passed before the answer was done"))
      } else if let since = generation.isPausedSince, now - since > configuration.readerPatience {
        end(generation, GenerationError(.timedOut, "the answer was not read for \(configuration.readerPatience)"))
      }
    }
  }

  private func publish() {
    loop?.noteWorking(active.count + sessions.count + embeddings.count)
    loop?.metrics.update { snapshot in
      snapshot.active = active.count
      snapshot.waiting = waiting.count
      snapshot.usedCells = pool.usedCells
      snapshot.keptSequences = pool.keptCount
      snapshot.stepSeconds = threads.stepSeconds
      snapshot.threads = threads.current
      snapshot.tokensPerSecond = threads.tokensPerSecond
    }
  }
}
