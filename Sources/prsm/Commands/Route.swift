import ArgumentParser
import Foundation
import ModelInterface
import Routing

/// `prsm route`: which model answers, and why.
struct Route: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "route",
    abstract: "Learn which model is good enough for a request, and judge how well that works.",
    discussion: """
      FILE has one JSON object a line, gzipped or not: `prompt` with `weak_correct` and `strong_correct`, or with \
      `outcomes`, a map from model to quality from 0 to 1, and perhaps with the prompt's `embedding`, a list of numbers.

      EXAMPLES
        prsm route explain 'Prove that there are infinitely many primes.'
        prsm route evaluate outcomes.jsonl.gz
        prsm route train outcomes.jsonl.gz --into predictor.prsm
      """,
    subcommands: [RouteExplain.self, RouteTrain.self, RouteEvaluate.self, RouteTrainPrior.self])
}

struct RouteEvaluate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "Cross-validate the learned router on labelled outcomes, beside random, prompt length and an oracle.",
    discussion: """
      PGR(c) is the share of the gap between weak and strong model that is recovered when a share c of the requests goes \
      to the strong one; APGR its mean over ten shares; CPT(x) the smallest share that recovers x. Intervals are 95 % \
      bootstrap intervals.

      EXAMPLES
        prsm route evaluate outcomes.jsonl.gz --json
        prsm route evaluate outcomes.jsonl.gz --weak mixtral-8x7b --strong gpt-4
      """)

  @Argument(help: "Labelled outcomes.")
  var file: String

  @Option(help: "The cheap model's name in `outcomes`.")
  var weak = RoutingRecord.weak

  @Option(help: "The dear model's name in `outcomes`.")
  var strong = RoutingRecord.strong

  @Option(help: "Parts that the records are cut into; each is judged by a router that learned from the others.")
  var folds = 5

  @Option(help: "Fixes every draw.")
  var seed: UInt64 = 1

  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (2...100).contains(folds) else { throw ValidationError("--folds: expected 2 to 100, found \(folds)") }
    guard weak != strong else {
      throw ValidationError("--weak and --strong: expected two models, found `\(weak)` twice")
    }
  }

  func run() async throws {
    let records = try Self.pairs(try OutcomeFile.read(file), weak: weak, strong: strong, file: file)
    let progress = Progress("evaluating \(records.count) records")
    var settings = RouteEvaluation.Settings()
    settings.folds = folds
    settings.seed = seed
    let evaluation: RouteEvaluation
    do throws(RoutingError) {
      evaluation = try RouteEvaluation(of: records, settings: settings, nanoseconds: RouteClock.nanoseconds) { share in
        progress.update("\(Int(share * 100)) %")
      }
    } catch {
      progress.finish()
      throw CommandFailure.no("\(file): \(error)")
    }
    progress.finish()
    if output.isJSON {
      var object = JSONObject(evaluation.figures.map { ($0.name, .rounded($0.value)) })
      object["records"] = .integer(evaluation.records)
      Output.line(JSONValue.object(object).text)
    } else {
      Output.line(Self.table(evaluation))
    }
  }

  /// The records, with what two models did under the names that evaluation knows.
  ///
  /// - Throws: ``CommandFailure`` where no record has both, with the models that there are.
  static func pairs(
    _ records: [RoutingRecord], weak: String, strong: String, file: String
  ) throws(CommandFailure) -> [RoutingRecord] {
    let pairs = records.compactMap { record in
      record.outcomes[weak].flatMap { cheap in
        record.outcomes[strong].map { dear in
          RoutingRecord(
            prompt: record.prompt, outcomes: [RoutingRecord.weak: cheap, RoutingRecord.strong: dear],
            embedding: record.embedding)
        }
      }
    }
    guard pairs.isEmpty else { return pairs }
    let seen = Set(records.flatMap(\.outcomes.keys)).sorted()
    let error = RoutingError.otherOutcomes(expected: [weak, strong], found: seen, records: records.count)
    throw .usage("\(file): \(error) with --weak and --strong")
  }

  private static func table(_ evaluation: RouteEvaluation) -> String {
    func interval(_ value: Double, _ interval: BootstrapInterval) -> String {
      "\(Decimals.text(value, 3)) [\(Decimals.text(interval.low, 3)), \(Decimals.text(interval.high, 3))]"
    }
    func column(_ text: String, _ width: Int) -> String {
      text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0)
    }
    var lines = [
      "\(evaluation.records) records; weak \(Decimals.text(evaluation.weakQuality, 3)), strong \(Decimals.text(evaluation.strongQuality, 3))",
      "",
      column("router", 10) + column("APGR", 24) + column("CPT(50 %)", 24) + "CPT(80 %)",
    ]
    for (name, figures) in [
      ("learned", evaluation.ours), ("length", evaluation.length), ("random", evaluation.random),
    ] {
      lines.append(
        column(name, 10) + column(interval(figures.apgr, figures.apgrInterval), 24)
          + column(interval(figures.cpt50, figures.cpt50Interval), 24) + interval(figures.cpt80, figures.cpt80Interval))
    }
    lines.append(column("oracle", 10) + Decimals.text(evaluation.oracleAPGR, 3))
    lines += [
      "",
      "APGR over length        [\(Decimals.text(evaluation.overLength.low, 3)), \(Decimals.text(evaluation.overLength.high, 3))] (95 %, paired)",
      "cost saved at 95 %      \(Decimals.text(evaluation.costSavedAt95 * 100, 1)) % (at most \(Decimals.text(evaluation.costSavedAt95Bound * 100, 1)) %, with a perfect judge)",
      "  with a judge          \(Decimals.text(evaluation.costSavedAt95Judged * 100, 1)) % where it is right 80 times of 100; half is saved from \(Decimals.text(evaluation.judgeNeeded * 100, 0)) of 100",
      "a decision, p99         \(Decimals.text(evaluation.decisionP99Microseconds, 1)) µs",
      evaluation.priorOverlap > 0 && evaluation.priorShare == 0
        ? "built-in prior          left out: it was trained on \(evaluation.priorOverlap) of these records"
        : "built-in prior          \(Decimals.text(evaluation.priorShare * 100, 0)) % of the labels behind every prediction",
    ]
    return lines.joined(separator: "\n")
  }
}

