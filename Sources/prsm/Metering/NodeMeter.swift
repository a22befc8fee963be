import Gateway
import Metering
import ModelInterface
import Synchronization

/// Admits requests: answers from the cache, chooses the model of those that leave it to the node, and sets aside what they
/// may cost. Everything that is in memory is decided without waiting.
struct NodeMeter: RequestMeter {
  /// Puts the meaning of a text into a vector.
  typealias Embedder = @Sendable (String, String) async throws(GenerationError) -> [Float]

  let metering: NodeMetering
  let routing: NodeRouting
  /// Makes embeddings; nil where nothing does.
  var encoder: (@Sendable (EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse)?

  func reserveNow(_ work: MeteredWork) throws(GenerationError) -> (any MeterReservation)? {
    switch work.kind {
    // A search takes seconds; its reservation may wait.
    case .search: return nil
    case .embedding(let request):
      let account = metering.account(of: work.principal.tenant)
      let metered = MeteredRequest(request, account: account, estimate: metering.meter.estimate)
      guard let decision = metering.meter.decideNow(metered), !Self.isDeferred(decision) else { return nil }
      return NodeReservation(try Self.grant(decision), admission: Admission(), metering: metering)
    case .generation(let request):
      let cached = CacheLookup(request, metering.cache)
      if let key = cached?.key, let events = metering.cache.find(key) { return try replayNow(events, request, work) }
      if cached?.mayBeSimilar == true || routing.needsEmbedding(request.model) { return nil }
      return try admitNow(request, work, cached)
    }
  }

  func reserveNow(
    _ size: GenerationSize, for principal: Principal, whole: () -> GenerationRequest
  ) throws(GenerationError) -> (any MeterReservation)? {
    guard !metering.cache.covers(textIsDeterministic: size.isDeterministic), !routing.isRouted(size.model) else {
      return try reserveNow(MeteredWork(kind: .generation(whole()), principal: principal))
    }
    var metered = MeteredRequest(
      requestID: size.context.requestID, account: metering.account(of: principal.tenant),
      model: metering.target(of: size.model),
      promptTokens: metering.meter.estimate.tokens(messages: size.messages, bytes: size.bytes),
      outputTokens: size.maximumOutputTokens, priority: size.context.priority)
    metered.deadline = size.context.deadline
    guard let decision = metering.meter.decideNow(metered), !Self.isDeferred(decision) else { return nil }
    return try reservation(decision, asked: size.model)
  }

  func reserve(_ work: MeteredWork) async throws(GenerationError) -> any MeterReservation {
    let account = metering.account(of: work.principal.tenant)
    switch work.kind {
    case .search(let request, let reads):
      var metered = MeteredRequest(request, account: account, estimate: metering.meter.estimate)
      metered.promptTokens = reads
      let grant = try Self.grant(await decide(metered))
      var admission = Admission()
      if grant.model != request.model { admission.model = grant.model }
      return NodeReservation(grant, admission: admission, metering: metering)
    case .embedding(let request):
      let metered = MeteredRequest(request, account: account, estimate: metering.meter.estimate)
      return NodeReservation(
        try Self.grant(await decide(metered)), admission: Admission(), metering: metering)
    case .generation(let request):
      var cached = CacheLookup(request, metering.cache)
      var events = cached.flatMap { metering.cache.find($0.key) }
      if events == nil, let key = cached?.key, let answers = metering.answers {
        if let found = await answers.find(key, at: NodeMetering.now()) {
          events = found.events
          metering.cache.keep(
            found.events, key, tenant: request.context.tenant, model: request.model, lifetime: found.lifetime)
        }
      }
      let embedder = embedder(for: request, account)
      if events == nil, cached?.mayBeSimilar == true {
        await cached?.embed(request, by: embedder, model: metering.configuration.embeddingModel)
        events = cached?.meaning.flatMap { metering.cache.find(like: $0) }
      }
      if let events {
        let metered = Self.free(request, account)
        return replay(events, try Self.grant(await decide(metered)))
      }
      let embedding = await routing.embedding(of: request, by: embedder)
      var route = try route(request, work, account, embedding)
      var decision = await decide(metered(request, work, account, route))
      while rerouted(&route, after: decision) { decision = await decide(metered(request, work, account, route)) }
      return try reservation(decision, request, route, cached)
    }
  }

  // MARK: - Without waiting

  private func replayNow(
    _ events: [GenerationEvent], _ request: GenerationRequest, _ work: MeteredWork
  ) throws(GenerationError) -> (any MeterReservation)? {
    let metered = Self.free(request, metering.account(of: work.principal.tenant))
    guard let decision = metering.meter.decideNow(metered), !Self.isDeferred(decision) else { return nil }
    return replay(events, try Self.grant(decision))
  }

  private func admitNow(
    _ request: GenerationRequest, _ work: MeteredWork, _ cached: CacheLookup?
  ) throws(GenerationError) -> (any MeterReservation)? {
    let account = metering.account(of: work.principal.tenant)
    var route: RouteTicket?
    if routing.isRouted(request.model) {
      // A choice that is made is counted, so it is not made twice.
      guard metering.meter.isReady(for: account) else { return nil }
      route = try self.route(request, work, account, nil)
    }
    guard var decision = metering.meter.decideNow(metered(request, work, account, route)) else { return nil }
    while rerouted(&route, after: decision) {
      guard let again = metering.meter.decideNow(metered(request, work, account, route)) else { return nil }
      decision = again
    }
    // Whoever can wait is decided on again where waiting is allowed.
    if Self.isDeferred(decision) { return nil }
    return try reservation(decision, request, route, cached)
  }

  // MARK: - Parts

  private func route(
    _ request: GenerationRequest, _ work: MeteredWork, _ account: Account, _ embedding: [Float]?
  ) throws(GenerationError) -> RouteTicket? {
    guard routing.isRouted(request.model) else { return nil }
    return try routing.decide(
      request, allowed: work.principal.models, embedding: embedding, remaining: metering.meter.remaining(of: account))
  }

  /// Where the budget does not allow what routing chose, does without its dearer fallbacks, and then takes the next model that
  /// is cheaper.
  ///
  /// - Returns: false where there is nothing to decide anew.
  private func rerouted(_ route: inout RouteTicket?, after decision: MeteringDecision) -> Bool {
    guard var ticket = route, case .refused(let refusal) = decision, !refusal.isRate,
      ticket.leavesDearer() || ticket.cheaperThanChosen()
    else { return false }
    route = ticket
    return true
  }

  private func metered(
    _ request: GenerationRequest, _ work: MeteredWork, _ account: Account, _ route: RouteTicket?
  ) -> MeteredRequest {
    var metered = MeteredRequest(request, account: account, estimate: metering.meter.estimate)
    if work.isFurtherCall { metered.requests = 0 }
    metered.model = metering.target(of: request.model)
    if let route {
      metered.model = route.model
      metered.alternatives = route.fallbacks.filter { !routing.isVirtual($0) }
      // Its parts are set aside and settled by themselves, but not what may answer in its place.
      if routing.isVirtual(route.model) {
        metered.requests = 0
        if metered.alternatives.isEmpty {
          metered.promptTokens = 0
          metered.outputTokens = 0
        }
      }
    }
    return metered
  }

  /// The reservation of a request that is neither routed nor kept.
  private func reservation(
    _ decision: MeteringDecision, asked model: String
  ) throws(GenerationError) -> NodeReservation {
    let grant = try Self.grant(decision)
    var admission = Admission()
    if grant.model != model { admission.model = grant.model }
    if !grant.replaced.isEmpty { admission.headers.append(Self.downgraded(to: grant.model)) }
    return NodeReservation(grant, admission: admission, metering: metering)
  }

  private static func downgraded(to model: String) -> (String, String) {
    ("x-prsm-budget", "downgraded; model=\(model)")
  }

  private func reservation(
    _ decision: MeteringDecision, _ request: GenerationRequest, _ route: RouteTicket?, _ cached: CacheLookup?
  ) throws(GenerationError) -> NodeReservation {
    let grant: Grant
    do throws(GenerationError) {
      grant = try Self.grant(decision)
    } catch {
      if let route { routing.refused(route, error.message) }
      throw error
    }
    var admission = Admission()
    if grant.model != request.model { admission.model = grant.model }
    if let route {
      let isDowngraded = grant.model != route.model
      admission.fallbacks = isDowngraded ? [] : route.fallbacks
      admission.headers.append(("x-prsm-route", route.header))
      routing.began(route, model: grant.model)
    }
    if !grant.replaced.isEmpty { admission.headers.append(Self.downgraded(to: grant.model)) }
    // The answer of a cheaper model, taken for want of money, is no answer to be given again.
    guard let cached, grant.model == route?.model ?? metering.target(of: request.model) else {
      return NodeReservation(grant, admission: admission, metering: metering, route: route, routing: routing)
    }
    metering.cache.missed()
    admission.headers.append(("x-prsm-cache", "miss"))
    admission.recordsEvents = true
    let (cache, answers) = (metering.cache, metering.answers)
    return NodeReservation(
      grant, admission: admission, metering: metering, route: route, routing: routing,
      keep: { events in
        cache.keep(
          events, cached.key, tenant: request.context.tenant, model: request.model, meaning: cached.meaning)
        guard let answers else { return }
        let policy = cache.policy
        // Unstructured because nobody waits for it; the connections bound how many there are, and their deadline each.
        Task {
          await answers.keep(
            events, cached.key, tenant: request.context.tenant, model: request.model,
            until: NodeMetering.now() + policy.lifetime, maximumSize: policy.maximumEntryBytes)
        }
      })
  }

  /// Makes the embeddings that the cache and routing read, on the account of whoever asked where they cost something.
  private func embedder(for request: GenerationRequest, _ account: Account) -> Embedder? {
    guard let encoder else { return nil }
    let metering = metering
    return { model, text throws(GenerationError) in
      let question = EmbeddingRequest(
        model: model, inputs: [.text(text)],
        context: RequestContext(requestID: request.context.requestID, tenant: request.context.tenant))
      guard metering.meter.costs(model) else { return try await encoder(question).vectors.first ?? [] }
      var metered = MeteredRequest(question, account: account, estimate: metering.meter.estimate)
      metered.requests = 0
      let grant = try Self.grant(await metering.meter.decide(metered))
      do throws(GenerationError) {
        let answer = try await encoder(question)
        var use = MeteredUse(
          outcome: .finished, model: answer.model, provider: answer.provider, usage: answer.usage,
          isExact: answer.basis != .estimated)
        use.parts[0].isChecked = answer.basis != .reported
        metering.note(await grant.settle(use), model: answer.model)
        return answer.vectors.first ?? []
      } catch {
        await grant.settle(
          MeteredUse(outcome: .failed, model: nil, provider: nil, usage: Usage(), isExact: true))
        throw error
      }
    }
  }

  private func decide(_ request: MeteredRequest) async -> MeteringDecision {
    await metering.meter.decide(request, waitingFor: metering.configuration.deferTime)
  }

  /// A request that costs nothing and is still counted.
  private static func free(_ request: GenerationRequest, _ account: Account) -> MeteredRequest {
    var metered = MeteredRequest(
      requestID: request.context.requestID, account: account, model: request.model, promptTokens: 0, outputTokens: 0,
      priority: request.context.priority)
    metered.deadline = request.context.deadline
    return metered
  }

  private func replay(_ events: [GenerationEvent], _ grant: Grant) -> NodeReservation {
    var admission = Admission()
    admission.answer = AnswerCache.replayed(events)
    admission.headers = [("x-prsm-cache", "hit")]
    return NodeReservation(grant, admission: admission, metering: metering)
  }

  private static func isDeferred(_ decision: MeteringDecision) -> Bool {
    if case .deferred = decision { true } else { false }
  }

  private static func grant(_ decision: MeteringDecision) throws(GenerationError) -> Grant {
    switch decision {
    case .granted(let grant): return grant
    case .deferred(let refusal), .refused(let refusal):
      let message = refusal.description.prefix(1).uppercased() + refusal.description.dropFirst() + "."
      if refusal.isRate, let pause = refusal.retryAfter {
        throw GenerationError(.overloaded(retryAfter: pause), message)
      }
      if case .deferred = decision, let pause = refusal.retryAfter {
        throw GenerationError(.overloaded(retryAfter: pause), message)
      }
      throw GenerationError(.budgetExceeded, message)
    case .unavailable(let reason): throw GenerationError(.unavailable, reason)
    }
  }
}

/// What was set aside for a request, with what is to be done when it is settled.
final class NodeReservation: MeterReservation {
  let admission: Admission
  private let grant: Grant
  private let metering: NodeMetering
  private let route: RouteTicket?
  private let routing: NodeRouting?
  private let keep: (@Sendable ([GenerationEvent]) -> Void)?
  private let settled = Mutex<(use: MeteredUse, cost: Money)?>(nil)

