import ArgumentParser
import ModelInterface

/// How the next token is drawn, from the command line.
struct SamplingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How freely to choose words, 0 to 2; 0 always takes the likeliest.", valueName: "number"))
  var temperature: Float = 0.7

  @Option(help: ArgumentHelp("Keep the likeliest tokens that together have this probability.", valueName: "share"))
  var topP: Float = 1

  @Option(help: ArgumentHelp("Keep so many of the likeliest tokens; 0 for all.", valueName: "count"))
  var topK: Int = 0

  @Option(help: ArgumentHelp("Keep tokens at least this fraction as likely as the likeliest.", valueName: "share"))
  var minP: Float = 0

  @Option(help: ArgumentHelp("Make tokens that were used before less likely; 1 does not.", valueName: "factor"))
  var repetitionPenalty: Float = 1

  @Option(help: ArgumentHelp("The same seed gives the same answer.", valueName: "number"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("The longest answer, in tokens.", valueName: "count"))
  var maxTokens: Int?

  @Option(help: ArgumentHelp("A text at which the answer ends; may be given again.", valueName: "text"))
  var stop: [String] = []

  func validate() throws {
    func check(_ isRight: Bool, _ flag: String, _ expected: String, _ found: Any) throws {
      if !isRight { throw ValidationError("\(flag): expected \(expected), found `\(found)`") }
    }
    try check((0...2).contains(temperature), "--temperature", "a number from 0 to 2", temperature)
    try check(topP > 0 && topP <= 1, "--top-p", "a number above 0 and up to 1", topP)
    try check((0...1_000_000).contains(topK), "--top-k", "a whole number of at least 0", topK)
    try check((0...1).contains(minP), "--min-p", "a number from 0 to 1", minP)
    try check(
      repetitionPenalty > 0 && repetitionPenalty <= 10, "--repetition-penalty", "a number above 0 and up to 10",
      repetitionPenalty)
    try check(
      maxTokens.map { (1...1_048_576).contains($0) } ?? true, "--max-tokens", "a whole number of at least 1",
      maxTokens ?? 0)
    try check(stop.count <= 16 && !stop.contains(""), "--stop", "up to 16 texts that are not empty", stop.count)
  }

  /// A request with these settings.
  func request(model: String, prompt: Prompt) -> GenerationRequest {
    var request = GenerationRequest(
      model: model, prompt: prompt, context: RequestContext(requestID: RequestName.make()))
    request.sampling.temperature = temperature
    request.sampling.topP = topP
    request.sampling.topK = topK
    request.sampling.minP = minP
    request.sampling.repetitionPenalty = repetitionPenalty
    request.sampling.seed = seed
    request.maximumOutputTokens = maxTokens
    request.stopSequences = stop
    return request
  }
}

/// Names for requests that begin at this terminal.
enum RequestName {
  static func make() -> String {
    "cli-" + String(UInt64.random(in: .min ... .max), radix: 36)
  }
}
