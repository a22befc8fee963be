import ArgumentParser
import Foundation
import Routing

/// `prsm route train-prior`: writes the file of what routing knows beforehand.
struct RouteTrainPrior: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train-prior",
    abstract: "Learn from published outcomes what the program is shipped with.",
    discussion: """
      Each FILE is a subject of its own, named by SUBJECT.

      EXAMPLE
        prsm route train-prior gsm8k=gsm8k.jsonl.gz mmlu=mmlu.jsonl.gz --into Sources/CRoutingPrior/prior.prsm
      """,
    shouldDisplay: false)

  @Argument(help: ArgumentHelp("Labelled outcomes of a weak and a strong model.", valueName: "subject=file"))
  var sets: [String]

  @Option(help: "The file to write.")
  var into: String

  func run() async throws {
    var named: [(subject: String, records: [RoutingRecord])] = []
    for set in sets {
      let parts = set.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else {
        throw CommandFailure.usage("expected SUBJECT=FILE, such as `gsm8k=outcomes.jsonl.gz`; found `\(set)`")
      }
      named.append((parts[0], try OutcomeFile.read(parts[1])))
    }
    do {
      let prior = try RoutingPrior.train(on: named)
      try Data(prior.encoded()).write(to: URL(fileURLWithPath: into), options: .atomic)
    } catch let error as RoutingError {
      throw CommandFailure.no("\(error)")
    }
    Output.note("wrote \(into)")
  }
}