  init(
    _ grant: Grant, admission: Admission, metering: NodeMetering, route: RouteTicket? = nil,
    routing: NodeRouting? = nil, keep: (@Sendable ([GenerationEvent]) -> Void)? = nil
  ) {
    self.grant = grant
    self.admission = admission
    self.metering = metering
    self.route = route
    self.routing = routing
    self.keep = keep
  }

  func settleNow(_ settlement: Settlement) -> Bool {
    let use = use(settlement)
    guard let cost = grant.settleNow(use) else { return false }
    finish(settlement, use, cost)
    return true
  }

  func settle(_ settlement: Settlement) async {
    let use = use(settlement)
    finish(settlement, use, await grant.settle(use))
  }

  func withdraw() {
    grant.withdraw()
  }

  var billed: (usage: Usage, cost: Int128)? {
    settled.withLock { $0 }.map { (grant.total(of: $0.use), $0.cost.pico) }
  }

  private func use(_ settlement: Settlement) -> MeteredUse {
    // An answer that took nothing is one whose provider did not say what it took.
    let isReported = settlement.outcome != .finished || settlement.usage.totalTokens > 0
    var use = MeteredUse(
      outcome: UsageEvent.Outcome(rawValue: settlement.outcome.rawValue) ?? .failed, model: settlement.model,
      provider: settlement.provider, usage: isVirtual(settlement) ? Usage() : settlement.usage,
      isExact: settlement.isExact && isReported || isVirtual(settlement), seen: settlement.seen)
    use.parts[0].isChecked = settlement.isChecked
    use.parts += settlement.others.map { Self.part($0, beside: settlement) }
    return use
  }

