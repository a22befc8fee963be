import ArgumentParser
import CodeGeneration
import Foundation
import LlamaEngine
import ModelInterface
import Sandbox

struct CodeBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "code",
    abstract: "How fast guided decoding and the sandbox are; with --suite, how many problems EG-CFG solves.",
    discussion: """
      Without --suite: guided decoding beside the same engine's plain greedy decoding and beside an implementation that \
      computes both prompts anew for each token, and traced runs of the sandbox.

      With --suite: EG-CFG beside greedy decoding and best-of-n with the same visible tests and the same budget of generated \
      tokens, under both protocols. Outcomes are kept in a journal; the same command goes on where it was.

      EXAMPLES
        prsm bench code
        prsm bench code --suite mbpp --file mbpp.jsonl --limit 20
        prsm bench code --suite humaneval --model gemma-3-270m --tokens 1024 --json
      """)

  @OptionGroup var options: BenchOptions

  @Option(help: "humaneval or mbpp.")
  var suite: String?

  @Option(help: ArgumentHelp("The problems as JSON lines, gzipped or not.", valueName: "file"))
  var file: String?

  @Option(help: "The first so many problems only.")
  var limit: Int?

  @Option(help: ArgumentHelp("strict, published, or both (the default).", valueName: "name"))
  var protocols: String?

  @Option(help: ArgumentHelp("Where outcomes are kept (default: in the cache folder).", valueName: "file"))
  var journal: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The model (default: the default one).", valueName: "name"))
  var model: String?

  @OptionGroup(title: "Search") var search: CodeOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    if let suite, CodeSuite.Name(rawValue: suite) == nil {
      throw ValidationError("--suite: there is no suite `\(suite)`; expected humaneval or mbpp")
    }
    if let protocols, protocols != "both", CodeProtocol(rawValue: protocols) == nil {
      throw ValidationError("--protocols: expected strict, published or both, found `\(protocols)`")
    }
    if let limit, limit < 1 { throw ValidationError("--limit: expected at least 1, found \(limit)") }
  }

  func run() async throws {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let (engine, name) = try await LocalEngine.open(configuration, model: model, cacheTokens: 16_384)
    do {
      if let suite, let known = CodeSuite.Name(rawValue: suite) {
        try await evaluate(CodeSuite(known, file: file), engine, name, configuration)
      } else {
        try await measure(engine, name)
      }
      await engine.shutdown(by: .now + .seconds(2))
    } catch {
      await engine.shutdown(by: .now + .seconds(2))
      throw error
    }
  }

  private func measure(_ engine: LocalModels, _ name: String) async throws {
    var report = BenchReport(bench: "code")
    report.conditions = ["model": .string(name)]
    do {
      let sandbox = try Sandbox()
      do {
        for run in 0..<options.repetitions {
          options.note("guided decoding, run \(run + 1)")
          let figures = try await GuidedFigures.measure(
            try await engine.tokenModel(named: name), runner: SandboxRunner(sandbox),
            tokens: options.quick ? (16, 200, 200) : (96, 600, 600),
            naive: options.quick ? 1 : 3)
          report.add(ratio: "guided_to_greedy_tokens", figures.guided / figures.greedy)
          report.add(ratio: "guided_together_to_greedy_tokens", figures.together / figures.greedy)
          report.add(ratio: "guided_to_naive_tokens", figures.guided / figures.naive)
          report.add(figure: "guided_tokens_per_second", figures.guided)
          report.add(figure: "guided_together_tokens_per_second", figures.together)
          report.add(figure: "greedy_tokens_per_second", figures.greedy)
          report.add(figure: "guided_rows_per_token", figures.rowsPerToken)
          report.add(figure: "guided_rows_of_traces_per_token", figures.rowsOfTracesPerToken)
          report.add(figure: "guided_rows_in_vain_per_token", figures.rowsInVainPerToken)
          report.add(figure: "guided_calls_per_token", figures.stepsPerToken)
          report.add(figure: "guided_together_rows_per_token", figures.rowsPerTokenTogether)
          report.add(figure: "guided_together_calls_per_token", figures.stepsPerTokenTogether)
        }
        await sandbox.shutdown()
      } catch {
        await sandbox.shutdown()
        throw error
      }
      for run in 0..<options.repetitions {
        options.note("the sandbox, run \(run + 1)")
        let figures = try await SandboxFigures.measure(quick: options.quick)
        report.add(figure: "traced_runs_per_second", figures.tracedRunsPerSecond)
        report.add(figure: "traced_run_p99_ms", figures.tracedRunP99Milliseconds)
        report.add(figure: "traced_run_overhead", figures.overhead)
        report.add(figure: "traced_computation_overhead", figures.computationOverhead)
      }
    } catch let error as SandboxError {
      Output.complain("neither guided decoding nor the sandbox is measured: \(error)")
    }
    options.print(report)
  }

  private func evaluate(
    _ suite: CodeSuite, _ engine: LocalModels, _ name: String, _ configuration: Configuration
  ) async throws {
    let modes =
      protocols == nil || protocols == "both"
      ? CodeProtocol.allCases : [CodeProtocol(rawValue: protocols ?? "")].compactMap { $0 }
    var settings = search.settings
    if options.quick { settings.budgetTokens = min(settings.budgetTokens, 128) }
    let conditions = Self.conditions(suite, name, settings)
    let path =
      journal.map(FilePath.expandingHome)
      ?? CacheFolder.path(environment: ProcessInfo.processInfo.environment)
      + "/bench-code/\(suite.name.rawValue)-\(name).jsonl"
    let journal = try CodeJournal(path: path, conditions: conditions.text)
    let problems = Array(suite.problems.prefix(options.quick ? 2 : limit ?? .max))
    let sandbox: Sandbox
    do {
      sandbox = try Sandbox()
    } catch {
      throw CommandFailure.unavailable((error as? SandboxError)?.advice ?? "\(error)")
    }
    let run = CodeEvaluation(
      suite: suite, settings: settings, model: try await engine.tokenModel(named: name), sandbox: sandbox,
      journal: journal)
    let scores: [CodeProtocol: CodeScores]
    do {
      scores = try await run.run(problems, modes)
      await sandbox.shutdown()
    } catch {
      await sandbox.shutdown()
      throw error
    }
    var report = BenchReport(bench: "code")
    report.conditions = conditions.object ?? [:]
    report.conditions["journal"] = .string(path)
    var object = report.json.object ?? [:]
    object["protocols"] = .object(
      JSONObject(modes.compactMap { mode in scores[mode].map { (mode.rawValue, $0.json) } }))
    if options.output.isJSON {
      Output.line(JSONValue.object(object).text)
    } else {
      Output.write(Self.table(scores, modes))
    }
  }

  private static func conditions(_ suite: CodeSuite, _ model: String, _ settings: CodeSettings) -> JSONValue {
    let request = CodeRequest(task: CodeTask(instruction: ""), settings: settings)
    var object: JSONObject = ["suite": .string(suite.name.rawValue), "model": .string(model)]
    for (name, value) in request.json.object?.members ?? [] where name != "task" && name != "tests" {
      object[name] = value
    }
    object["budget"] = ["tokens": .integer(settings.budgetTokens)]
    return .object(object)
  }

  private static func table(_ scores: [CodeProtocol: CodeScores], _ modes: [CodeProtocol]) -> String {
    var table = Table(
      ["PROTOCOL", "METHOD", "SOLVED", "OF", "PASS@1", "VISIBLE", "SYNTAX", "TOKENS", "RUNS", "SECONDS"],
      rightAligned: [2, 3, 4, 5, 6, 7, 8, 9])
    var lines = ""
    for mode in modes {
      guard let score = scores[mode], case .object(let object) = score.json else { continue }
      for method in CodeMethod.allCases {
        guard let row = object[method.rawValue] else { continue }
        func text(_ name: String) -> String { row[name]?.text ?? "" }
        table.add([
          mode.rawValue, method.rawValue, text("solved"), text("of"), text("pass_at_1"), text("passes_visible"),
          text("syntax_errors"), text("tokens"), text("executions"), text("seconds"),
        ])
      }
      if let difference = object["difference"] {
        lines +=
          "\(mode.rawValue): EG-CFG less best-of-n \(difference["median"]?.text ?? "") "
          + "(\(difference["low"]?.text ?? "") … \(difference["high"]?.text ?? ""), 95 % paired bootstrap)\n"
      }
    }
    return table.text(Style(isEnabled: false)) + lines
  }
}
