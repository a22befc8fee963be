import Metering
import ModelInterface
import Routing

extension NodeRouting {
  /// What of a request a choice is made by, read before the lock is taken: prompts may be long.
  struct Question: Sendable {
    let request: GenerationRequest
    var route: RouteRequest
    let features: PromptFeatures
    /// Stands for the prompt of a conversation, to notice when it is asked again.
    let hash: Int

    init(_ request: GenerationRequest, usualMaximum: Int, embedding: [Float]?) {
      self.request = request
      route = RouteRequest(request, usualMaximum: usualMaximum, embedding: embedding, constraints: .init())
      features = PromptFeatures(route.prompt, embedding: embedding)
      hash = request.context.session == nil ? 0 : request.prompt.hashValue
    }
  }

  /// Makes a choice and counts it in `state`.
  static func ticket(
    _ question: Question, in state: inout State, allowed: Set<String>?, remaining: Money?, seed: UInt64, time: Double
  ) throws(GenerationError) -> RouteTicket {
    let (request, features) = (question.request, question.features)
    let plan = try plan(for: request.model, unit: request.context.session ?? request.context.requestID, state)
    var constraints = plan.constraints
    // What a policy, an experiment or a release names itself may be what is not offered to others.
    let named = plan.constraints.allowedModels ?? []
    let candidates = state.candidates.filter { $0.isOffered || named.contains($0.name) }
    if let allowed {
      constraints.allowedModels = constraints.allowedModels.map { $0.filter(allowed.contains) } ?? allowed.sorted()
    }
    if let remaining { constraints.budgetMicros = Int(clamping: remaining.pico / 1_000_000) }
    var route = question.route
    route.constraints = constraints
    state.counter += 1
    let drawn = seed &+ state.counter &* 0x9E37_79B9_7F4A_7C15
    var decision: RouteDecision
    do throws(RoutingError) {
      // The side of an experiment is fixed by its unit, not by what a conversation used before.
      if plan.arm != nil { route.session = nil }
      decision = try state.router.decide(
        route, among: candidates, policy: plan.policy, seed: drawn, features: features, at: time)
      if let model = plan.arm, decision.candidates.contains(where: { $0.name == model && $0.excluded == nil }) {
        decision.chosen = model
        decision.basis = .experiment
      } else if case .canary(let name, .canary)? = plan.side, let model = plan.arm,
        decision.candidates.contains(where: { $0.name == model && $0.excluded == .health(.down) }),
        decision.candidates.contains(where: { $0.name == decision.chosen && $0.excluded == nil })
      {
        // What is not asked because it keeps failing would have failed again.
        state.canaries[name]?.observe(.canary, succeeded: false, latency: 0)
      }
    } catch {
      throw GenerationError(kind(of: error), sentence(error))
    }
    return RouteTicket(
      id: "route-\(String(seed, radix: 36).suffix(6))-\(state.counter)", request: request, decision: decision,
      features: features, arm: decision.basis == .experiment ? plan.side : nil, remaining: remaining)
  }

  private struct Plan {
    var policy: RoutePolicy
    var constraints = RouteRequest.Constraints()
    /// The model of the side that the request is on.
    var arm: String?
    var side: RouteTicket.Arm?
  }

  private static func plan(for name: String, unit: String, _ state: State) throws(GenerationError) -> Plan {
    let configuration = state.configuration
    if let policy = configuration.policies[name] {
      return Plan(policy: policy.policy, constraints: policy.constraints)
    }
    if let experiment = state.experiments[name] {
      var constraints = RouteRequest.Constraints()
      constraints.allowedModels = experiment.arms.map(\.model)
      return Plan(
        policy: .balanced(), constraints: constraints, arm: experiment.assignment(of: unit), side: .experiment(name))
    }
    if let canary = configuration.canaries[name], let release = state.canaries[name] {
      let arm = release.arm(of: unit)
      var constraints = RouteRequest.Constraints()
      constraints.allowedModels = [canary.baseline, canary.candidate]
      return Plan(
        policy: .balanced(), constraints: constraints, arm: arm == .canary ? canary.candidate : canary.baseline,
        side: .canary(name, arm))
    }
    do throws(RoutingError) {
      if let policy = try RoutePolicy.named(name) { return Plan(policy: policy) }
    } catch {
      throw GenerationError(.modelNotFound, Self.sentence(error))
    }
    throw GenerationError(.modelNotFound, "this node has no model and no policy `\(name)`")
  }

  /// What stands in the way of every candidate that could be asked at all decides how the client is told.
  private static func kind(of error: RoutingError) -> GenerationError.Kind {
    guard case .noCandidate(_, let exclusions) = error, !exclusions.isEmpty else { return .unavailable }
    var longest = (limit: 0, requested: 0)
    var (isLong, isDear) = (0, 0)
    for exclusion in exclusions {
      switch exclusion {
      case .contextWindow(let needed, let window):
        isLong += 1
        longest = (max(longest.limit, window), needed)
      case .budget: isDear += 1
      case .health: return .unavailable
      default: break
      }
    }
    if isDear > 0 { return .budgetExceeded }
    if isLong > 0 { return .contextLengthExceeded(limit: longest.limit, requested: longest.requested) }
    return .unavailable
  }

  private static func sentence(_ error: RoutingError) -> String {
    let text = error.description
    return text.prefix(1).uppercased() + text.dropFirst() + "."
  }
}
