/// What `prsm route evaluate FILE` measures of a file of labelled pairs: ours by cross-validation, beside the prompt-length
/// router, a random router and the oracle.
package struct RouteEvaluation: Sendable, Equatable {
  /// A router's curve in three numbers, with 95 % bootstrap intervals over records.
  package struct Figures: Sendable, Equatable {
    package var apgr: Double
    package var apgrInterval: BootstrapInterval
    /// The smallest share of strong calls that recovers half of the quality gap.
    package var cpt50: Double
    package var cpt50Interval: BootstrapInterval
    /// The same for 80 % of it.
    package var cpt80: Double
    package var cpt80Interval: BootstrapInterval
  }

  package var records: Int
  /// How often cross-validation was repeated; figures are means over the rounds.
  package var rounds: Int
  package var weakQuality: Double
  package var strongQuality: Double
  package var ours: Figures
  package var length: Figures
  package var random: Figures
  package var oracleAPGR: Double
  /// 95 % paired bootstrap of our APGR less the length router's, on the same resamples.
  package var overLength: BootstrapInterval
  /// The 99th percentile of a whole decision in microseconds: features, estimates, constraints, scores.
  package var decisionP99Microseconds: Double
  /// The share of always-strong's cost that the cascade saves at 95 % of the strong model's quality.
  package var costSavedAt95: Double
  /// The same when a perfect judge tells right answers from wrong: what no cascade can beat.
  package var costSavedAt95Bound: Double
  /// The same with a judge that is right about `assumedJudge` of the weak model's answers, whose cost is counted.
  package var costSavedAt95Judged: Double
  /// How often a judge has to be right for half to be saved; above 1 where none is enough.
  package var judgeNeeded: Double
  /// The mean absolute difference between predicted and observed share of good answers, over ten bins, of both models.
  package var calibrationError: Double
  /// The share of the built-in prior's labels among all behind the predictions, 0 to 1; 0 where it was left out.
  package var priorShare: Double
  /// Records that the built-in prior was trained on; with more than one in a hundred it is left out.
  package var priorOverlap = 0

  /// How often the judge is right with which `costSavedAt95Judged` is reckoned.
  package static let assumedJudge = 0.8

  /// How an evaluation is made.
  package struct Settings: Sendable {
    package var folds = 5
    /// Cross-validation is repeated on new folds until so many predictions were made, at most ten times, and its figures are
    /// means: in a small file the luck of the folds would otherwise weigh as much as the router.
    package var predictions = 6000
    package var resamples = 1000
    package var seed: UInt64 = 1
    package var training = QualityPredictor.Training()
    /// What predictors start from; it is left out where it was trained on more than one in a hundred of the records.
    package var prior = RoutingPrior.builtIn
    package var cascade = CascadePrices()
    /// So many decisions are timed, on the same records again where there are fewer: of some hundred, the 99th percentile
    /// would be a handful of interruptions.
    package var timedDecisions = 10_000

    package init() {}
  }

  /// Evaluates records that have outcomes for `RoutingRecord.weak` and `RoutingRecord.strong`; others are passed over.
  ///
  /// - Parameters:
  ///   - records: the labelled file, in its order.
  ///   - nanoseconds: a monotonic clock, in nanoseconds from any origin; used only for `decisionP99Microseconds`.
  ///   - progress: told the finished share of the work, 0 to 1.
  /// - Throws: `otherOutcomes` where no record has both, `tooFewRecords` for fewer than ten a fold, `noQualityGap` when
  ///   strong is not better than weak.
  package init(
    of records: [RoutingRecord], settings: Settings = Settings(), nanoseconds: () -> UInt64,
    progress: (Double) -> Void = { _ in }
  ) throws(RoutingError) {
    let pairs = records.filter { $0.outcomes[RoutingRecord.weak] != nil && $0.outcomes[RoutingRecord.strong] != nil }
    if pairs.isEmpty, !records.isEmpty {
      throw .otherOutcomes(
        expected: [RoutingRecord.weak, RoutingRecord.strong],
        found: Set(records.flatMap(\.outcomes.keys)).sorted(), records: records.count)
    }
    guard pairs.count >= 10 * settings.folds else {
      throw .tooFewRecords(found: pairs.count, needed: 10 * settings.folds)
    }
    let examples = pairs.map { (record: $0, features: PromptFeatures($0.prompt, embedding: $0.embedding)) }
    var settings = settings
    if let prior = settings.prior {
      let known = pairs.count { prior.hasSeen($0.prompt) }
      priorOverlap = known
      if Double(known) > RoutingPrior.overlapLimit * Double(pairs.count) { settings.prior = nil }
    }
    let rounds = max(1, min(10, settings.predictions / pairs.count))
    var repeated: [PairScores] = []
    for round in 0..<rounds {
      var drawn = settings
      drawn.seed = settings.seed &+ UInt64(round) &* 1000
      repeated.append(
        try PairScores.crossValidated(examples, settings: drawn) { share in
          progress(0.8 * (Double(round) + share) / Double(rounds))
        })
    }
    let scores = repeated[0]
    self.records = pairs.count
    weakQuality = scores.weak.reduce(0, +) / Double(pairs.count)
    strongQuality = scores.strong.reduce(0, +) / Double(pairs.count)
    oracleAPGR = try GainCurve(scores: scores.oracle, weak: scores.weak, strong: scores.strong).apgr
    let bootstrap = try Bootstrap(repeated, resamples: settings.resamples, seed: settings.seed)
    ours = bootstrap.ours
    length = bootstrap.length
    random = bootstrap.random
    overLength = bootstrap.overLength
    progress(0.9)
    let tokens = examples.map(\.features.profile.promptTokens)
    let cascades = repeated.map { CascadeCost(scores: $0, prompts: tokens, settings.cascade) }
    costSavedAt95 = cascades.reduce(0) { $0 + $1.saved(quality: 0.95) } / Double(rounds)
    costSavedAt95Bound = cascades.reduce(0) { $0 + $1.savedWithPerfectJudge(quality: 0.95) } / Double(rounds)
    costSavedAt95Judged =
      cascades.reduce(0) { $0 + $1.saved(quality: 0.95, judge: Self.assumedJudge) } / Double(rounds)
    judgeNeeded =
      cascades.reduce(0) { $0 + ($1.judgeNeeded(saving: 0.5, quality: 0.95) ?? 1.01) } / Double(rounds)
    calibrationError = repeated.reduce(0) { $0 + $1.calibrationError } / Double(rounds)
    self.rounds = rounds
    let whole = try QualityPredictor.train(
      on: examples, settings: settings.training, seed: settings.seed, prior: settings.prior)
    priorShare = Double(whole.priorShare)
    decisionP99Microseconds = Self.timeDecisions(
      pairs, predictor: whole, limit: settings.timedDecisions, nanoseconds: nanoseconds)
    progress(1)
  }

  private static func timeDecisions(
    _ records: [RoutingRecord], predictor: QualityPredictor, limit: Int, nanoseconds: () -> UInt64
  ) -> Double {
    let prices = CascadePrices()
    let candidates = [
      Candidate(name: RoutingRecord.weak, price: prices.weak),
      Candidate(name: RoutingRecord.strong, price: prices.strong),
    ]
    var router = Router(predictor: predictor)
    var times: [UInt64] = []
    for index in 0..<limit {
      let request = RouteRequest(prompt: records[index % records.count].prompt)
      let start = nanoseconds()
      _ = try? router.decide(request, among: candidates, policy: .balanced(), seed: UInt64(index))
      times.append(nanoseconds() &- start)
    }
    times.sort()
    guard let last = times.last else { return 0 }
    let position = min(times.count - 1, (times.count * 99) / 100)
    return Double(min(last, times[position])) / 1000
  }
}

