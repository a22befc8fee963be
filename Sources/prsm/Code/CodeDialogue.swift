import CodeGeneration
import Foundation
import ModelInterface

/// `prsm code --interactive`: tasks, tests and questions in turn.
struct CodeDialogue {
  let source: CodeSource
  var settings: CodeSettings
  private let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)

  init(source: CodeSource, settings: CodeSettings) {
    self.source = source
    self.settings = settings
  }

  private static let help = """
    Type what the program is to do, and assertions in lines of their own; an empty line begins the search.
      /explain         how the last program came about: its origin, its runs, line by line
      /benchmark [N]   the last task again with N seeds
      /help  /exit
    """

  /// Converses until the end of input or `/exit`.
  func run() async throws {
    Output.note("writing with \(source.model)\n" + Self.help)
    var last: (request: CodeRequest, answer: JSONValue, candidates: [JSONValue])?
    var pending: [String] = []
    while true {
      if isatty(STDIN_FILENO) == 1 { Output.write(style.cyan(pending.isEmpty ? "code> " : "  ... ")) }
      guard let line = await Self.readLine() else { break }
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if pending.isEmpty, trimmed.hasPrefix("/") {
        let words = trimmed.split(separator: " ").map(String.init)
        switch words[0] {
        case "/exit", "/quit": return
        case "/help": Output.note(Self.help)
        case "/explain": explain(last?.answer, last?.candidates ?? [])
        case "/benchmark": try await benchmark(last?.request, runs: words.dropFirst().first.flatMap { Int($0) } ?? 3)
        default:
          let known = ["/explain", "/benchmark", "/help", "/exit"]
          Output.complain(
            "there is no `\(words[0])`"
              + (NearestName.find(words[0], among: known).map { "; did you mean `\($0)`?" }
                ?? "; /help lists what there is"))
        }
        continue
      }
      if !trimmed.isEmpty {
        pending.append(line)
        continue
      }
      guard !pending.isEmpty else { continue }
      let task = PromptTask.read(pending.joined(separator: "\n"))
      pending = []
      guard !task.instruction.isEmpty else {
        Output.complain("the task is empty; say what the program is to do")
        continue
      }
      last = try await answer(CodeRequest(task: task, settings: settings))
    }
    if !pending.isEmpty {
      _ = try await answer(CodeRequest(task: PromptTask.read(pending.joined(separator: "\n")), settings: settings))
    }
  }

  private func answer(
    _ request: CodeRequest
  ) async throws -> (request: CodeRequest, answer: JSONValue, candidates: [JSONValue])? {
    let seen = SeenCandidates()
    let view = CodeView()
    do {
      let answer = try await source.generate(request) { name, data in
        if name == "candidate" { await seen.add(data) }
        await view.show(name, data)
      }
      await view.finish()
      Output.line(answer["program"]?.string ?? "")
      Code.report(answer)
      return (request, answer, await seen.all)
    } catch {
      await view.finish()
      Output.complain(error.message)
      return nil
    }
  }

  private func explain(_ answer: JSONValue?, _ candidates: [JSONValue]) {
    guard let answer, let id = answer["candidate"]?.integer,
      let candidate = candidates.first(where: { $0["id"]?.integer == id })
    else { return Output.complain("there is nothing to explain yet; let a program be written first") }
    let origins = [
      "greedy": "the model's likeliest program", "sample": "drawn from the model",
      "guided": "written line by line under the traces of candidates",
      "repair": "made from a failing program by a rule, because of its trace",
    ]
    Output.line("#\(id) of \(candidates.count) programs: \(origins[candidate["origin"]?.string ?? ""] ?? "")")
    if let parent = candidate["parent"]?.integer,
      let before = candidates.first(where: { $0["id"]?.integer == parent })
    {
      Output.line("It began as #\(parent), which \(before["summary"]?.string ?? ""):")
      Output.line(style.dim(before["program"]?.string ?? ""))
    }
    let lines = (candidate["program"]?.string ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    for (number, run) in (candidate["runs"]?.array ?? []).enumerated() {
      Output.line("run \(number + 1): \(run["message"]?.string ?? "")")
      for event in (run["trace"]?.array ?? []).prefix(40) {
        let line = event["line"]?.integer ?? 0
        let code = lines.indices.contains(line - 1) ? lines[line - 1].trimmingCharacters(in: .whitespaces) : ""
        let locals = (event["locals"]?.object?.members ?? []).map { "\($0.name) = \($0.value.string ?? "")" }
        let value = event["value"]?.string ?? ""
        Output.line(
          "  \(line)  \(event["event"]?.string ?? "")  \(code)  "
            + style.dim((locals + (value.isEmpty ? [] : [value])).joined(separator: ", ")))
      }
    }
  }

  private func benchmark(_ request: CodeRequest?, runs: Int) async throws {
    guard let request else { return Output.complain("there is nothing to measure yet; let a program be written first") }
    var table = Table(["SEED", "PASSES", "TOKENS", "PROGRAMS", "SECONDS", "ORIGIN"], rightAligned: [0, 2, 3, 4])
    for seed in 0..<min(max(runs, 1), 20) {
      var again = request
      again.settings.seed = UInt64(seed)
      do {
        let answer = try await source.generate(again) { _, _ in }
        let cost = answer["cost"]
        table.add([
          "\(seed)", answer["passes"]?.bool == true ? "yes" : "no", "\(cost?["generated_tokens"]?.integer ?? 0)",
          "\(cost?["programs"]?.integer ?? 0)", Decimals.text(cost?["seconds"]?.double ?? 0, 1),
          answer["origin"]?.string ?? "",
        ])
      } catch {
        return Output.complain(error.message)
      }
    }
    Output.write(table.text(style))
  }

  /// A line of input on a thread of its own, for a person is slow.
  @concurrent
  private static func readLine() async -> String? { Swift.readLine(strippingNewline: true) }
}

/// Candidates in the order in which they came.
private actor SeenCandidates {
  private(set) var all: [JSONValue] = []

  func add(_ candidate: JSONValue) {
    if all.count < 10_000 { all.append(candidate) }
  }
}
