import Routing
import Testing

@Suite struct QualityPredictorTests {
  /// Requests in which the weak model fails whenever several numbers occur, and the strong one seldom.
  static func records(_ count: Int, seed: UInt64) -> [RoutingRecord] {
    var generator = SeededGenerator(seed: seed)
    let nouns = ["apples", "books", "cars", "coins", "boxes", "pens"]
    return (0..<count).map { _ in
      let noun = nouns[generator.index(below: nouns.count)]
      let hard = generator.unit() < 0.5
      let prompt =
        hard
        ? "If Ann has \(generator.index(below: 90)) \(noun) and buys \(generator.index(below: 90)) more each week, "
          + "then gives half of them away, how many remain after \(generator.index(below: 9)) weeks?"
        : "Tell me something nice about \(noun), please."
      return RoutingRecord(
        prompt: prompt, weakCorrect: generator.unit() < (hard ? 0.2 : 0.9), strongCorrect: generator.unit() < 0.95)
    }
  }

  @Test func learnsWhichRequestsTheWeakModelFails() throws {
    let predictor = try QualityPredictor.train(on: Self.records(400, seed: 1))
    let hard = PromptFeatures("If Tom has 12 pens and buys 7 more each week, how many remain after 5 weeks?")
    let easy = PromptFeatures("Tell me something nice about coins, please.")
    let onHard = try #require(predictor.probability(of: RoutingRecord.weak, for: hard))
    let onEasy = try #require(predictor.probability(of: RoutingRecord.weak, for: easy))
    #expect(onHard < 0.4)
    #expect(onEasy > 0.7)
    #expect(try #require(predictor.probability(of: RoutingRecord.strong, for: hard)) > 0.8)
    #expect(predictor.probability(of: "another", for: hard) == nil)
  }

  @Test func theSameSeedTrainsTheSamePredictor() throws {
    let records = Self.records(200, seed: 2)
    let quick = RoutingPriorTests.quick
    let first = try QualityPredictor.train(on: records, settings: quick, seed: 5)
    #expect(try QualityPredictor.train(on: records, settings: quick, seed: 5) == first)
    #expect(try QualityPredictor.train(on: records, settings: quick, seed: 6) != first)
  }

  @Test func feedbackMovesThePredictionOfSuchRequests() throws {
    var predictor = try QualityPredictor.train(on: Self.records(200, seed: 3), prior: nil)
    let features = PromptFeatures("Tell me something nice about boxes, please.")
    let before = try #require(predictor.probability(of: RoutingRecord.weak, for: features))
    for _ in 0..<40 { predictor.learn(RoutingRecord.weak, quality: 0, weight: 1, features: features) }
    let after = try #require(predictor.probability(of: RoutingRecord.weak, for: features))
    #expect(after < before - 0.1)
  }

  @Test func tooFewRecordsAreRefused() {
    #expect(throws: RoutingError.tooFewRecords(found: 1, needed: 2)) {
      try QualityPredictor.train(on: Self.records(1, seed: 1))
    }
  }

  @Test func anEmbeddingTellsApartWhatTextCannot() throws {
    var generator = SeededGenerator(seed: 8)
    let records = (0..<200).map { _ in
      let hard = generator.unit() < 0.5
      return RoutingRecord(
        prompt: "What is it?", outcomes: ["m": hard ? 0 : 1], embedding: hard ? [3, 0.1, 0] : [0, 0.1, 3])
    }
    let predictor = try QualityPredictor.train(on: records)
    func estimate(_ embedding: [Float]?) throws -> Double {
      try #require(predictor.probability(of: "m", for: PromptFeatures("What is it?", embedding: embedding)))
    }
    #expect(try estimate([5, 0, 0]) < 0.3)
    #expect(try estimate([0, 0, 5]) > 0.7)
    for odd in [nil, [], [1], [.nan, 0, 0]] as [[Float]?] {
      #expect((0.3...0.7).contains(try estimate(odd)))
    }
    #expect(try QualityPredictor(decoding: predictor.encoded()) == predictor)
  }

  @Test func aStoredPredictorIsReadBackEqual() throws {
    let predictor = try QualityPredictor.train(on: Self.records(300, seed: 4), settings: RoutingPriorTests.quick)
    #expect(try QualityPredictor(decoding: predictor.encoded()) == predictor)
  }

  @Test func anyDamageToAStoredPredictorIsNoticed() throws {
    let bytes = try QualityPredictor.train(on: Self.records(100, seed: 5), settings: RoutingPriorTests.quick).encoded()
    var generator = SeededGenerator(seed: 9)
    for _ in 0..<50 {
      var damaged = bytes
      damaged[generator.index(below: bytes.count)] ^= UInt8(1 + generator.index(below: 255))
      #expect(throws: RoutingError.self) { try QualityPredictor(decoding: damaged) }
      let cut = Array(bytes.prefix(generator.index(below: bytes.count)))
      #expect(throws: RoutingError.self) { try QualityPredictor(decoding: cut) }
    }
    #expect(throws: RoutingError.self) { try QualityPredictor(decoding: []) }
  }

  @Test func anotherVersionIsNamed() throws {
    var bytes = try QualityPredictor.train(on: Self.records(100, seed: 6), settings: RoutingPriorTests.quick).encoded()
    bytes[8] = 99
    #expect(throws: RoutingError.unsupportedVersion(found: 99, supported: QualityPredictor.formatVersion)) {
      try QualityPredictor(decoding: bytes)
    }
  }
}
