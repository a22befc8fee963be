import Foundation

/// What the sandbox costs on this machine, measured.
package struct SandboxFigures: Sendable, Hashable, Codable {
  /// Traced runs of a ten-line function per second, all workers busy.
  package var tracedRunsPerSecond: Double
  /// Start to result of one traced run at a time, in milliseconds: the median, and what 99 of 100 stay within.
  package var tracedRunMedianMilliseconds: Double
  package var tracedRunP99Milliseconds: Double
  /// The same run with a test judged in a second sandbox, in milliseconds.
  package var judgedRunMedianMilliseconds: Double
  /// Time of one traced run in the sandbox over that in a bare CPython that forks a child a run with the same tracer.
  package var overhead: Double
  /// Time of a traced computation of many events in the sandbox over that in a bare CPython with the same tracer.
  package var computationOverhead: Double
  /// Runs measured.
  package var runs: Int

  /// Measures. Takes about half a minute, 5 seconds when `quick`.
  package static func measure(
    configuration: SandboxConfiguration = SandboxConfiguration(), quick: Bool = false
  ) async throws -> SandboxFigures {
    let sandbox = try Sandbox(configuration: configuration)
    do {
      let figures = try await measure(sandbox, runs: quick ? 200 : 1_500)
      await sandbox.shutdown()
      return figures
    } catch {
      await sandbox.shutdown()
      throw error
    }
  }

  private static func measure(_ sandbox: Sandbox, runs: Int) async throws -> SandboxFigures {
    let program = SandboxProgram(source: tenLines + "\n" + "collect([5, 3, 8, 1, 9, 2])")
    let trace = TraceOptions(events: 20_000, bytes: 8 << 20)
    for _ in 0..<20 { try await expect(sandbox.run(program, trace: trace)) }

    // Ours and the bare interpreter's in turn, so that a machine that is busy for a while is busy for both.
    let long = SandboxProgram(
      source: tenLines + "\nfor i in range(150):\n  collect([5, 3, 8, 1, 9, 2])")
    var single: [Double] = []
    var ratios: [Double] = []
    var longRatios: [Double] = []
    for _ in 0..<rounds {
      let ours = try await milliseconds(sandbox, program, trace, runs: runs / rounds)
      single += ours
      ratios.append(median(ours) / 1_000 / (try bareSeconds(sandbox.interpreter, program.source, runs: runs / rounds)))
      let few = max(runs / rounds / 20, 5)
      let oursLong = try await milliseconds(sandbox, long, trace, runs: few)
      longRatios.append(median(oursLong) / 1_000 / (try bareSeconds(sandbox.interpreter, long.source, runs: few)))
    }
    single.sort()

    let start = MonotonicClock.nanoseconds
    let many = try await sandbox.run([SandboxProgram](repeating: program, count: runs * 2), trace: trace)
    let seconds = Double(MonotonicClock.nanoseconds - start) / 1e9
    for result in many { try expect(result) }

    let judged = SandboxProgram(source: tenLines, test: "assert collect([5, 3, 8, 1, 9, 2]) == [5, 8, 16, 16, 25]")
    var judgements: [Double] = []
    for _ in 0..<max(runs / 5, 20) {
      let start = MonotonicClock.nanoseconds
      let result = try await sandbox.run(judged)
      judgements.append(Double(MonotonicClock.nanoseconds - start) / 1e6)
      guard result.outcome == .passed else { throw unexpected(result) }
    }

    return SandboxFigures(
      tracedRunsPerSecond: Double(runs * 2) / seconds,
      tracedRunMedianMilliseconds: single[single.count / 2],
      tracedRunP99Milliseconds: single[min(single.count * 99 / 100, single.count - 1)],
      judgedRunMedianMilliseconds: median(judgements),
      overhead: median(ratios),
      computationOverhead: median(longRatios),
      runs: runs)
  }

  private static let rounds = 5

  private static func milliseconds(
    _ sandbox: Sandbox, _ program: SandboxProgram, _ trace: TraceOptions, runs: Int
  ) async throws -> [Double] {
    var times: [Double] = []
    for _ in 0..<runs {
      let start = MonotonicClock.nanoseconds
      try await expect(sandbox.run(program, trace: trace))
      times.append(Double(MonotonicClock.nanoseconds - start) / 1e6)
    }
    return times
  }

  private static func median(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.sorted()[values.count / 2]
  }

  private static func expect(_ result: SandboxResult) throws {
    guard result.outcome == .completed, result.trace?.events.isEmpty == false else { throw unexpected(result) }
  }

  private static func unexpected(_ result: SandboxResult) -> SandboxError {
    SandboxError(.workerLost, "a run of the measurement ended otherwise than expected: \(result.outcome)")
  }

  /// The function that is measured: a loop, branches, a list that grows.
  static let tenLines = """
    def collect(values):
        kept = []
        total = 0
        for value in values:
            if value % 2 == 0:
                total += value
            elif value > 2:
                total = total + value
            kept.append(total)
        return kept[:5]
    """

  /// The median time of a run in a bare CPython: the same interpreter and the same code of the child, forked for each
  /// run, without namespaces, filter, limits and supervisor. It runs this file's own function and nothing else.
  private static func bareSeconds(_ interpreter: PythonInterpreter, _ source: String, runs: Int) throws -> Double {
    let harness = """

      def bare(source, runs):
          seconds = []
          for _ in range(runs):
              begun = time.perf_counter()
              reading, writing = os.pipe()
              child = os.fork()
              if child == 0:
                  null = os.open("/dev/null", os.O_RDWR)
                  for place in (0, 1, 2):
                      os.dup2(null, place)
                  os.dup2(writing, 3)
                  start_thread(stage[5], stage[6])
                  channel[1](b"k" * 16)
                  os._exit(run(source, False, [20000, 8 << 20, 16, 20, 120, 2000], channel[0], stage, tracing))
              os.close(writing)
              while os.read(reading, 1 << 20):
                  pass
              os.close(reading)
              os.waitpid(child, 0)
              seconds.append(time.perf_counter() - begun)
          print(sorted(seconds)[len(seconds) // 2])
      arguments = sys.argv[1:]
      make_streams()
      stage, channel, tracing = make_stage(), make_channel(3), make_tracer()
      rehearse(tracing)
      gc.collect()
      gc.freeze()
      bare(arguments[0], int(arguments[1]))
      """
    let arguments = [
      interpreter.executable, "-s", "-S", "-c", PythonTemplate.source + harness, source, String(runs),
    ]
    guard let text = HostCommand.output(arguments, milliseconds: 60_000),
      let seconds = Double(text.trimmingCharacters(in: .whitespacesAndNewlines)), seconds > 0
    else { throw SandboxError(.noInterpreter, "the bare interpreter of the comparison did not run") }
    return seconds
  }
}