  /// What an attempt took that was not the answer. Of one that reported nothing, the prompt was as long as that of the
  /// answer, and where nothing could be seen of it, so was all it wrote.
  private static func part(_ attempt: SideAttempts.Attempt, beside settlement: Settlement) -> MeteredUse.Part {
    var usage = attempt.usage ?? Usage(completionTokens: settlement.usage.completionTokens)
    if !attempt.isExact, usage.promptTokens == 0, settlement.isExact, settlement.model == attempt.model {
      usage.promptTokens = settlement.usage.promptTokens
    }
    var part = MeteredUse.Part(
      model: attempt.model, provider: attempt.provider, usage: usage, isExact: attempt.isExact)
    // Upstreams are asked by whoever checks what they say.
    part.isChecked = attempt.isExact
    return part
  }

  /// A model made of others has settled its parts by themselves.
  private func isVirtual(_ settlement: Settlement) -> Bool {
    guard let routing, let route else { return false }
    return routing.isVirtual(settlement.model ?? route.model) && settlement.provider != CachingProvider.name
  }

  /// An answer to be kept, without a usage that was not believed: whoever is given it again would have taken so much.
  private func believed(_ events: [GenerationEvent], _ use: MeteredUse) -> [GenerationEvent] {
    guard grant.doubts(use) else { return events }
    let usage = grant.usage(of: use)
    return events.map { event in
      guard case .finished(var completion) = event else { return event }
      completion.usage = usage
      return .finished(completion)
    }
  }

  private func finish(_ settlement: Settlement, _ use: MeteredUse, _ cost: Money) {
    settled.withLock { $0 = (use, cost) }
    if cost > .zero { metering.note(cost, model: settlement.model ?? grant.model) }
    if let events = settlement.events { keep?(believed(events, use)) }
    if let route { routing?.ended(route, settlement, cost: cost) }
  }
}