struct RouteTrain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Learn from labelled outcomes and keep what was learned in a file.",
    discussion: """
      EXAMPLE
        prsm route train outcomes.jsonl.gz --into predictor.prsm
      """)

  @Argument(help: "Labelled outcomes.")
  var file: String

  @Option(help: "Where to keep what was learned.")
  var into = "predictor.prsm"

  @Option(help: "Fixes every draw.")
  var seed: UInt64 = 1

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let records = try OutcomeFile.read(file)
    let start = ContinuousClock.now
    let predictor: QualityPredictor
    do throws(RoutingError) {
      predictor = try QualityPredictor.train(on: records, seed: seed)
    } catch {
      throw CommandFailure.no("\(file): \(error)")
    }
    let bytes = predictor.encoded()
    let target = FilePath.expandingHome(into)
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: target), options: .atomic)
    } catch {
      throw CommandFailure.unavailable("\(target) cannot be written: \(error.localizedDescription)")
    }
    if output.isJSON {
      let report: JSONValue = [
        "file": .string(target), "bytes": .integer(bytes.count), "records": .integer(records.count),
        "models": .array(predictor.models.map { .string($0) }),
        "seconds": .rounded((ContinuousClock.now - start).seconds),
      ]
      Output.line(report.text)
    } else {
      Output.line(
        "learned from \(records.count) records about \(predictor.models.joined(separator: ", ")); kept in \(target) (\(ByteCount.text(bytes.count)))"
      )
    }
  }
}

/// The clock that decisions are timed with.
private enum RouteClock {
  static func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
