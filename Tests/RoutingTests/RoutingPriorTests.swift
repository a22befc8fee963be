import Testing

@testable import Routing

/// What was learned beforehand helps where labels are few, is ignored where it is wrong, and judges nothing that it saw.
@Suite struct RoutingPriorTests {
  static let prior = Result {
    try RoutingPrior.train(
      on: [("numbers", QualityPredictorTests.records(240, seed: 11)), ("capitals", capitals(60, seed: 12))],
      settings: quick, curvature: small)
  }

  /// Training that an unoptimised build does in a moment.
  static var quick: QualityPredictor.Training {
    var settings = QualityPredictor.Training()
    settings.passes = 2
    settings.trees.trees = 10
    settings.treeRuns = 1
    return settings
  }

  /// A curvature that an unoptimised build finds in a moment.
  static var small: PriorCurvature.Shape {
    var shape = PriorCurvature.Shape()
    shape.buckets = 64
    shape.directions = 24
    shape.rounds = 15
    return shape
  }

  /// The prior's own kind of requests, none of which it has seen.
  static func unseen(_ count: Int, seed: UInt64) -> [RoutingRecord] {
    QualityPredictorTests.records(count, seed: seed).enumerated().map { index, record in
      RoutingRecord(prompt: "\(record.prompt) Be quick, number \(seed) \(index)!", outcomes: record.outcomes)
    }
  }

  /// Requests of another subject, in which the weak model fails on rare countries.
  static func capitals(_ count: Int, seed: UInt64) -> [RoutingRecord] {
    var generator = SeededGenerator(seed: seed)
    let common = ["France", "Spain", "Italy", "Japan"]
    let rare = ["Kiribati", "Comoros", "Nauru", "Vanuatu"]
    return (0..<count).map { index in
      let isRare = generator.unit() < 0.5
      let name = (isRare ? rare : common)[generator.index(below: 4)]
      return RoutingRecord(
        prompt: "Which town is the capital of \(name)? Answer number \(index) of the quiz.\nA. one\nB. two",
        weakCorrect: generator.unit() < (isRare ? 0.3 : 0.9), strongCorrect: generator.unit() < 0.95)
    }
  }

  @Test func theProgramHasOne() throws {
    let prior = try #require(RoutingPrior.builtIn)
    #expect(prior.experts.map(\.subject) == ["gsm8k", "mmlu"])
    #expect(try RoutingPrior(decoding: prior.encoded()) == prior)
  }

  @Test func fewLabelsLeanOnIt() throws {
    let prior = try Self.prior.get()
    let few = Self.unseen(30, seed: 13)
    let alone = try QualityPredictor.train(on: few, settings: Self.quick, prior: nil)
    let guided = try QualityPredictor.train(on: few, settings: Self.quick, prior: prior)
    #expect(guided.rarity == prior.experts.first { $0.subject == "numbers" }?.predictor.rarity)
    #expect(guided.priorShare > 0.7)
    var losses = (alone: 0.0, guided: 0.0)
    for record in Self.unseen(200, seed: 14) {
      let features = PromptFeatures(record.prompt)
      let outcome = record.outcomes[RoutingRecord.weak] ?? 0
      let first = try #require(alone.probability(of: RoutingRecord.weak, for: features)) - outcome
      let second = try #require(guided.probability(of: RoutingRecord.weak, for: features)) - outcome
      losses.alone += first * first
      losses.guided += second * second
    }
    #expect(losses.guided < losses.alone)
  }

  @Test func labelsThatContradictItAreBelieved() throws {
    let prior = try Self.prior.get()
    let contrary = Self.unseen(150, seed: 15).map { record in
      RoutingRecord(
        prompt: record.prompt,
        outcomes: [
          RoutingRecord.weak: 1 - (record.outcomes[RoutingRecord.weak] ?? 0),
          RoutingRecord.strong: 1 - (record.outcomes[RoutingRecord.strong] ?? 0),
        ])
    }
    let predictor = try QualityPredictor.train(on: contrary, settings: Self.quick, prior: prior)
    #expect(predictor.priorShare < 0.25)
  }

  @Test func itDoesNotJudgeWhatItHasSeen() throws {
    let prior = try Self.prior.get()
    let records = QualityPredictorTests.records(240, seed: 11)
    #expect(records.allSatisfy { prior.hasSeen($0.prompt) })
    #expect(!prior.hasSeen("Why is the sky blue?"))
    #expect(try QualityPredictor.train(on: Array(records.prefix(100)), prior: prior).priorShare == 0)
  }

  /// The point of it: a start from an expert's weights and curvature is worth the expert's own labels.
  @Test func startingFromAnExpertIsTrainingOnItsLabelsToo() {
    var generator = SeededGenerator(seed: 21)
    /// Rows and their opposites, with opposite labels, so that no constant is learned.
    func labelled(_ count: Int) -> (rows: [TrainingRow], labels: [Float]) {
      var rows: [TrainingRow] = []
      var labels: [Float] = []
      for _ in 0..<count {
        // Measures that go together: some directions come to be known well, others hardly.
        let common = Float(generator.unit()) - 0.5
        let dense = (0..<6).map { Float($0) * common + Float(generator.unit()) - 0.5 }
        let bucket = UInt16(100 + generator.index(below: 5))
        let label = dense[1] - 0.5 * dense[4] + (bucket == 102 ? 1 : 0) + Float(generator.unit()) - 0.5
        for sign in [1, -1] as [Float] {
          let grams = GramVector(indices: [3, 70, bucket], values: [0.6 * sign, common * sign, 0.5 * sign])
          rows.append(TrainingRow(grams: grams, dense: dense.map { $0 * sign }))
          labels.append(label * sign)
        }
      }
      return (rows, labels)
    }
    func fit(_ rows: [TrainingRow], _ labels: [Float], _ curvature: PriorCurvature? = nil) -> LinearModel {
      LinearModel.fit(rows, labels, penalty: 2, passes: 300, curvature: curvature, using: &generator)
    }
    let known = labelled(40)
    var new = labelled(12)
    let together = fit(known.rows + new.rows, known.labels + new.labels)
    let alone = fit(new.rows, new.labels)
    let expert = fit(known.rows, known.labels)
    let curvature = PriorCurvature(of: known.rows, penalty: 2, shape: Self.small)
    for index in new.rows.indices { new.rows[index].known = curvature.components(of: new.rows[index]) }
    let residuals = new.rows.indices.map {
      new.labels[$0] - expert.predict(new.rows[$0].grams, new.rows[$0].dense)
    }
    let change = fit(new.rows, residuals, curvature)
    var errors = (started: Float(0), alone: Float(0))
    for row in labelled(20).rows {
      let wanted = together.predict(row.grams, row.dense)
      errors.started = max(
        errors.started,
        abs(expert.predict(row.grams, row.dense) + change.predict(row.grams, row.dense) - wanted))
      errors.alone = max(errors.alone, abs(alone.predict(row.grams, row.dense) - wanted))
    }
    #expect(errors.started < 0.02)
    #expect(errors.alone > 0.1)
  }

  @Test func damagedBytesAreRefused() throws {
    let bytes = try Self.prior.get().encoded()
    for cut in [0, 7, 9, 30, bytes.count / 2, bytes.count - 1] {
      #expect(throws: RoutingError.self) { try RoutingPrior(decoding: Array(bytes.prefix(cut))) }
    }
  }
}
