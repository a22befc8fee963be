import Testing

@testable import Routing

/// What was learned beforehand helps where labels are few, is ignored where it is wrong, and judges nothing that it saw.
@Suite struct RoutingPriorTests {
  static let prior = Result {
    try RoutingPrior.train(on: [
      ("numbers", QualityPredictorTests.records(240, seed: 11)), ("capitals", capitals(60, seed: 12)),
    ])
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
    let alone = try QualityPredictor.train(on: few, prior: nil)
    let guided = try QualityPredictor.train(on: few, prior: prior)
    let blend = try #require(guided.blend)
    #expect(blend.expert == prior.experts.firstIndex { $0.subject == "numbers" })
    #expect(blend.share > 0.7)
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
    let predictor = try QualityPredictor.train(on: contrary, prior: prior)
    #expect((predictor.blend?.share ?? 0) < 0.25)
  }

  @Test func itDoesNotJudgeWhatItHasSeen() throws {
    let prior = try Self.prior.get()
    let records = QualityPredictorTests.records(240, seed: 11)
    #expect(records.allSatisfy { prior.hasSeen($0.prompt) })
    #expect(!prior.hasSeen("Why is the sky blue?"))
    #expect(try QualityPredictor.train(on: Array(records.prefix(100)), prior: prior).blend == nil)
  }

  @Test func damagedBytesAreRefused() throws {
    let bytes = try Self.prior.get().encoded()
    for cut in [0, 7, 9, 30, bytes.count / 2, bytes.count - 1] {
      #expect(throws: RoutingError.self) { try RoutingPrior(decoding: Array(bytes.prefix(cut))) }
    }
  }
}
