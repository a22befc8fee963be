import CodeGeneration
import Foundation
import ModelInterface

/// `prsm code --interactive`: tasks, tests and questions in turn.
struct CodeDialogue {
  let source: CodeSource
  var settings: CodeSettings
  private let style: Style
  private let reader: LineReader
  /// Whether a person types.
  private let isAtTerminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
  private let interrupts: Interrupts?

  init(source: CodeSource, settings: CodeSettings) {
    self.source = source
    self.settings = settings
    style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
    reader = LineReader(style: style)
    // Where a file is read, Ctrl-C between searches ends the program.
    interrupts = isAtTerminal ? Interrupts() : nil
  }

  private static let help = """
    Type what the program is to do, and assertions in lines of their own; an empty line begins the search.
      /explain         how the last program came about: its origin, its runs, line by line
      /benchmark [N]   the last task again with N seeds
      /help  /exit
    Ctrl-C ends a search with what it has found, and Ctrl-D the program.
    """

  /// Converses until the end of input or `/exit`.
  func run() async throws {
    Output.note("writing with \(source.model)\n" + Self.help)
    var last: (request: CodeRequest, answer: JSONValue, candidates: [JSONValue])?
    var pending: [String] = []
    var history: [String] = []
    var isLeaving = false
    while true {
      let line: String
      switch await read(pending.isEmpty ? "code> " : "  ... ", history) {
      case .line(let text):
        line = text
        isLeaving = false
        if !text.allSatisfy(\.isWhitespace) { history.append(text) }
      case .interrupted(let wasEmpty):
        if wasEmpty, pending.isEmpty, isLeaving { return }
        isLeaving = wasEmpty && pending.isEmpty
        if isLeaving { Output.note("Ctrl-C again, or Ctrl-D, to leave") }
        pending = []
        continue
      case .ended: return try await finish(pending)
      }
      let trimmed = line.trimmingCharacters(in: .whitespaces)
      if pending.isEmpty, trimmed.hasPrefix("/") {
        let words = trimmed.split(separator: " ").map(String.init)
        switch words[0] {
        case "/exit", "/quit": return
        case "/help": Output.note(Self.help)
        case "/explain": explain(last?.answer, last?.candidates ?? [])
        case "/benchmark":
          guard let runs = Int(words.count > 1 ? words[1] : "3"), (1...20).contains(runs) else {
            Output.complain("/benchmark: expected a number of runs from 1 to 20, found `\(words[1])`")
            continue
          }
          try await benchmark(last?.request, runs: runs)
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
  }

  /// What was typed before the input ended is a task, too.
  private func finish(_ pending: [String]) async throws {
    let task = PromptTask.read(pending.joined(separator: "\n"))
    guard !task.instruction.isEmpty else { return }
    _ = try await answer(CodeRequest(task: task, settings: settings))
  }

  private func answer(
    _ request: CodeRequest
  ) async throws -> (request: CodeRequest, answer: JSONValue, candidates: [JSONValue])? {
    let seen = SeenCandidates()
    do throws(CommandFailure) {
      let answer = try await Code.generate(request, from: source, quiet: false, interrupts: interrupts ?? Interrupts())
      { name, data in
        if name == "candidate" { await seen.add(data) }
      }
      Output.line(answer["program"]?.string ?? "")
      Code.report(answer)
      return (request, answer, await seen.all)
    } catch {
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
      // What is not in the program is the call that the test makes.
      let events = (run["trace"]?.array ?? []).filter { event in
        lines.indices.contains((event["line"]?.integer ?? 0) - 1)
          && (event["function"]?.string != "<module>" || event["event"]?.string == "line")
      }
      for event in events.prefix(40) {
        let line = event["line"]?.integer ?? 0
        let code = lines[line - 1].trimmingCharacters(in: .whitespaces)
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
    for seed in 0..<runs {
      var again = request
      again.settings.seed = UInt64(seed)
      do {
        let answer = try await Code.generate(again, from: source, quiet: true, interrupts: interrupts ?? Interrupts())
        if answer["stopped"]?.bool == true { break }
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

  /// A line of input: of a person's, who can edit it, or of a file's.
  private func read(_ prompt: String, _ history: [String]) async -> LineReader.Input {
    guard isAtTerminal else {
      return await Self.readLine().map(LineReader.Input.line) ?? .ended
    }
    let commands = ["/explain", "/benchmark", "/help", "/exit"]
    return reader.read(
      prompt: prompt, shownPrompt: style.cyan(prompt), history: history,
      completions: { typed in typed.isEmpty ? [] : commands.filter { $0.hasPrefix(typed) } })
  }

  /// A line on a thread of its own.
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
