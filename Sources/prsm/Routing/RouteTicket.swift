import Metering
import ModelInterface
import Routing

/// One request's route, from the choice to its settlement.
struct RouteTicket: Sendable {
  /// Which side of an experiment or a release a request is on.
  enum Arm: Sendable, Equatable {
    case experiment(String)
    case canary(String, CanaryRelease.Arm)
  }

  /// Unique within this node.
  let id: String
  /// The name that was asked for.
  let name: String
  /// Who asked. The prompt itself is not kept.
  let context: RequestContext
  /// What the budget leaves for it; nil for no limit.
  let remaining: Money?
  let features: PromptFeatures
  var decision: RouteDecision
  var arm: Arm?
  private var tried: Set<String> = []
  private var allowsDearer = true

  init(
    id: String, request: GenerationRequest, decision: RouteDecision, features: PromptFeatures, arm: Arm?,
    remaining: Money?
  ) {
    self.id = id
    name = request.model
    context = request.context
    self.decision = decision
    self.features = features
    self.arm = arm
    self.remaining = remaining
  }

  /// The model that was chosen.
  var model: String { decision.chosen }

  /// The models that answer where the chosen one cannot, in order: what the policy would choose without those before, and what
  /// fits the budget.
  var fallbacks: [String] {
    let chosen = decision.candidates.first { $0.name == decision.chosen }
    let limit = allowsDearer ? Int.max : chosen?.costMicros ?? 0
    var names: [String] = []
    while names.count < 3,
      let next = decision.best(where: {
        $0.name != decision.chosen && $0.costMicros <= limit && !names.contains($0.name)
      })
    { names.append(next.name) }
    return names
  }

  /// Does without the fallbacks that are dearer than what was chosen, so that no more has to be set aside.
  ///
  /// - Returns: false where there is none.
  mutating func leavesDearer() -> Bool {
    let before = fallbacks
    allowsDearer = false
    return fallbacks != before
  }

  /// Chooses again, by the same policy among those that are cheaper than what was chosen.
  ///
  /// - Returns: false where there is none.
  mutating func cheaperThanChosen() -> Bool {
    guard let chosen = decision.candidates.first(where: { $0.name == decision.chosen }) else { return false }
    tried.insert(chosen.name)
    guard let next = decision.best(where: { $0.costMicros < chosen.costMicros && !tried.contains($0.name) }) else {
      return false
    }
    decision.chosen = next.name
    decision.basis = .budget
    arm = nil
    return true
  }

  /// The value of the `x-prsm-route` header.
  var header: String { "id=\(id); \(decision.header)" }
}

/// What is remembered of a route.
struct RouteRecord: Sendable {
  /// What became of it.
  struct Outcome: Sendable {
    var model: String?
    var outcome: String
    var milliseconds: Double
    var usage: Usage
    var cost: Money
  }

  var ticket: RouteTicket
  /// Seconds since 1970.
  var time: Double
  /// The model that was admitted.
  var admitted: String?
  /// Why it was not admitted.
  var refusal: String?
  /// Models that failed before their first event, and were followed by another.
  var failed: [(model: String, reason: String)] = []
  /// When the last of them had failed, in seconds since 1970.
  var lastFailure: Double?
  var outcome: Outcome?
  /// The judgements so far; of each source the last one holds.
  var judgements: [QualityFeedback] = []

  /// Judgements of one answer, changes of mind included, that are taken into account at most.
  static let judgementLimit = 16

  /// Whether the answer of a model was good, for experiments: it is one outcome, whoever judged it. An answer that did not come
  /// was not; else people are believed before judges. Nil while nobody has said so.
  func isGood(_ model: String) -> Bool? {
    if outcome?.outcome == "failed" || failed.contains(where: { $0.model == model }) { return false }
    let own = judgements.filter { $0.model == model }
    return (own.last { $0.source == .person } ?? own.last { $0.source == .judge }).map { $0.quality >= 0.5 }
  }
}

/// The latest routes, the oldest forgotten first.
struct RouteLog: Sendable {
  /// How many are remembered.
  static let capacity = 4_096

  private var records: [String: RouteRecord] = [:]
  private var order: [String] = []
  private var head = 0
  /// Several where a virtual model leaves the choice of its members to the node.
  private var byRequest: [String: [String]] = [:]

  /// A route by its identifier.
  subscript(id: String) -> RouteRecord? {
    get { records[id] }
    set { if records[id] != nil, let newValue { records[id] = newValue } }
  }

  /// A route by its identifier, or the latest of its request.
  func find(_ name: String) -> RouteRecord? {
    records[name] ?? byRequest[name]?.last.flatMap { records[$0] }
  }

  /// The latest route by which a request went to this model first, with these to follow.
  func find(request: String, model: String, fallbacks: [String]) -> RouteRecord? {
    byRequest[request]?.reversed().lazy.compactMap { records[$0] }.first {
      $0.outcome == nil && $0.admitted == model && $0.ticket.fallbacks == fallbacks
    }
  }

  mutating func add(_ record: RouteRecord) {
    let id = record.ticket.id
    records[id] = record
    byRequest[record.ticket.context.requestID, default: []].append(id)
    if order.count < Self.capacity {
      order.append(id)
      return
    }
    let old = order[head]
    if let forgotten = records.removeValue(forKey: old) {
      let request = forgotten.ticket.context.requestID
      // The oldest of all is the oldest of its request.
      if byRequest[request]?.first == old { byRequest[request]?.removeFirst() }
      if byRequest[request]?.isEmpty == true { byRequest[request] = nil }
    }
    order[head] = id
    head = (head + 1) % Self.capacity
  }

  /// The latest, the newest first, of those that a reader may see.
  func latest(_ count: Int, where isVisible: (RouteRecord) -> Bool) -> [RouteRecord] {
    var found: [RouteRecord] = []
    for offset in 0..<order.count where found.count < count {
      let index = (head + order.count - 1 - offset) % order.count
      if let record = records[order[index]], isVisible(record) { found.append(record) }
    }
    return found
  }
}
