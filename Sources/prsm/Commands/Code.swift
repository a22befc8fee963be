import ArgumentParser
import CodeGeneration
import Foundation
import ModelInterface
import Synchronization

/// `prsm code`: writes a program that passes tests.
struct Code: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "code",
    abstract: "Write a Python program that passes tests.",
    discussion: """
      Candidates are run in the sandbox while the program is being written, and what they do guides the next line. The \
      program goes to standard output (or into a file), the search and its cost to standard error. The exit code is 0 where \
      the tests pass, and 1 where they do not. Ctrl-C and SIGTERM end the search, here or on a node, with the best program \
      so far.

      EXAMPLES
        prsm code 'Write a function area(a, b) for the area of a rectangle.' --test 'assert area(2, 3) == 6'
        prsm code 'Write a function that reverses the words of a text.' --test-file tests.py --into words.py
        prsm code --interactive
      """)

  @Argument(help: "What the program is to do; `-` reads it from standard input.")
  var task: String?

  @Option(help: "Python that asserts what the program does. May be given several times.")
  var test: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file of such statements, or of functions test…(), with the imports and constants that they need.",
      valueName: "file"))
  var testFile: String?

  @Option(help: ArgumentHelp("Where the program is written.", valueName: "file"))
  var into: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The model (default: the node's own default).", valueName: "name"))
  var model: String?

  @Flag(help: "Ask for tasks, tests, explanations and figures in turn.")
  var interactive = false

  @OptionGroup(title: "Search") var search: CodeOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    if interactive, output.isJSON { throw ValidationError("--interactive and --json exclude each other") }
  }

  func run() async throws {
    if interactive {
      let source = try await CodeSource.open(node, model: model)
      do {
        try await CodeDialogue(source: source, settings: search.settings).run()
        await source.close()
      } catch {
        await source.close()
        throw error
      }
      return
    }
    let request = CodeRequest(task: try readTask(), settings: search.settings)
    try checkTarget()
    let source = try await CodeSource.open(node, model: model)
    do {
      let interrupts = Interrupts(endsAtTermination: false)
      let answer = try await Self.generate(request, from: source, quiet: output.isJSON, interrupts: interrupts)
      withExtendedLifetime(interrupts) {}
      await source.close()
      try finish(answer, source.model)
    } catch {
      await source.close()
      throw error
    }
  }

  /// How long a search may take to end with what it has.
  private static let endingTime = Duration.seconds(3)

  /// Runs a search with a live view. Ctrl-C and SIGTERM end it with what it has found; one that has found nothing yet, or
  /// that does not end in time, is given up.
  ///
  /// - Parameters:
  ///   - interrupts: where Ctrl-C and SIGTERM arrive.
  ///   - watch: sees each event, too.
  static func generate(
    _ request: CodeRequest, from source: CodeSource, quiet: Bool, interrupts: Interrupts,
    watch: @escaping @Sendable (String, JSONValue) async -> Void = { _, _ in }
  ) async throws(CommandFailure) -> JSONValue {
    let view = CodeView()
    let hurry = Hurry()
    let finding = Finding()
    let signals = interrupts.signals
    let outcome = await withTaskGroup(of: Result<JSONValue, CommandFailure>.self) { group in
      group.addTask {
        do throws(CommandFailure) {
          return .success(
            try await source.generate(request, hurry) { name, data in
              if name == "candidate" { finding.hasBegun.store(true, ordering: .relaxed) }
              await watch(name, data)
              if !quiet { await view.show(name, data) }
            })
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        await signals.next()
        if !Task.isCancelled, finding.hasBegun.load(ordering: .relaxed) {
          hurry.begin()
          try? await Task.sleep(for: endingTime)
        }
        return .failure(.no("interrupted"))
      }
      defer { group.cancelAll() }
      return await group.next() ?? .failure(.no("interrupted"))
    }
    await view.finish()
    let answer = try outcome.get()
    guard hurry.isOn, answer["ending"]?.string == "seconds", var object = answer.object else { return answer }
    object["stopped"] = true
    return .object(object)
  }

  /// Whether a search has found anything.
  private final class Finding: Sendable {
    let hasBegun = Atomic<Bool>(false)
  }

  private func readTask() throws(CommandFailure) -> CodeTask {
    var text = task ?? "-"
    if text == "-" {
      guard task != nil || isatty(STDIN_FILENO) == 0 else {
        throw .usage("a task is missing; try `prsm code 'Write a function …' --test 'assert …'`")
      }
      text = try StandardInput.readAll()
    }
    guard !text.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty else {
      throw .usage("the task is empty; expected what the program is to do")
    }
    let file = try fileTests()
    return CodeTask(instruction: text, tests: test + file.tests, setup: file.setup)
  }

  private func fileTests() throws(CommandFailure) -> (tests: [String], setup: String) {
    guard let testFile else { return ([], "") }
    guard let data = FileManager.default.contents(atPath: FilePath.expandingHome(testFile)),
      let text = String(validating: data, as: UTF8.self)
    else { throw .usage("\(testFile) cannot be read as UTF-8 text; check the path and its permissions") }
    let file = TestFile.read(text)
    guard !file.tests.isEmpty else {
      throw .usage("\(testFile) has no tests; expected lines such as `assert f(1) == 2`")
    }
    return file
  }

  /// A search may take minutes: what cannot be written is said before it begins.
  private func checkTarget() throws(CommandFailure) {
    guard let into else { return }
    let url = URL(fileURLWithPath: FilePath.expandingHome(into))
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue {
      throw .usage("--into \(into): this is a folder; expected a file")
    }
    let folder = url.deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: folder) else {
      throw .usage("--into \(into): nothing can be written into \(folder); check the path and its permissions")
    }
  }

  private func finish(_ answer: JSONValue, _ model: String) throws {
    let program = answer["program"]?.string ?? ""
    if let into, !program.isEmpty {
      do {
        try Data((program + "\n").utf8).write(to: URL(fileURLWithPath: FilePath.expandingHome(into)), options: .atomic)
      } catch {
        // What was found is not lost.
        if !output.isJSON { Output.line(program) }
        throw CommandFailure.unavailable("\(into) cannot be written: \(DataFolder.reason(error))")
      }
    }
    if output.isJSON {
      var object = answer.object ?? [:]
      object["model"] = .string(model)
      Output.line(JSONValue.object(object).text)
    } else {
      if into == nil, !program.isEmpty { Output.line(program) }
      Self.report(answer, into: into)
    }
    guard answer["passes"]?.bool == true || answer["ending"]?.string == "untested" && !program.isEmpty else {
      throw ExitStatus.no
    }
  }

  /// The verdict and the cost, in two lines on standard error.
  static func report(_ answer: JSONValue, into: String? = nil) {
    let style = Style(descriptor: STDERR_FILENO, environment: ProcessInfo.processInfo.environment)
    let tests = answer["tests"]?.array?.count ?? 0
    let noun = "\(tests) test\(tests == 1 ? "" : "s")"
    let derived = answer["tests_are_derived"]?.bool == true ? " found in the description" : ""
    switch answer["ending"]?.string {
    case "passed":
      let repaired = answer["origin"]?.string == "repair" ? "; a rule changed what the model wrote" : ""
      Output.note(style.green("✓ passes \(noun)\(derived)") + repaired + (into.map { "; written to \($0)" } ?? ""))
    case "untested": Output.note(style.yellow("untested: give tests with --test to have it checked"))
    case let ending:
      let why =
        answer["stopped"]?.bool == true
        ? "the search was stopped"
        : ending == "seconds" ? "the time is over (--seconds)" : "the budget is used up (--tokens)"
      Output.note(
        style.red("✗ does not pass \(noun)\(derived): \(why)")
          + (answer["summary"]?.string.map { "; the nearest program: \($0)" } ?? ""))
    }
    let cost = answer["cost"]
    Output.note(
      style.dim(
        "\(cost?["generated_tokens"]?.integer ?? 0) tokens generated, \(cost?["programs"]?.integer ?? 0) programs run "
          + "(\(cost?["executions"]?.integer ?? 0) executions), \(Decimals.text(cost?["seconds"]?.double ?? 0, 1)) s"))
  }
}
