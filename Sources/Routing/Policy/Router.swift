/// Decides which model answers a request, and learns from what came of it.
///
/// A value: the node keeps one behind a lock, every decision is a function of the router, the request, the candidates, the
/// policy and the seed, and a copy of the router repeats it.
package struct Router: Sendable {
  /// How much exploration is allowed, and what the share policies wait for.
  package struct Settings: Sendable, Codable, Equatable {
    /// The largest share of decisions that may be settled by a posterior draw against the policy's own choice, 0 to 1; of any n
    /// decisions, at most one more than that.
    package var explorationCap = 0.02
    /// Decisions of a pair before its own traffic sets the threshold of a share policy; until then the share is drawn.
    package var trafficNeeded = 100

    package init() {}
  }

  /// Pairs whose gains are sketched at most; the share is drawn for further ones.
  static let sketchLimit = 32
  /// Requests after which a gain counts half for the threshold of a share.
  static let sketchHalfLife = 2_000.0

  package var predictor: QualityPredictor?
  package var settings: Settings
  private var feedback = FeedbackRecord()
  private var sketches: [String: QuantileSketch] = [:]
  private var levels = ShareLevels()
  private var affinity: SessionAffinity
  /// Explorations that the cap allows now, at most one: what was not used is not saved up, or it would all be used at once.
  private var explorationCredit = 0.0
  /// Decisions made, and those that exploration settled.
  package private(set) var decisions = 0
  package private(set) var explored = 0

  /// What a router has learned from the node's own traffic, for keeping over a restart.
  package struct Memory: Sendable, Codable, Equatable {
    var feedback: FeedbackRecord
    var sketches: [String: QuantileSketch]
    /// Nil in what was kept before there were any.
    var levels: ShareLevels?
    var affinity: SessionAffinity
    var decisions: Int
    var explored: Int
    /// Nil in what was kept before there was any.
    var explorationCredit: Double?
  }

  /// What it has learned; the predictor, which has a form of its own, is no part of it. The ages of conversations are kept
  /// as they are: they end with the clock that they were measured by.
  package var memory: Memory {
    get {
      Memory(
        feedback: feedback, sketches: sketches, levels: levels, affinity: affinity, decisions: decisions,
        explored: explored, explorationCredit: explorationCredit)
    }
    set {
      feedback = newValue.feedback
      sketches = newValue.sketches
      levels = newValue.levels ?? ShareLevels()
      affinity.adopt(newValue.affinity)
      decisions = max(0, newValue.decisions)
      explored = max(0, min(newValue.explored, newValue.decisions))
      explorationCredit = max(0, min(1, newValue.explorationCredit ?? 0))
    }
  }

  /// A router without memory; without a predictor, qualities are the candidates' assumed ones, corrected by feedback.
  package init(
    predictor: QualityPredictor? = nil, settings: Settings = Settings(), affinity: SessionAffinity = SessionAffinity()
  ) {
    self.predictor = predictor
    self.settings = settings
    self.affinity = affinity
  }

  /// Chooses a model for `request`.
  ///
  /// Hard constraints come first; then the conversation's earlier model if it still passes them; then the policy; then, within
  /// its cap, exploration by Thompson sampling.
  ///
  /// - Parameters:
  ///   - features: those of `request.prompt`, where they are known already.
  ///   - seed: fixes every draw of this decision.
  ///   - time: seconds from any origin, for the age of conversations.
  /// - Throws: `noCandidate` with every candidate's exclusion, or `invalidSetting` of the policy.
  package mutating func decide(
    _ request: RouteRequest, among candidates: [Candidate], policy: RoutePolicy, seed: UInt64,
    features: PromptFeatures? = nil, at time: Double = 0
  ) throws(RoutingError) -> RouteDecision {
    try policy.validate()
    let features = features ?? PromptFeatures(request.prompt, embedding: request.embedding)
    var generator = SeededGenerator(seed: seed)
    let considered = weigh(request, candidates, features, &generator)
    let eligible = considered.filter { $0.excluded == nil }
    guard !eligible.isEmpty else {
      // What the request names nobody for comes last: there may be hundreds.
      let isNamed = considered.map { if case .notAllowed? = $0.excluded { false } else { true } }
      let ordered = zip(considered, isNamed).filter(\.1) + zip(considered, isNamed).filter { !$0.1 }
      throw .noCandidate(
        reasons: ordered.map { "\($0.0.name) \($0.0.excluded?.description ?? "")" },
        exclusions: considered.compactMap(\.excluded))
    }
    var decision = RouteDecision(
      policy: policy, profile: features.profile, seed: seed, chosen: "", basis: .policy, greedy: "",
      candidates: considered, explorationCap: settings.explorationCap,
      exploredShare: decisions == 0 ? 0 : Double(explored) / Double(decisions))
    if case .strongShare(let share) = policy {
      let (gain, threshold) = threshold(of: eligible, share: share, draw: generator.unit())
      decision.gain = gain
      decision.gainThreshold = threshold
    }
    guard let greedy = Choice.best(of: eligible, policy: policy, gainThreshold: decision.gainThreshold, drawn: false)
    else { throw .noCandidate(reasons: []) }
    decision.greedy = greedy.name
    decision.chosen = greedy.name
    decision.basis = greedy.relaxed ? .fallback : .policy
    for (candidate, score) in zip(eligible, greedy.scores) where score.isFinite {
      if let index = decision.candidates.firstIndex(where: { $0.name == candidate.name }) {
        decision.candidates[index].score = score
      }
    }
    explorationCredit = min(1, explorationCredit + settings.explorationCap)
    if let session = request.session, let model = affinity.model(of: session, at: time),
      eligible.contains(where: { $0.name == model })
    {
      decision.chosen = model
      decision.basis = .session
    } else if let other = explore(eligible, policy, decision, greedy: greedy.name) {
      decision.chosen = other
      decision.basis = .exploration
      explored += 1
      explorationCredit = max(0, explorationCredit - 1)
    }
    decisions += 1
    if let session = request.session { affinity.remember(session, decision.chosen, at: time) }
    return decision
  }

  /// Learns from a judgement of an answer: corrects the model's posterior in the request's domain, and the predictor.
  ///
  /// - Parameters:
  ///   - earlier: the judgement of the same answer, of the same kind, that this one takes the place of; nil where there is none.
  ///   - head: the name by which the predictor knows the model; nil for its own.
  package mutating func learn(
    _ feedback: QualityFeedback, insteadOf earlier: QualityFeedback? = nil, features: PromptFeatures,
    head: String? = nil
  ) {
    if let earlier {
      self.feedback.replace(earlier, by: feedback, domain: features.profile.domain)
    } else {
      self.feedback.add(feedback, domain: features.profile.domain)
    }
    predictor?.learn(
      head ?? feedback.model, quality: feedback.quality, weight: feedback.source.weight, features: features)
  }

  private func weigh(
    _ request: RouteRequest, _ candidates: [Candidate], _ features: PromptFeatures, _ generator: inout SeededGenerator
  ) -> [RouteDecision.Considered] {
    let estimates = predictor?.estimates(for: features) ?? []
    let promptTokens = request.promptTokens ?? features.profile.promptTokens
    let domain = features.profile.domain
    return candidates.map { candidate in
      let estimate = estimates.first { $0.model == candidate.predictedAs ?? candidate.name }
      let assumed =
        estimate?.probability
        ?? QualityPrior.quality(candidate.assumedQuality, complexity: features.profile.complexity.overall)
      let posterior = feedback.posterior(of: candidate.name, domain: domain, estimate: assumed)
      let cost = candidate.price.micros(input: promptTokens, output: request.answerTokens)
      let evidence = feedback.evidence(of: candidate.name, domain: domain)
      return RouteDecision.Considered(
        name: candidate.name,
        excluded: Exclusion.first(of: candidate, for: request, promptTokens: promptTokens, costMicros: cost),
        quality: posterior.good / (posterior.good + posterior.bad),
        evidence: (estimate?.examples ?? 0) + Int(evidence),
        drawnQuality: settings.explorationCap > 0 ? generator.beta(posterior.good, posterior.bad) : 0, costMicros: cost,
        latency: candidate.latency.map { candidate.health == .degraded ? $0.p95 : $0.p50 }.flatMap {
          $0.isFinite ? $0 : nil
        },
        score: nil)
    }
  }

  private mutating func threshold(
    of eligible: [RouteDecision.Considered], share: Double, draw: Double
  ) -> (gain: Double, threshold: Double) {
    let pair = Choice.pair(eligible)
    let gain = eligible[pair.strong].quality - eligible[pair.weak].quality
    let key = "\(eligible[pair.weak].name)\n\(eligible[pair.strong].name)"
    let level = levels.level(of: key, share: share)
    var position = draw
    var threshold = gain
    if let sketch = sketches[key], sketch.count >= settings.trafficNeeded {
      position = sketch.rank(of: gain, draw: draw)
      threshold = sketch.quantile(1 - level)
    }
    if sketches[key] != nil || sketches.count < Self.sketchLimit {
      sketches[key, default: QuantileSketch(halfLife: Self.sketchHalfLife)].insert(gain)
    }
    // The stored threshold always separates as the rank did, also among equal gains.
    let callsStrong = share >= 1 || share > 0 && position >= 1 - level
    levels.note(callsStrong, of: key, share: share)
    if callsStrong, gain <= threshold { threshold = gain.nextDown }
    if !callsStrong, gain > threshold { threshold = gain }
    return (gain, threshold)
  }

  private func explore(
    _ eligible: [RouteDecision.Considered], _ policy: RoutePolicy, _ decision: RouteDecision, greedy: String
  ) -> String? {
    // Sums of shares such as 0.05 are not exact.
    guard settings.explorationCap > 0, explorationCredit >= 1 - 1e-9 else { return nil }
    let drawn = Choice.best(of: eligible, policy: policy, gainThreshold: decision.gainThreshold, drawn: true)
    guard let name = drawn?.name, name != greedy else { return nil }
    return name
  }
}
