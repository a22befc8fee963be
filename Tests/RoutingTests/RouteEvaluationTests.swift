import Foundation
import Routing
import Testing

@Suite struct RouteEvaluationTests {
  /// The labelled outcomes beside the repository, as plain JSON lines, where the machine has them and can unpack them.
  private static let shared = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data/routellm")

  private static func available(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: shared.appendingPathComponent(name).path)
      && FileManager.default.fileExists(atPath: "/bin/gzip")
  }

  private struct Line: Decodable {
    var prompt: String
    var weakCorrect: Bool
    var strongCorrect: Bool

    enum CodingKeys: String, CodingKey {
      case prompt
      case weakCorrect = "weak_correct"
      case strongCorrect = "strong_correct"
    }
  }

  private static func records(_ name: String) throws -> [RoutingRecord] {
    let unpack = Process()
    unpack.executableURL = URL(fileURLWithPath: "/bin/gzip")
    unpack.arguments = ["-dc", shared.appendingPathComponent(name).path]
    let output = Pipe()
    unpack.standardOutput = output
    try unpack.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    unpack.waitUntilExit()
    return try data.split(separator: UInt8(ascii: "\n")).map {
      let line = try JSONDecoder().decode(Line.self, from: $0)
      return RoutingRecord(prompt: line.prompt, weakCorrect: line.weakCorrect, strongCorrect: line.strongCorrect)
    }
  }

  /// Settings that an unoptimised build evaluates in a moment.
  private static func quick(resamples: Int, predictions: Int) -> RouteEvaluation.Settings {
    var settings = RouteEvaluation.Settings()
    settings.resamples = resamples
    settings.predictions = predictions
    settings.timedDecisions = 20
    settings.training.trees.trees = 5
    settings.training.treeRuns = 1
    settings.training.passes = 4
    settings.training.stackingFolds = 2
    return settings
  }

  @Test func aLearnableFileIsLearnedBetterThanLengthTells() throws {
    let settings = Self.quick(resamples: 100, predictions: 300)
    var time: UInt64 = 0
    var shares: [Double] = []
    let evaluation = try RouteEvaluation(
      of: QualityPredictorTests.records(300, seed: 11), settings: settings,
      nanoseconds: {
        time += 7000
        return time
      }, progress: { shares.append($0) })
    #expect(evaluation.records == 300)
    #expect(evaluation.ours.apgr > 0.65)
    #expect(evaluation.ours.apgr < evaluation.oracleAPGR)
    #expect(abs(evaluation.random.apgr - 0.5) < 1e-9)
    #expect(evaluation.ours.apgrInterval.low < evaluation.ours.apgr)
    #expect(evaluation.ours.apgr < evaluation.ours.apgrInterval.high)
    #expect(evaluation.decisionP99Microseconds == 7)
    #expect(evaluation.costSavedAt95 > 0)
    #expect(evaluation.costSavedAt95 < 1)
    #expect(shares == shares.sorted())
    #expect(shares.last == 1)
  }

  @Test func theSameFileIsEvaluatedTheSame() throws {
    let settings = Self.quick(resamples: 20, predictions: 100)
    let records = QualityPredictorTests.records(100, seed: 12)
    let first = try RouteEvaluation(of: records, settings: settings, nanoseconds: { 0 })
    #expect(try RouteEvaluation(of: records, settings: settings, nanoseconds: { 0 }) == first)
  }

  @Test func everyPromisedFigureIsPrinted() throws {
    let settings = Self.quick(resamples: 5, predictions: 60)
    let evaluation = try RouteEvaluation(
      of: QualityPredictorTests.records(60, seed: 13), settings: settings, nanoseconds: { 0 })
    let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(evaluation))
    let object = try #require(json as? [String: Any])
    var promised = [
      "oracle_apgr", "over_length_low", "over_length_high", "decision_p99_us", "cost_saved_at_95",
      "cost_saved_at_95_bound", "cost_saved_at_95_judge_80", "judge_accuracy_for_50", "calibration_error",
      "prior_share",
    ]
    for router in ["", "length_", "random_"] {
      promised += ["apgr", "apgr_low", "apgr_high", "cpt50", "cpt80"].map { router + $0 }
    }
    for name in promised { #expect(object[name] is Double, "\(name) is a number") }
  }

  @Test func aFileThatIsTooShortIsRefused() {
    #expect(throws: RoutingError.tooFewRecords(found: 49, needed: 50)) {
      try RouteEvaluation(of: QualityPredictorTests.records(49, seed: 1), nanoseconds: { 0 })
    }
  }

  @Test func aFileOfOtherModelsIsToldWhichThereAre() {
    let records = (0..<60).map { RoutingRecord(prompt: "\($0)", outcomes: ["gpt": 1, "mixtral": 0]) }
    let error = RoutingError.otherOutcomes(expected: ["weak", "strong"], found: ["gpt", "mixtral"], records: 60)
    #expect(throws: error) { try RouteEvaluation(of: records, nanoseconds: { 0 }) }
    #expect("\(error)".contains("expected outcomes of `weak`, `strong`, found outcomes of `gpt`, `mixtral`"))
  }

  @Test(
    .enabled(if: available("gsm8k_half.jsonl.gz"), "needs ../shared/data/routellm/gsm8k_half.jsonl.gz and gzip"))
  func publishedOutcomesOfArithmeticAreRankedBetterThanByLength() throws {
    let records = try Self.records("gsm8k_half.jsonl.gz")
    let settings = Self.quick(resamples: 50, predictions: 1300)
    let evaluation = try RouteEvaluation(of: records, settings: settings, nanoseconds: { 0 })
    #expect(evaluation.records == records.count)
    #expect(evaluation.ours.apgr > evaluation.length.apgr)
  }
}
