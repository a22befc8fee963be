/// Why a candidate cannot take a request, with the numbers.
package enum Exclusion: Sendable, Codable, Equatable, CustomStringConvertible {
  case contextWindow(needed: Int, window: Int)
  case tools(offered: Int)
  case modality(missing: [Modality])
  case region(allowed: [String], found: String?)
  case budget(costMicros: Int, leftMicros: Int)
  case health(Candidate.Health)
  case notAllowed(allowed: [String])
  case denied
  case notLocal(Candidate.Location)
  case latency(p95: Double, limit: Double)

  package var description: String {
    switch self {
    case .contextWindow(let needed, let window): "needs \(needed) tokens, its context window has \(window)"
    case .tools(let offered): "takes no tools, and the request offers \(offered)"
    case .modality(let missing): "does not accept \(missing.map(\.rawValue).joined(separator: ", "))"
    case .region(let allowed, let found):
      "runs in \(found ?? "an unknown region"), allowed are \(allowed.joined(separator: ", "))"
    case .budget(let cost, let left): "may cost \(cost) micro-dollars, \(left) are left"
    case .health(let health): "is \(health.rawValue)"
    case .notAllowed(let allowed): "is not among the allowed models: \(allowed.joined(separator: ", "))"
    case .denied: "is denied by policy"
    case .notLocal(let location): "runs on \(location.rawValue), the request must stay on this machine"
    case .latency(let p95, let limit):
      "answers within \(Int(p95.clamped)) ms at p95, the limit is \(Int(limit.clamped)) ms"
    }
  }

  /// The first constraint that `candidate` fails, in the order: health, policy, location, region, modality, tools, context
  /// window, latency, budget. A budget of nothing still pays for a model that costs nothing.
  static func first(
    of candidate: Candidate, for request: RouteRequest, promptTokens: Int, costMicros: Int
  ) -> Exclusion? {
    let constraints = request.constraints
    if candidate.health == .down { return .health(.down) }
    if constraints.deniedModels.contains(candidate.name) { return .denied }
    if let allowed = constraints.allowedModels, !allowed.contains(candidate.name) {
      return .notAllowed(allowed: allowed)
    }
    if constraints.localOnly, candidate.location != .local { return .notLocal(candidate.location) }
    if let regions = constraints.regions, !(candidate.region.map(regions.contains) ?? false) {
      return .region(allowed: regions, found: candidate.region)
    }
    let missing = request.modalities.filter { !candidate.modalities.contains($0) }
    if !missing.isEmpty { return .modality(missing: missing) }
    if request.toolCount > 0, !candidate.supportsTools { return .tools(offered: request.toolCount) }
    let (needed, overflow) = max(0, promptTokens).addingReportingOverflow(request.answerTokens)
    if overflow || needed > candidate.contextWindow {
      return .contextWindow(needed: overflow ? Int.max : needed, window: candidate.contextWindow)
    }
    if let limit = constraints.latencyLimit, let latency = candidate.latency, latency.isRecent, latency.p95 > limit {
      return .latency(p95: latency.p95, limit: limit)
    }
    if let left = constraints.budgetMicros, costMicros > left {
      return .budget(costMicros: costMicros, leftMicros: left)
    }
    return nil
  }
}

extension Double {
  /// The nearest number that an `Int` can hold; 0 for what is not a number.
  fileprivate var clamped: Double { isNaN ? 0 : Swift.max(-1e15, Swift.min(1e15, self)) }
}
