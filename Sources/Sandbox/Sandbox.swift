import Foundation

/// Runs untrusted programs: no network, no view of the host's files, namespaces and a seccomp filter around them, limits
/// on everything, nothing left behind.
///
/// Each worker is a bubblewrap sandbox with a template in it: an interpreter with the tracer loaded, process 1 of its own
/// process namespace, that forks a fresh child for each run, ahead of it. The template never sees programs, inputs or
/// results, so one run finds nothing of another in its memory. System calls outside of the allow-list stop at the
/// supervisor (seccomp user notification), which counts, refuses, and knows what to report.
///
/// ## What a verdict rests on
///
/// A test runs in a second sandbox, the judge. It calls the program's functions over a link that carries data only, and
/// compares what comes back where the program has no reach: replacing builtins, ending the process early, objects that
/// call themselves equal to everything, or bytes written to other descriptors do not make a test pass.
///
/// ## What remains
///
/// A trace is testimony: the tracer shares the program's interpreter. Python code that reaches for it ends the run as
/// tampering, bytes on its channel without the run's key give themselves away, and no new native code can be loaded, yet
/// a program that corrupts the interpreter's memory could still forge its own trace (never another's, nor a verdict).
/// A flaw in the kernel itself is outside of what this can hold.
package actor Sandbox {
  /// The setup in use.
  package nonisolated let configuration: SandboxConfiguration
  /// The interpreter in use.
  package nonisolated let interpreter: PythonInterpreter
  private let queue: SandboxQueue
  private let lanes: Int
  private var isShutDown = false

  /// Finds what is needed on this machine and starts the workers.
  ///
  /// Blocks for the time that it takes to ask the interpreter what it needs, some 200 ms.
  /// - Throws: ``SandboxError`` that says what is missing and what to do.
  package init(configuration: SandboxConfiguration = SandboxConfiguration()) throws {
    let setup = try SandboxSetup(configuration: configuration)
    self.configuration = configuration
    interpreter = setup.interpreter
    queue = SandboxQueue(most: configuration.waiting)
    lanes = configuration.workers
    for number in 0..<configuration.workers {
      let queue = queue
      // A lane blocks in system calls, which the cooperative pool must not; a sandbox ends with the thread that began it.
      let thread = Thread {
        SandboxLane(setup: setup, number: number).serve(queue)
      }
      thread.name = "sandbox-\(number)"
      thread.start()
    }
  }

  deinit {
    if !isShutDown { queue.close(lanes: lanes) }
  }

  /// Runs a program, and its test if it has one.
  ///
  /// Cancelling the task ends the run.
  /// - Throws: ``SandboxError`` when the run could not take place, `CancellationError` when cancelled.
  package func run(
    _ program: SandboxProgram, limits: SandboxLimits = SandboxLimits(), trace: TraceOptions? = nil
  ) async throws -> SandboxResult {
    let size =
      program.source.utf8.count + program.standardInput.count + (program.test?.utf8.count ?? 0)
      + program.testSetup.utf8.count
    try check(size)
    return try await submit { .run(program, limits, trace, $0) }
  }

  /// Runs programs side by side, as many at once as there are workers. Results are in the order of the programs.
  /// - Throws: the first error of a run that could not take place; the others are ended.
  package func run(
    _ programs: [SandboxProgram], limits: SandboxLimits = SandboxLimits(), trace: TraceOptions? = nil
  ) async throws -> [SandboxResult] {
    try await withThrowingTaskGroup(of: (Int, SandboxResult).self) { group in
      var results = [SandboxResult?](repeating: nil, count: programs.count)
      var next = 0
      func add() {
        guard next < programs.count else { return }
        let number = next
        let program = programs[number]
        next += 1
        group.addTask { (number, try await self.run(program, limits: limits, trace: trace)) }
      }
      for _ in 0..<(lanes * 2) { add() }
      while let (number, result) = try await group.next() {
        results[number] = result
        add()
      }
      return results.compactMap { $0 }
    }
  }

  /// Makes unfinished code executable and brings it into a canonical form (EG-CFG: the longest beginning that parses,
  /// comments and docstrings removed, layout normalised). nil where nothing can be made of it.
  ///
  /// One run for the whole batch; order is kept.
  package func canonicalise(_ sources: [String]) async throws -> [String?] {
    try await prepare(.canonicalise, sources)
  }

  /// The call that each test makes, as text: `f(1)` of `assert f(1) == 2`. nil where there is none.
  package func invocations(of tests: [String]) async throws -> [String?] {
    try await prepare(.invocation, tests)
  }

  /// Whether each source parses.
  package func parses(_ sources: [String]) async throws -> [Bool] {
    try await prepare(.parses, sources).map { $0 != nil }
  }

  /// Ends all workers, and returns when they are gone. Runs in progress come to their end; what waits fails with
  /// ``SandboxError/Code/shutDown``.
  package func shutdown() async {
    if !isShutDown {
      isShutDown = true
      queue.close(lanes: lanes)
    }
    await queue.awaitEnd(ofLanes: lanes)
  }

  private func prepare(_ service: SandboxService, _ sources: [String]) async throws -> [String?] {
    guard !sources.isEmpty else { return [] }
    try check(sources.reduce(0) { $0 + $1.utf8.count })
    let limits = SandboxLimits(wallMilliseconds: 10_000, cpuMilliseconds: 10_000, processes: 0, files: 0)
    return try await submit { .prepare(service, sources, limits, $0) }
  }

  private func check(_ size: Int) throws(SandboxError) {
    guard size <= configuration.requestBytes else {
      throw SandboxError(
        .tooLarge,
        "the program with its input and test has \(size) bytes; at most \(configuration.requestBytes) are run.")
    }
  }

  private func submit<Answer>(
    _ work: (CheckedContinuation<Answer, any Error>) -> SandboxJob.Work
  ) async throws -> Answer {
    let token = CancellationFlag()
    return try await withTaskCancellationHandler {
      try Task.checkCancellation()
      return try await withCheckedThrowingContinuation { continuation in
        let job = SandboxJob(work(continuation), token: token)
        do {
          try queue.push(job)
        } catch {
          job.fail(error)
        }
      }
    } onCancel: {
      token.cancel()
    }
  }
}
