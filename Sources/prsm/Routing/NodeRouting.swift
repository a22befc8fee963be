import Foundation
import Gateway
import Logging
import Metering
import ModelInterface
import Providers
import Routing
import Synchronization
import Telemetry

/// Chooses the model of requests that leave it to the node, remembers every choice with its reasons, and learns from what
/// came of it.
final class NodeRouting: Sendable {
  /// How long after a request a conversation that asks the same again counts as dissatisfied.
  private static let retryTime = 120.0
  /// How long a model's latency speaks against it under a limit, in seconds after its last answer.
  static let latencyTime = 600.0
  /// Conversations whose last request is remembered for that, at most.
  private static let retryLimit = 10_000

  struct State: Sendable {
    var configuration: RoutingConfiguration
    var router: Router
    var candidates: [Candidate] = []
    var latencies: [String: LatencyEstimate] = [:]
    /// When the last answer of each model was timed, in seconds since 1970.
    var measured: [String: Double] = [:]
    var log = RouteLog()
    var experiments: [String: ABExperiment] = [:]
    var canaries: [String: CanaryRelease] = [:]
    var lastAsked: [String: (hash: Int, route: String, time: Double)] = [:]
    var counter: UInt64 = 0
    var hasChanged = false
  }

  let source: CandidateSource
  let metering: NodeMetering
  let usualMaximum: Int
  let state: Mutex<State>
  private let run = UInt64.random(in: .min ... .max)
  private let logger: Logger
  private let decisions: Family<Telemetry.Counter>

  /// - Parameters:
  ///   - kept: what ``kept()`` returned before the restart.
  ///   - usualMaximum: the node's own limit of an answer.
  /// - Throws: ``CommandFailure`` of status `usage` where the predictor cannot be used.
  init(
    _ configuration: RoutingConfiguration, source: CandidateSource, metering: NodeMetering, usualMaximum: Int,
    kept: [String: Data] = [:], metrics: MetricsRegistry = MetricsRegistry(), logger: Logger
  ) throws(CommandFailure) {
    self.source = source
    self.metering = metering
    self.usualMaximum = usualMaximum
    self.logger = logger
    decisions = metrics.counter(
      "prsm_routes_total", help: "Choices of a model, by the name asked for, the model chosen and what settled it.",
      labels: ["name", "model", "basis"])
    state = Mutex(try Self.state(configuration, kept: kept))
  }

  // MARK: - Choosing

  /// Whether a name stands for a choice.
  func isRouted(_ name: String) -> Bool {
    if name.hasPrefix("auto"), name == "auto" || name.hasPrefix("auto:") { return true }
    return state.withLock { state in
      let configuration = state.configuration
      return configuration.policies[name] != nil || configuration.experiments[name] != nil
        || configuration.canaries[name] != nil
    }
  }

  /// Whether a model is made of others, whose parts are accounted for by themselves.
  func isVirtual(_ model: String) -> Bool { source.isVirtual(model) }

  /// Whether a choice waits for an embedding.
  func needsEmbedding(_ name: String) -> Bool {
    state.withLock { $0.configuration.embeddingModel != nil } && isRouted(name)
  }

  /// The embedding that the predictor reads; nil where there is none, or none can be had.
  func embedding(of request: GenerationRequest, by embedder: NodeMeter.Embedder?) async -> [Float]? {
    guard let embedder, let model = state.withLock({ $0.configuration.embeddingModel }), isRouted(request.model) else {
      return nil
    }
    let text = RouteRequest(request, usualMaximum: usualMaximum, embedding: nil, constraints: .init()).prompt
    do throws(GenerationError) { return try await embedder(model, text) } catch { return nil }
  }

