import CSandbox
import Foundation

/// A thread that does one job after another. It owns the worker that runs programs and the one that judges them.
final class SandboxLane {
  private let setup: SandboxSetup
  private let number: Int
  private var generation = 0
  private var runner: SandboxWorker?
  private var judge: SandboxWorker?

  init(setup: SandboxSetup, number: Int) {
    self.setup = setup
    self.number = number
  }

  /// Does jobs until the queue is closed.
  func serve(_ queue: SandboxQueue) {
    runner = try? startWorker("runner")
    while let job = queue.pop() {
      serve(job)
    }
    runner?.end()
    judge?.end()
    queue.laneEnded()
  }

  private func serve(_ job: SandboxJob) {
    if job.isCancelled {
      job.fail(CancellationError())
      return
    }
    switch job.work {
    case .run(let program, let limits, let trace, let continuation):
      do {
        continuation.resume(returning: try run(program, limits.clamped, trace, job))
      } catch {
        continuation.resume(throwing: error)
      }
    case .prepare(let service, let sources, let limits, let continuation):
      do {
        continuation.resume(returning: try prepare(service, sources, limits.clamped, job))
      } catch {
        continuation.resume(throwing: error)
      }
    }
    // The caller has its answer; the next run's child is made now.
    runner?.settle()
    judge?.settle()
    // What a run leaves in the work folder goes with its sandbox. The next one starts before it is needed.
    if runner?.isAlive != true { runner = try? startWorker("runner") }
  }

  private func run(
    _ program: SandboxProgram, _ limits: SandboxLimits, _ trace: TraceOptions?, _ job: SandboxJob
  ) throws -> SandboxResult {
    let runner = try readyRunner()
    let judge = program.test == nil ? nil : try readyJudge()
    let start = MonotonicClock.nanoseconds
    let link = judge == nil ? nil : try Descriptor.streams()
    var participants = [
      try Participant(
        worker: runner, request: .run(program, trace: trace, limits: limits), standardInput: program.standardInput,
        limits: limits,
        link: link?.0, mostChannelBytes: (trace?.clamped.bytes ?? 0) * 4 + (256 << 10))
    ]
    if let judge {
      do {
        participants.append(
          try Participant(
            worker: judge, request: .judge(program, limits: limits), standardInput: [], limits: limits, link: link?.1,
            mostChannelBytes: 256 << 10))
      } catch {
        runner.end()
        throw error
      }
    }
    let conversation = RunConversation(
      participants: participants, deadline: Deadline(milliseconds: limits.wallMilliseconds), token: job.token)
    // Both ends of the link belong to the children alone, so that each notices when the other is gone.
    _ = consume link
    try conversation.finish()
    let wall = (MonotonicClock.nanoseconds - start) / 1_000
    if job.isCancelled { throw CancellationError() }
    return conversation.result(tracing: trace != nil, wallMicroseconds: Int(clamping: wall))
  }

  private func prepare(
    _ service: SandboxService, _ sources: [String], _ limits: SandboxLimits, _ job: SandboxJob
  ) throws -> [String?] {
    let bytes = sources.reduce(0) { $0 + $1.utf8.count }
    let participant = try Participant(
      worker: try readyRunner(), request: .prepare(service, sources, limits: limits), standardInput: [], limits: limits,
      link: nil,
      mostChannelBytes: bytes * 8 + sources.count * 64 + (256 << 10))
    let conversation = RunConversation(
      participants: [participant], deadline: Deadline(milliseconds: limits.wallMilliseconds), token: job.token)
    try conversation.finish()
    if job.isCancelled { throw CancellationError() }
    let frames = ChannelFrames(participant.received[2], key: participant.key)
    var results = [String?](repeating: nil, count: sources.count)
    for text in frames.all("P") {
      let fields = text.split(separator: "\u{1F}", maxSplits: 2, omittingEmptySubsequences: false)
      if fields.count == 3, let number = Int(fields[0]), results.indices.contains(number), fields[1] == "1" {
        results[number] = String(fields[2])
      }
    }
    // A source that brings the parser down takes the rest of its batch with it: then each goes by itself.
    if frames.last("E") == nil, sources.count > 1 {
      for (number, source) in sources.enumerated() where results[number] == nil {
        results[number] = try prepare(service, [source], limits, job)[0]
      }
    }
    return results
  }

  private func readyRunner() throws(SandboxError) -> SandboxWorker {
    if let runner, runner.isAlive, runner.runs < setup.configuration.runsPerWorker { return runner }
    runner?.end()
    let fresh = try startWorker("runner")
    runner = fresh
    return fresh
  }

  private func readyJudge() throws(SandboxError) -> SandboxWorker {
    if let judge, judge.isAlive, judge.runs < setup.configuration.runsPerWorker { return judge }
    judge?.end()
    let fresh = try startWorker("judge")
    judge = fresh
    return fresh
  }

  private func startWorker(_ role: String) throws(SandboxError) -> SandboxWorker {
    generation += 1
    return try SandboxWorker.start(setup, name: "\(role)-\(number)-\(generation)")
  }
}
