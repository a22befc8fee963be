package import Sandbox

/// Where candidates run. The loop knows no more of it, so that tests can stand in for a sandbox.
package protocol CodeRunner: Sendable {
  /// Makes unfinished code executable and brings it into a canonical form; nil where nothing can be made of it.
  func canonicalise(_ sources: [String]) async throws -> [String?]
  /// The call that each test makes; nil where there is none.
  func invocations(of tests: [String]) async throws -> [String?]
  /// Runs programs and writes down what they do, in their order.
  func trace(_ programs: [SandboxProgram]) async throws -> [TracedRun]
  /// Runs programs with their tests, in their order, each judged where the program has no reach.
  func judge(_ programs: [SandboxProgram]) async throws -> [SandboxOutcome]
}

/// What one run of a program on one test's input showed.
package struct TracedRun: Sendable, Hashable {
  /// How it ended.
  package var outcome: SandboxOutcome
  /// Its steps, as far as they were kept.
  package var trace: ExecutionTrace
  /// What it printed.
  package var output: String

  /// A run.
  package init(outcome: SandboxOutcome, trace: ExecutionTrace, output: String = "") {
    self.outcome = outcome
    self.trace = trace
    self.output = output
  }
}

extension TracedRun {
  private static let recursion = "maximum recursion depth exceeded"

  /// The same run without what says nothing about the program: in the middle of which call the stack has ended.
  var withoutAccidents: TracedRun {
    var run = self
    if case .exception("RecursionError", let message, let line) = outcome, message.hasPrefix(Self.recursion) {
      run.outcome = .exception(type: "RecursionError", message: Self.recursion, line: line)
    }
    let beginning = "RecursionError: '" + Self.recursion
    for index in trace.events.indices
    where trace.events[index].kind == .exception && trace.events[index].value.hasPrefix(beginning) {
      run.trace.events[index].value = beginning + "'"
    }
    return run
  }
}

/// Candidates in the sandbox.
package struct SandboxRunner: CodeRunner {
  let sandbox: Sandbox
  /// What a candidate may use.
  package var limits = SandboxLimits(
    wallMilliseconds: 2_000, cpuMilliseconds: 1_000, processes: 0, files: 8, outputBytes: 16 << 10)
  /// What is kept of a run.
  package var traceBounds = TraceOptions(
    events: 200, bytes: 16 << 10, depth: 5, items: 10, characters: 60, milliseconds: 500)

  /// Seconds that the search still has, where it has a budget of them: runs end with it, but for a moment's grace.
  package var secondsLeft: (@Sendable () -> Double)?

  private var limitsNow: SandboxLimits {
    guard let left = secondsLeft?(), left < Double(limits.wallMilliseconds) / 1_000 else { return limits }
    var shorter = limits
    shorter.wallMilliseconds = max(Self.graceMilliseconds, Int(left * 1_000))
    shorter.cpuMilliseconds = min(limits.cpuMilliseconds, shorter.wallMilliseconds)
    return shorter
  }

  private static let graceMilliseconds = 200

  /// Runs in this sandbox.
  package init(_ sandbox: Sandbox) {
    self.sandbox = sandbox
  }

  package func canonicalise(_ sources: [String]) async throws -> [String?] {
    try await sandbox.canonicalise(sources)
  }

  package func invocations(of tests: [String]) async throws -> [String?] {
    try await sandbox.invocations(of: tests)
  }

  package func trace(_ programs: [SandboxProgram]) async throws -> [TracedRun] {
    try await sandbox.run(programs, limits: limitsNow, trace: traceBounds).map { result in
      TracedRun(
        outcome: result.outcome, trace: result.trace ?? ExecutionTrace(),
        output: String(decoding: result.standardOutput.prefix(2_000), as: UTF8.self)
      ).withoutAccidents
    }
  }

  package func judge(_ programs: [SandboxProgram]) async throws -> [SandboxOutcome] {
    try await sandbox.run(programs, limits: limitsNow).map(\.outcome)
  }
}