  /// Chooses a model for a request.
  ///
  /// - Parameters:
  ///   - allowed: the models that the key may use; nil for all.
  ///   - remaining: what may still be spent on it; nil for no limit.
  /// - Throws: ``GenerationError``: `modelNotFound` for a name that is none, `unavailable` where no model can take it.
  func decide(
    _ request: GenerationRequest, allowed: Set<String>?, embedding: [Float]?, remaining: Money?
  ) throws(GenerationError) -> RouteTicket {
    let time = Self.now()
    let question = Question(request, usualMaximum: usualMaximum, embedding: embedding)
    let result: Result<RouteTicket, GenerationError> = state.withLock { state in
      do throws(GenerationError) {
        let ticket = try Self.ticket(
          question, in: &state, allowed: allowed, remaining: remaining, seed: run, time: time)
        state.log.add(RouteRecord(ticket: ticket, time: time))
        Self.noteRetry(ticket, prompt: question.hash, in: &state, at: time)
        state.hasChanged = true
        return .success(ticket)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// The choice as it would be made now, without making it.
  ///
  /// - Throws: as ``decide(_:allowed:embedding:remaining:)``.
  func preview(
    _ request: GenerationRequest, allowed: Set<String>?, remaining: Money?
  ) throws(GenerationError) -> RouteTicket {
    var copy = state.withLock { $0 }
    return try Self.ticket(
      Question(request, usualMaximum: usualMaximum, embedding: nil), in: &copy, allowed: allowed, remaining: remaining,
      seed: run, time: Self.now())
  }

  /// A request was admitted, with that model.
  func began(_ ticket: RouteTicket, model: String) {
    decisions(ticket.name, model, ticket.decision.basis.rawValue).add(1)
    state.withLock { state in
      guard var record = state.log[ticket.id] else { return }
      record.ticket = ticket
      record.admitted = model
      state.log[ticket.id] = record
    }
  }

  /// A request was not admitted.
  func refused(_ ticket: RouteTicket, _ reason: String) {
    state.withLock { state in
      guard var record = state.log[ticket.id] else { return }
      record.ticket = ticket
      record.refusal = reason
      state.log[ticket.id] = record
    }
  }

  /// A model failed before its first event, and another follows.
  func failed(_ request: GenerationRequest, model: String, _ error: GenerationError) {
    logger.notice(
      "fell back",
      metadata: ["request": "\(request.context.requestID)", "model": "\(model)", "reason": "\(error.message)"])
    let time = Self.now()
    state.withLock { state in
      guard
        var record = state.log.find(
          request: request.context.requestID, model: request.model, fallbacks: request.fallbacks),
        record.failed.count < 16
      else { return }
      record.failed.append((model, error.message))
      record.lastFailure = time
      state.log[record.ticket.id] = record
      Self.observe(record.ticket, model: model, succeeded: false, milliseconds: 0, in: &state)
    }
  }

  /// A request's answer has ended.
  func ended(_ ticket: RouteTicket, _ settlement: Settlement, cost: Money) {
    let time = Self.now()
    state.withLock { state in
      guard var record = state.log[ticket.id] else { return }
      let milliseconds = max(0, (time - record.time) * 1_000)
      record.outcome = RouteRecord.Outcome(
        model: settlement.model, outcome: settlement.outcome.rawValue, milliseconds: milliseconds,
        usage: settlement.usage, cost: cost)
      state.log[ticket.id] = record
      if settlement.outcome == .finished, let model = settlement.model {
        // The time that other models took to fail is not this one's.
        let own = max(0, (time - (record.lastFailure ?? record.time)) * 1_000)
        state.latencies[model, default: LatencyEstimate()].note(.milliseconds(own))
        state.measured[model] = time
      }
      guard settlement.outcome != .cancelled, !Self.isClientsFault(settlement.failure) else { return }
      let stages = state.canaries.mapValues(\.stage)
      Self.observe(
        ticket, model: settlement.model ?? ticket.model, succeeded: settlement.outcome == .finished,
        milliseconds: milliseconds, in: &state)
      for (name, canary) in state.canaries where canary.stage != stages[name] {
        logger.notice("release moved", metadata: ["release": "\(name)", "stage": "\(canary.stage)"])
      }
      state.hasChanged = true
    }
  }

  // MARK: - Learning

  /// Takes a judgement of an answer into account, by the identifier of its route or of its request. Of each source the last
  /// one holds, however often it is sent.
  ///
  /// - Returns: the route, and whether the judgement is new; nil where the route is not remembered, or the reader may not see it.
  func judge(
    _ name: String, quality: Double, source: QualityFeedback.Source, isVisible: (RouteRecord) -> Bool
  ) -> (record: RouteRecord, isNew: Bool)? {
    state.withLock { state in
      guard let record = state.log.find(name), isVisible(record) else { return nil }
      let model = record.outcome?.model ?? record.admitted ?? record.ticket.model
      let isNew = Self.learn(QualityFeedback(model: model, quality: quality, source: source), record, in: &state)
      return (state.log[record.ticket.id] ?? record, isNew)
    }
  }

  /// Takes into account what the judge of a virtual model gave a member's answer, 0 to 1. Names that stand for a choice or
  /// for several models are no models, and learn nothing.
  func judged(_ model: String, question: String, quality: Double) {
    guard !isRouted(model), !isVirtual(model) else { return }
    let features = PromptFeatures(question)
    state.withLock { state in
      let head = state.configuration.models[model]?.predictedAs
      state.router.learn(
        QualityFeedback(model: model, quality: quality, source: .judge), features: features, head: head)
      state.hasChanged = true
    }
  }

  /// - Returns: whether it says what had not been said yet.
  @discardableResult
  private static func learn(_ feedback: QualityFeedback, _ record: RouteRecord, in state: inout State) -> Bool {
    let earlier = record.judgements.last { $0.source == feedback.source && $0.model == feedback.model }
    guard earlier?.quality != feedback.quality, record.judgements.count < RouteRecord.judgementLimit else {
      return false
    }
    var judged = record
    judged.judgements.append(feedback)
    state.log[record.ticket.id] = judged
    let head = state.configuration.models[feedback.model]?.predictedAs
    state.router.learn(feedback, insteadOf: earlier, features: record.ticket.features, head: head)
    if case .experiment(let name)? = record.ticket.arm, let verdict = judged.isGood(feedback.model),
      verdict != record.isGood(feedback.model)
    {
      state.experiments[name]?.observe(
        feedback.model, succeeded: verdict, insteadOf: record.isGood(feedback.model))
    }
    state.hasChanged = true
    return true
  }

  /// A conversation that asks the same again, without more said in between, did not like the answer.
  private static func noteRetry(_ ticket: RouteTicket, prompt hash: Int, in state: inout State, at time: Double) {
    guard let session = ticket.context.session else { return }
    let key = "\(ticket.context.tenant)\n\(session)"
    if let last = state.lastAsked[key], last.hash == hash, time - last.time <= retryTime,
      let record = state.log[last.route], let outcome = record.outcome, outcome.outcome == "finished",
      let model = outcome.model
    {
      learn(QualityFeedback(model: model, quality: 0, source: .retry), record, in: &state)
    }
    if state.lastAsked.count >= retryLimit {
      state.lastAsked = state.lastAsked.filter { time - $0.value.time <= retryTime }
    }
    if state.lastAsked.count >= retryLimit { state.lastAsked = [:] }
    state.lastAsked[key] = (hash, ticket.id, time)
  }

  private static func observe(
    _ ticket: RouteTicket, model: String, succeeded: Bool, milliseconds: Double, in state: inout State
  ) {
    switch ticket.arm {
    case .canary(let name, let arm)?:
      guard let canary = state.configuration.canaries[name] else { return }
      // Where another model had to help out, the side that failed has been counted already.
      guard model == (arm == .canary ? canary.candidate : canary.baseline) else { return }
      state.canaries[name]?.observe(arm, succeeded: succeeded, latency: milliseconds)
    case .experiment(let name)?:
      // Success is what people and judges say; an answer that did not come is none.
      if !succeeded { state.experiments[name]?.observe(model, succeeded: false) }
    case nil: break
    }
  }

  private static func isClientsFault(_ kind: GenerationError.Kind?) -> Bool {
    switch kind {
    case .invalidRequest?, .contextLengthExceeded?, .budgetExceeded?, .cancelled?: true
    default: false
    }
  }

  /// Seconds since 1970.
  static func now() -> Double { Double(NodeMetering.now().microseconds) / 1e6 }
}
