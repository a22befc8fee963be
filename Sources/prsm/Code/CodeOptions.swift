import ArgumentParser
import CodeGeneration

/// The flags that decide how a program is searched for.
struct CodeOptions: ParsableArguments {
  @Option(
    help: "The most tokens generated in all: \(CodeRequest.tokens.lowerBound) to \(CodeRequest.tokens.upperBound).")
  var tokens = 2_048

  @Option(help: "The most seconds: \(Int(CodeRequest.seconds.lowerBound)) to \(Int(CodeRequest.seconds.upperBound)).")
  var seconds = 120.0

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Strengths of guidance to try; 0 ignores the traces, 1 follows them.", valueName: "gamma"))
  var gamma: [Double] = []

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Temperatures of candidates to try.", valueName: "t"))
  var temperature: [Double] = []

  @Option(parsing: .upToNextOption, help: ArgumentHelp("Lines that candidates look ahead, to try.", valueName: "d"))
  var horizon: [Int] = []

  @Option(help: "Candidates of one refresh: 1 to 8.")
  var candidates = 3

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Prompt styles to try: few-shot, long-code, chat.", valueName: "style"))
  var style: [String] = []

  @Option(help: "Whole programs that are written before any guidance: 1 to 16.")
  var firstWave = 8

  @Option(help: "Attempts that are written side by side: 1 to 4.")
  var attempts = 3

  @Option(help: "Where random numbers begin; the same seed gives the same search.")
  var seed: UInt64 = 40

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "What to leave out of what is beyond the paper: \(CodeRequest.switches.map(\.name).joined(separator: ", ")), or all.",
      valueName: "name"))
  var without: [String] = []

  func validate() throws {
    func check(_ name: String, _ isGood: Bool, _ expected: String) throws {
      guard isGood else { throw ValidationError("--\(name): expected \(expected)") }
    }
    let (counts, times) = (CodeRequest.tokens, CodeRequest.seconds)
    try check(
      "tokens", counts.contains(tokens), "\(counts.lowerBound) to \(counts.upperBound), found \(tokens)")
    try check(
      "seconds", times.contains(seconds), "\(Int(times.lowerBound)) to \(Int(times.upperBound)), found \(seconds)")
    try check("gamma", gamma.allSatisfy { (0...10).contains($0) }, "numbers from 0 to 10")
    try check("temperature", temperature.allSatisfy { (0.05...2).contains($0) }, "numbers from 0.05 to 2")
    try check("horizon", horizon.allSatisfy { (1...64).contains($0) }, "whole numbers from 1 to 64")
    try check("candidates", (1...8).contains(candidates), "1 to 8, found \(candidates)")
    try check("first-wave", (1...16).contains(firstWave), "1 to 16, found \(firstWave)")
    try check("attempts", (1...4).contains(attempts), "1 to 4, found \(attempts)")
    for word in style where PromptStyle(rawValue: word) == nil {
      throw ValidationError(
        "--style: there is no style `\(word)`; expected \(PromptStyle.allCases.map(\.rawValue).joined(separator: ", "))"
      )
    }
    let names = CodeRequest.switches.map(\.name) + ["all"]
    for word in without where !names.contains(word) {
      throw ValidationError(
        "--without: there is nothing called `\(word)`"
          + (NearestName.find(word, among: names).map { "; did you mean `\($0)`?" }
            ?? "; expected \(names.joined(separator: ", "))"))
    }
  }

  var settings: CodeSettings {
    var settings = CodeSettings()
    settings.budgetTokens = tokens
    settings.budgetSeconds = seconds
    if !gamma.isEmpty { settings.gammas = gamma.map { Float($0) } }
    if !temperature.isEmpty { settings.temperatures = temperature.map { Float($0) } }
    if !horizon.isEmpty { settings.horizons = horizon }
    settings.candidates = candidates
    if !style.isEmpty { settings.styles = style.compactMap(PromptStyle.init) }
    settings.firstWave = firstWave
    settings.attempts = attempts
    settings.seed = seed
    for (name, path) in CodeRequest.switches where without.contains(name) || without.contains("all") {
      settings.extensions[keyPath: path] = false
    }
    return settings
  }
}
