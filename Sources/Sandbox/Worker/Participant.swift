import CSandbox
import Foundation

/// A worker's part in one run: what it has been seen to do so far.
final class Participant {
  let worker: SandboxWorker
  let limits: SandboxLimits
  let key: [UInt8]
  private let mostChannelBytes: Int
  private let pipes: [Descriptor]
  private var open: [Bool]
  /// Standard output, standard error, channel.
  private(set) var received: [[UInt8]] = [[], [], []]
  private(set) var report: SandboxWorker.Report?
  /// The first thing seen from outside that ends the run.
  private(set) var observed: SandboxOutcome?
  private(set) var refused: [String] = []
  private(set) var isKilled = false
  private var spawned = 0
  private var created = 0
  private let memoryKillsBefore: Int

  /// Starts the run.
  init(
    worker: SandboxWorker, request: ChildRequest, standardInput: [UInt8], limits: SandboxLimits, link: Descriptor?,
    mostChannelBytes: Int
  ) throws(SandboxError) {
    self.worker = worker
    self.limits = limits
    self.mostChannelBytes = mostChannelBytes
    key = request.key
    let output = try Descriptor.pipe()
    let errors = try Descriptor.pipe()
    let channel = try Descriptor.pipe()
    pipes = [output.reading, errors.reading, channel.reading]
    open = [true, true, true]
    worker.bound(memoryBytes: limits.memoryBytes + (64 << 20), processes: limits.processes + 8)
    memoryKillsBefore = worker.memoryKills
    var descriptors = [
      standardInput.isEmpty ? try Descriptor.null() : try Descriptor.sealed(standardInput),
      output.writing, errors.writing, channel.writing,
    ]
    if let link { descriptors.append(link) }
    descriptors.append(try Descriptor.sealed(request.bytes))
    try worker.begin(cpuMilliseconds: limits.cpuMilliseconds, descriptors: descriptors)
  }

  var isDone: Bool { report != nil }

  /// Descriptors to wait for; -1 where there is nothing more to come.
  var waiting: [Int32] {
    isDone
      ? [-1, -1, -1, -1, -1]
      : [worker.control.number, worker.listener.number] + zip(pipes, open).map { $1 ? $0.number : -1 }
  }

  /// Takes what has become ready, in the order of ``waiting``.
  func advance(_ ready: ArraySlice<Bool>) throws(SandboxError) {
    guard !isDone else { return }
    let ready = Array(ready)
    if ready[1] { decide() }
    for place in 0..<3 where ready[2 + place] { drain(place) }
    if ready[0], let report = try worker.receive() {
      for place in 0..<3 { drain(place) }
      self.report = report
    }
  }

  /// Ends the run for a reason seen from outside; the first reason counts.
  func kill(_ reason: SandboxOutcome?) {
    if let reason, observed == nil { observed = reason }
    guard !isKilled, !isDone else { return }
    isKilled = true
    worker.endRun()
  }

  /// Whether a control group ended something for want of memory.
  var ranOutOfMemory: Bool { worker.countMemoryKills() > memoryKillsBefore }

  private func drain(_ place: Int) {
    guard open[place] else { return }
    let most: Int
    if place == 2 {
      most = mostChannelBytes
    } else {
      most = limits.outputBytes - received[1 - place].count
    }
    // One byte more than allowed tells that the limit was passed.
    let state = pipes[place].drain(into: &received[place], upTo: most + 1)
    if state.ended { open[place] = false }
    guard received[place].count > most else { return }
    received[place].removeLast()
    open[place] = false
    kill(place == 2 ? .tampering("flooded the tracer's channel") : .outputLimit)
  }

  /// Answers one system call that the filter does not decide by itself.
  private func decide() {
    var notification = prsm_sandbox_notification()
    guard prsm_sandbox_notification_receive(worker.listener.number, &notification) == 0 else { return }
    let answer = judge(&notification)
    _ = prsm_sandbox_notification_answer(worker.listener.number, notification.identifier, answer)
  }

  private func judge(_ notification: inout prsm_sandbox_notification) -> Int32 {
    let kind = prsm_sandbox_classify(&notification)
    if notification.process == worker.template {
      return kind == PRSM_SANDBOX_CALL_SPAWNS_PROCESS || kind == PRSM_SANDBOX_CALL_SIGNALS ? 0 : EPERM
    }
    switch kind {
    case PRSM_SANDBOX_CALL_SPAWNS_PROCESS:
      spawned += 1
      guard spawned > limits.processes else { return 0 }
      kill(.processLimit)
      return EAGAIN
    case PRSM_SANDBOX_CALL_CREATES_FILE:
      created += 1
      guard created > limits.files else { return 0 }
      kill(.fileLimit)
      return ENOSPC
    case PRSM_SANDBOX_CALL_SIGNALS:
      // Process 1 is the template, -1 everybody, 0 the caller's group, which is the template's as long as it has none of
      // its own.
      let target = Int32(truncatingIfNeeded: notification.arguments.0)
      let isShared = target == 0 && getpgid(notification.process) == getpgid(worker.template)
      guard target == 1 || target == -1 || isShared else { return 0 }
      kill(.blockedSystemCall(name(notification)))
      return EPERM
    case PRSM_SANDBOX_CALL_MAPS_CODE:
      if refused.count < 16 { refused.append(name(notification) + " of executable memory") }
      return EPERM
    default:
      kill(.blockedSystemCall(name(notification)))
      return EPERM
    }
  }

  private func name(_ notification: prsm_sandbox_notification) -> String {
    var text = [CChar](repeating: 0, count: 64)
    prsm_sandbox_call_name(notification.call, &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