extension RouteEvaluation: Encodable {
  /// One flat object, every figure a number, as `prsm route evaluate --json` prints it.
  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FigureName.self)
    for (name, value) in figures { try container.encode(value, forKey: FigureName(stringValue: name)) }
    try container.encode(records, forKey: FigureName(stringValue: "records"))
    try container.encode(rounds, forKey: FigureName(stringValue: "rounds"))
  }

  /// Every figure by its printed name, in the order in which a table shows them.
  package var figures: [(name: String, value: Double)] {
    var list: [(name: String, value: Double)] = []
    for (prefix, router) in [("", ours), ("length_", length), ("random_", random)] {
      list.append(("\(prefix)apgr", router.apgr))
      list.append(("\(prefix)apgr_low", router.apgrInterval.low))
      list.append(("\(prefix)apgr_high", router.apgrInterval.high))
      list.append(("\(prefix)cpt50", router.cpt50))
      list.append(("\(prefix)cpt50_low", router.cpt50Interval.low))
      list.append(("\(prefix)cpt50_high", router.cpt50Interval.high))
      list.append(("\(prefix)cpt80", router.cpt80))
      list.append(("\(prefix)cpt80_low", router.cpt80Interval.low))
      list.append(("\(prefix)cpt80_high", router.cpt80Interval.high))
    }
    list += [
      ("oracle_apgr", oracleAPGR), ("over_length_low", overLength.low), ("over_length_high", overLength.high),
      ("decision_p99_us", decisionP99Microseconds), ("cost_saved_at_95", costSavedAt95),
      ("cost_saved_at_95_bound", costSavedAt95Bound), ("cost_saved_at_95_judge_80", costSavedAt95Judged),
      ("judge_accuracy_for_50", judgeNeeded), ("calibration_error", calibrationError),
      ("weak_quality", weakQuality), ("strong_quality", strongQuality),
      ("prior_share", priorShare),
    ]
    return list
  }

  private struct FigureName: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
