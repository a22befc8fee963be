import Sandbox

/// Runs drafts on the given tests' inputs and judges those that could pass.
final class Assessor {
  /// A draft with where it came from.
  struct Entry {
    var draft: CodeDraft
    var origin: Candidate.Origin
    var attempt: Int?
  }

  let task: CodeTask
  let tests: [String]
  private let runner: any CodeRunner
  private let invocations: [String]
  private let expected: [String?]
  private let limit: Int
  /// All programs that were run, by their canonical form.
  private var known: [String: Int] = [:]
  private(set) var candidates: [Candidate] = []
  /// Runs and judgements, each one execution.
  private(set) var executions = 0
  /// Drafts of which nothing executable could be made.
  private(set) var unusable = 0
  private(set) var duplicates = 0

  /// - Parameter limit: the most tests whose inputs candidates are run on.
  init(_ task: CodeTask, tests: [String], runner: any CodeRunner, limit: Int = 3) async throws {
    self.task = task
    self.tests = tests
    self.runner = runner
    self.limit = limit
    let calls = try await runner.invocations(of: tests)
    var pairs: [(String, String?)] = []
    for (test, call) in zip(tests, calls) where pairs.count < limit {
      guard let call else { continue }
      pairs.append((call, PythonText.comparison(in: test)?.right))
    }
    invocations = pairs.map(\.0)
    expected = pairs.map(\.1)
  }

  var hasTests: Bool { !tests.isEmpty || task.deciding != nil }
  /// Whether there are so few tests that a wrong program may well pass them.
  var isThin: Bool { task.deciding == nil && tests.count <= 2 }
  /// The calls that candidates are run on.
  var calls: [String] { invocations }
  var firstInvocation: String? { invocations.first }
  func invocation(_ index: Int) -> String { invocations.indices.contains(index) ? invocations[index] : "" }
  func expectation(_ index: Int) -> String? { expected.indices.contains(index) ? expected[index] : nil }

  /// The candidates that the drafts came to, in their order; nil where nothing executable could be made of one. A program
  /// that was run before is not run again.
  func assess(_ entries: [Entry]) async throws -> [Candidate?] {
    let canonical = try await runner.canonicalise(entries.map(\.draft.code))
    executions += entries.isEmpty ? 0 : 1
    var fresh: [(source: String, entry: Entry)] = []
    for (source, entry) in zip(canonical, entries) {
      guard let source, !source.isEmpty else {
        unusable += 1
        continue
      }
      if let index = known[source] {
        duplicates += 1
        // What guidance wrote is written by guidance, although a sample came to the same before.
        if candidates[index].origin == .sample, entry.origin == .guided {
          candidates[index].origin = .guided
          candidates[index].attempt = entry.attempt
        }
      } else if fresh.contains(where: { $0.source == source }) {
        duplicates += 1
      } else {
        fresh.append((source, entry))
      }
    }
    try await run(
      fresh.map { fresh in
        let entry = fresh.entry
        let isWhole = entry.draft.ending.map { $0 != .lines && $0 != .tokens } ?? false
        let count = entry.draft.tokens.count
        return Candidate(
          id: 0, origin: entry.origin, attempt: entry.attempt, source: fresh.source, written: entry.draft.code,
          isWhole: isWhole, meanLogprob: count == 0 ? nil : entry.draft.logprob / Double(count), runs: [],
          passes: false,
          score: 0, summary: "", draft: entry.draft)
      })
    return canonical.map { source in source.flatMap { known[$0] }.map { candidates[$0] } }
  }

  /// Runs programs that rules have made of a candidate; those that are known already are left out.
  func assess(repairs: [(source: String, parent: Candidate)]) async throws -> [Candidate] {
    var seen: Set<String> = []
    let fresh = repairs.filter { known[$0.source] == nil && seen.insert($0.source).inserted }
    let first = candidates.count
    try await run(
      fresh.map { fresh in
        Candidate(
          id: 0, origin: .repair, attempt: fresh.parent.attempt, parent: fresh.parent.id, source: fresh.source,
          written: fresh.source, isWhole: fresh.parent.isWhole, runs: [], passes: false, score: 0, summary: "")
      })
    return Array(candidates[first...])
  }

  private func run(_ fresh: [Candidate]) async throws {
    guard !fresh.isEmpty else { return }
    let programs = fresh.flatMap { candidate in
      invocations.map { call in
        SandboxProgram(source: candidate.source, invocation: task.setup.isEmpty ? call : task.setup + "\n" + call)
      }
    }
    let traced = try await runner.trace(programs)
    executions += programs.count
    var judged: [Candidate] = []
    for (index, candidate) in fresh.enumerated() {
      var candidate = candidate
      let first = index * invocations.count
      candidate.runs = Array(traced[first..<first + invocations.count])
      let scores = candidate.runs.enumerated().map { Nearness.score($1, expected: expected[$0]) }
      candidate.score = scores.isEmpty ? 0 : 0.95 * scores.reduce(0, +) / Double(scores.count)
      candidate.summary = candidate.runs.first.map { TraceText.ending($0) } ?? "not run"
      judged.append(candidate)
    }
    // A run that did not end well cannot pass; a program would only hurt itself by pretending so.
    let promising = judged.indices.filter { index in
      hasTests && judged[index].runs.allSatisfy { $0.outcome == .completed || Self.cannotStandAlone($0, judged[index]) }
    }
    let outcomes = try await runner.judge(promising.map { program(judged[$0].source, task.deciding ?? tests) })
    executions += promising.count
    for (index, outcome) in zip(promising, outcomes) where outcome == .passed {
      judged[index].passes = true
      judged[index].score = 1
      judged[index].summary = "passes"
    }
    for candidate in judged {
      let numbered = Candidate(numbering: candidate, candidates.count)
      known[candidate.source] = numbered.id
      candidates.append(numbered)
    }
  }

  /// Whether a run failed because the test's call needs names of the test itself, such as a loop's variable. That says
  /// nothing about the program.
  private static func cannotStandAlone(_ run: TracedRun, _ candidate: Candidate) -> Bool {
    guard case .exception("NameError", _, let line) = run.outcome else { return false }
    return line > candidate.source.split(separator: "\n", omittingEmptySubsequences: false).count
  }

  private func program(_ source: String, _ tests: [String]) -> SandboxProgram {
    SandboxProgram(source: source, test: tests.joined(separator: "\n"), testSetup: task.setup)
  }

  /// What programs return on other inputs, as text, one list a program.
  func behaviours(_ sources: [String], on calls: [String]) async throws -> [[String]] {
    let programs = sources.flatMap { source in
      calls.map { SandboxProgram(source: source, invocation: task.setup.isEmpty ? $0 : task.setup + "\n" + $0) }
    }
    let runs = try await runner.trace(programs)
    executions += programs.count
    return sources.indices.map { index in
      calls.indices.map { call in
        let run = runs[index * calls.count + call]
        return run.outcome == .completed ? run.returned ?? "nothing" : Standing.failureMark + run.outcome.code
      }
    }
  }
}

extension Candidate {
  init(numbering candidate: Candidate, _ id: Int) {
    self.init(
      id: id, origin: candidate.origin, attempt: candidate.attempt, parent: candidate.parent, source: candidate.source,
      written: candidate.written, isWhole: candidate.isWhole, meanLogprob: candidate.meanLogprob, runs: candidate.runs,
      passes: candidate.passes, score: candidate.score, summary: candidate.summary, draft: candidate.draft)
  }
}
