import CSandbox
import Foundation

/// One run from its start to its end: the program, and its judge where there is one.
final class RunConversation {
  private let participants: [Participant]
  private let deadline: Deadline
  private let token: CancellationFlag
  /// How long an ordered end may take before the whole sandbox goes.
  private static let graceMilliseconds = 2_000
  /// How long a program may take to notice that its judge is done.
  private static let partingMilliseconds = 100

  init(participants: [Participant], deadline: Deadline, token: CancellationFlag) {
    self.participants = participants
    self.deadline = deadline
    self.token = token
  }

  /// Waits until all participants are done; ends them at the deadline and when the caller gives up.
  func finish() throws(SandboxError) {
    let (wake, waker) = try Descriptor.messages()
    token.wake(waker)
    defer {
      token.wake(nil)
      // A worker whose folder is not as it was, or that no longer answers, is of no further use.
      for participant in participants where (participant.report?.filesLeft ?? 1) > 0 {
        participant.worker.end()
      }
    }
    var parting: Deadline?
    var grace: Deadline?
    while participants.contains(where: { !$0.isDone }) {
      var limit = deadline
      if let grace {
        limit = grace
      } else if let parting, parting.nanoseconds < deadline.nanoseconds {
        limit = parting
      }
      var descriptors = [grace == nil ? wake.number : -1]
      for participant in participants { descriptors += participant.waiting }
      var ready = [Bool](repeating: false, count: descriptors.count)
      let left = token.isCancelled && grace == nil ? 0 : limit.millisecondsLeft
      guard prsm_sandbox_poll(descriptors, &ready, Int32(descriptors.count), min(left, 10_000)) >= 0 else {
        throw .system("poll")
      }
      for (place, participant) in participants.enumerated() {
        try participant.advance(ready[(1 + place * 5)..<(6 + place * 5)])
      }
      let isOver = token.isCancelled || participants.contains(where: \.isKilled)
      if isOver {
        for participant in participants { participant.kill(nil) }
      } else if deadline.millisecondsLeft == 0 {
        for participant in participants where !participant.isDone { participant.kill(.timedOut(.wall)) }
      } else if let parting, parting.millisecondsLeft == 0 {
        for participant in participants { participant.kill(nil) }
      }
      if grace == nil, participants.contains(where: \.isKilled) {
        grace = Deadline(milliseconds: Self.graceMilliseconds)
      }
      if parting == nil, participants.count == 2, participants[1].isDone {
        parting = Deadline(milliseconds: Self.partingMilliseconds)
      }
      if let grace, grace.millisecondsLeft == 0 { return }
    }
  }

  /// What the run gave.
  func result(tracing: Bool, wallMicroseconds: Int) -> SandboxResult {
    let program = participants[0]
    let frames = ChannelFrames(program.received[2], key: program.key)
    var trace: ExecutionTrace?
    if tracing {
      trace = ExecutionTrace(
        records: frames.all("T").joined(separator: "\u{1E}")[...], cutBy: frames.last("C"))
    }
    return SandboxResult(
      outcome: outcome(frames), standardOutput: program.received[0], standardError: program.received[1],
      trace: trace,
      usage: SandboxUsage(
        wallMicroseconds: wallMicroseconds,
        cpuMicroseconds: participants.reduce(0) { $0 + ($1.report?.cpuMicroseconds ?? 0) },
        peakMemoryKiB: program.report?.peakMemoryKiB ?? 0),
      refused: program.refused, survivors: program.report?.survivors ?? 0)
  }

  private func outcome(_ frames: ChannelFrames) -> SandboxOutcome {
    let program = participants[0]
    if frames.isForeign { return .tampering("wrote to the tracer's channel") }
    if let what = frames.last("X") { return .tampering(what) }
    if let observed = program.observed, observed != .timedOut(.wall) { return observed }
    if program.ranOutOfMemory { return .outOfMemory }
    guard participants.count == 2 else { return Self.ending(of: program, frames) }
    if let verdict = verdict(of: participants[1]) { return verdict }
    let ending = Self.ending(of: program, frames)
    return ending == .completed ? .exited(status: 0) : ending
  }

  /// What the judge says; nil when it was the program that ended, and its own ending tells more.
  private func verdict(of judge: Participant) -> SandboxOutcome? {
    if let observed = judge.observed {
      if case .timedOut = observed { return participants[0].observed == nil ? observed : nil }
      return .brokenTest(message: observed.description)
    }
    let frames = ChannelFrames(judge.received[2], key: judge.key)
    let fields = (frames.last("V") ?? "").split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
    guard let word = fields.first, fields.count >= 4 else {
      let ending = Self.ending(of: judge, frames)
      if ending == .signalled(Int(SIGKILL)) { return nil }
      if case .timedOut = ending { return ending }
      return .brokenTest(message: "the test's process: \(ending)")
    }
    let line = Int(fields[fields.count - 1]) ?? 0
    switch word {
    case "passed": return .passed
    case "failed": return .failed(message: fields[2], line: line)
    case "broken": return .brokenTest(message: "\(fields[1]): \(fields[2])")
    case "raised":
      guard fields.count >= 5 else { return nil }
      return Self.claim(fields[1], type: fields[2], message: fields[3], line: line, status: 1)
    default: return nil
    }
  }

  /// The status of a run that found its channel closed; see the template.
  private static let channelClosed = 87

  /// How a process ended: by what was seen from outside where that says it, else by its own account.
  private static func ending(of participant: Participant, _ frames: ChannelFrames) -> SandboxOutcome {
    if let observed = participant.observed { return observed }
    guard let report = participant.report else { return .timedOut(.wall) }
    if report.reason == "cpu" { return .timedOut(.cpu) }
    let signal = report.status & 0x7F
    if signal != 0 {
      switch signal {
      case SIGXCPU: return .timedOut(.cpu)
      case SIGXFSZ: return .fileSizeLimit
      case SIGSYS: return .blockedSystemCall("a call of another architecture")
      default: return .signalled(Int(signal))
      }
    }
    let status = Int(report.status >> 8 & 0xFF)
    if status == 71 { return .outOfMemory }
    let fields = (frames.last("E") ?? "").split(separator: "\u{1F}", omittingEmptySubsequences: false).map(String.init)
    guard fields.count == 4 else {
      return status == channelClosed ? .tampering("closed the tracer's channel") : .exited(status: status)
    }
    return claim(fields[0], type: fields[1], message: fields[2], line: Int(fields[3]) ?? 0, status: status)
  }

  private static func claim(
    _ kind: String, type: String, message: String, line: Int, status: Int
  ) -> SandboxOutcome {
    switch kind {
    case "completed": status == 0 ? .completed : .exited(status: status)
    case "syntax": .syntaxError(message: message, line: line)
    case "memory": .outOfMemory
    case "disk": .diskFull
    case "file": .fileSizeLimit
    case "exit": .exited(status: status)
    default: .exception(type: type, message: message, line: line)
    }
  }
}
