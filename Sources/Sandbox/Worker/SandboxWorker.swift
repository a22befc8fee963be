import CSandbox
import Foundation

/// One sandbox with a template process in it, and a child of that which waits for its order. Belongs to the thread that
/// started it: the sandbox ends with that thread, with this process, and with this object.
final class SandboxWorker {
  /// What the template says about an ended run.
  struct Report {
    var status: Int32
    var cpuMicroseconds: Int
    var peakMemoryKiB: Int
    var survivors: Int
    var filesLeft: Int
    var reason: String

    init?(_ bytes: ArraySlice<UInt8>) {
      let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
      guard words.count == 6, let status = Int32(words[0]), let cpu = Int(words[1]), let memory = Int(words[2]),
        let survivors = Int(words[3]), let left = Int(words[4])
      else { return nil }
      self.status = status
      cpuMicroseconds = cpu
      peakMemoryKiB = memory
      self.survivors = survivors
      filesLeft = left
      reason = String(words[5])
    }
  }

  let control: Descriptor
  let listener: Descriptor
  let template: pid_t
  private let group: ControlGroup?
  private(set) var runs = 0
  private(set) var isAlive = true
  /// How often memory had run out in its control group when that was last asked.
  private(set) var memoryKills = 0
  private var bounds = (memoryBytes: 0, processes: 0)
  /// Whether a child waits for an order.
  private var isReady = true
  private let process: pid_t
  private let diagnostics: Descriptor
  /// How long the next child may take to get ready.
  private static let settlingMilliseconds = 5_000

  private init(
    control: Descriptor, listener: Descriptor, process: pid_t, template: pid_t, diagnostics: Descriptor,
    group: ControlGroup?
  ) {
    self.control = control
    self.listener = listener
    self.process = process
    self.template = template
    self.diagnostics = diagnostics
    self.group = group
  }

  deinit {
    if isAlive { Self.end(process, template) }
  }

  /// Starts a sandbox and waits until its template is ready.
  static func start(_ setup: SandboxSetup, name: String) throws(SandboxError) -> SandboxWorker {
    var (process, starting) = try launch(setup)
    do {
      let template = try starting.readTemplateNumber()
      let group = ControlGroup(name: "prsm-\(getpid())-\(name)")
      let grouped = group.map { $0.adopt(process) && $0.adopt(template) } ?? false
      let listener = try starting.enter(setup)
      try starting.awaitReady(listener)
      return SandboxWorker(
        control: starting.control, listener: listener, process: process, template: template,
        diagnostics: starting.diagnostics, group: grouped ? group : nil)
    } catch {
      end(process, starting.template)
      throw error
    }
  }

  /// Spawns the sandbox. The ends that belong to it are nobody else's once this has returned, so that its end is seen.
  private static func launch(_ setup: SandboxSetup) throws(SandboxError) -> (process: pid_t, starting: Starting) {
    let deadline = Deadline(milliseconds: setup.configuration.startSeconds * 1_000)
    let (control, remote) = try Descriptor.messages()
    let (information, informationWriting) = try Descriptor.pipe()
    let (diagnostics, diagnosticsWriting) = try Descriptor.pipe()
    let null = try Descriptor.null()
    let launch = SandboxLaunch(
      bubblewrap: setup.bubblewrap, dropPrivileges: setup.dropPrivileges, interpreter: setup.interpreter,
      workFolderBytes: setup.configuration.workFolderBytes)
    let process = HostCommand.spawn(
      launch.arguments, descriptors: [null, null, diagnosticsWriting, remote, informationWriting])
    guard process > 0 else { throw .system("start \(launch.arguments[0])") }
    return (
      process,
      Starting(control: control, information: information, diagnostics: diagnostics, deadline: deadline)
    )
  }

  /// Asks for a run. `descriptors` are the child's 0, 1, 2, its channel, its link if it has one, and its request.
  func begin(cpuMilliseconds: Int, descriptors: [Descriptor]) throws(SandboxError) {
    settle()
    guard isAlive else { throw SandboxError(.workerLost, "a sandbox process did not get ready. Try again.") }
    isReady = false
    runs += 1
    let numbers = descriptors.map(\.number)
    // The child hands this on to the template, which bounds the processor time of all that the run starts.
    let message = Array(String(cpuMilliseconds).utf8)
    let result = withExtendedLifetime(descriptors) {
      message.withUnsafeBytes {
        prsm_sandbox_send(control.number, $0.baseAddress, $0.count, numbers, Int32(numbers.count), 1_000)
      }
    }
    guard result == 0 else {
      end()
      throw .system("order a run")
    }
  }

  /// Waits for the child of the next run, which is forked once nothing is left of the run before. It is told apart from
  /// what programs start by this: no program runs in the meantime.
  func settle() {
    guard isAlive, !isReady else { return }
    let deadline = Deadline(milliseconds: Self.settlingMilliseconds)
    while deadline.millisecondsLeft > 0 {
      var ready = [false, false]
      _ = prsm_sandbox_poll([listener.number, control.number], &ready, 2, min(deadline.millisecondsLeft, 1_000))
      if ready[0] { Self.admit(listener) { $0 == PRSM_SANDBOX_CALL_SPAWNS_PROCESS || $0 == PRSM_SANDBOX_CALL_SIGNALS } }
      guard ready[1] else { continue }
      var byte = [UInt8](repeating: 0, count: 16)
      var descriptor: Int32 = -1
      let count = byte.withUnsafeMutableBytes {
        prsm_sandbox_receive(control.number, $0.baseAddress, $0.count, &descriptor)
      }
      if descriptor >= 0 { close(descriptor) }
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count > 0 else { break }
      isReady = true
      return
    }
    end()
  }

  /// Lets the template, or a child that has no program yet, do what it asks for, as far as that is wanted.
  fileprivate static func admit(_ listener: Descriptor, _ isWanted: (prsm_sandbox_call_kind) -> Bool) {
    var notification = prsm_sandbox_notification()
    guard prsm_sandbox_notification_receive(listener.number, &notification) == 0 else { return }
    let answer = isWanted(prsm_sandbox_classify(&notification)) ? 0 : EPERM
    _ = prsm_sandbox_notification_answer(listener.number, notification.identifier, answer)
  }

  /// Bounds what the sandbox's processes use together, where there is a control group.
  func bound(memoryBytes: Int, processes: Int) {
    guard let group, bounds != (memoryBytes, processes) else { return }
    if group.limit(memoryBytes: memoryBytes, processes: processes) { bounds = (memoryBytes, processes) }
  }

  /// How often memory has run out in the control group; 0 where there is none.
  func countMemoryKills() -> Int {
    if let group { memoryKills = group.memoryKills }
    return memoryKills
  }

  /// Asks for the end of the run in progress.
  func endRun() {
    let message = Array("kill".utf8)
    _ = message.withUnsafeBytes { prsm_sandbox_send(control.number, $0.baseAddress, $0.count, nil, 0, 100) }
  }

  /// What the template says, if anything: nil when nothing is there yet.
  func receive() throws(SandboxError) -> Report? {
    var bytes = [UInt8](repeating: 0, count: 256)
    var descriptor: Int32 = -1
    let count = bytes.withUnsafeMutableBytes {
      prsm_sandbox_receive(control.number, $0.baseAddress, $0.count, &descriptor)
    }
    if descriptor >= 0 { close(descriptor) }
    if count < 0, errno == EAGAIN { return nil }
    guard count > 0, let report = Report(bytes[..<count]) else {
      end()
      var text: [UInt8] = []
      _ = diagnostics.drain(into: &text, upTo: 4_096)
      throw SandboxError(
        .workerLost, "a sandbox process ended unexpectedly: \(String(decoding: text, as: UTF8.self)). Try again.")
    }
    return report
  }

  /// Ends the sandbox and everything in it.
  func end() {
    guard isAlive else { return }
    isAlive = false
    Self.end(process, template)
    group?.remove()
  }

  private static func end(_ process: pid_t, _ template: pid_t) {
    // The template is process 1 of its namespace: the kernel ends all others with it.
    if template > 1 { _ = prsm_sandbox_kill(template) }
    if !HostCommand.reap(process, milliseconds: 200) {
      _ = prsm_sandbox_kill(process)
      HostCommand.reap(process, milliseconds: 2_000)
    }
  }
}

/// The steps between spawning a sandbox and its template's being ready.
private struct Starting {
  let control: Descriptor
  let information: Descriptor
  let diagnostics: Descriptor
  let deadline: Deadline
  var template: pid_t = 0

  private func failure(_ step: String) -> SandboxError {
    var text: [UInt8] = []
    _ = diagnostics.drain(into: &text, upTo: 4_096)
    let said = String(decoding: text, as: UTF8.self).split(separator: "\n").suffix(3).joined(separator: " / ")
    let reason = said.isEmpty ? "\(step): \(deadline.millisecondsLeft > 0 ? "it ended" : "no answer in time")" : said
    return SandboxError(.cannotIsolate, "the sandbox did not start: \(reason).")
  }

  mutating func readTemplateNumber() throws(SandboxError) -> pid_t {
    var bytes: [UInt8] = []
    while deadline.millisecondsLeft > 0 {
      var ready = [false]
      _ = prsm_sandbox_poll([information.number], &ready, 1, min(deadline.millisecondsLeft, 1_000))
      let state = information.drain(into: &bytes, upTo: 4_096)
      if let range = String(decoding: bytes, as: UTF8.self).firstMatch(of: #/"child-pid":\s*(\d+)/#),
        let number = pid_t(range.output.1)
      {
        template = number
        return number
      }
      if state.ended { break }
    }
    throw failure("namespaces")
  }

  /// Sends the filter and the template in, and returns the listener that comes back.
  func enter(_ setup: SandboxSetup) throws(SandboxError) -> Descriptor {
    let files = [try Descriptor.sealed(setup.filter), try Descriptor.sealed(Array(PythonTemplate.launch.utf8))]
    let message = Array(String(prsm_sandbox_seccomp_number()).utf8)
    let numbers = files.map(\.number)
    let sent = withExtendedLifetime(files) {
      message.withUnsafeBytes { prsm_sandbox_send(control.number, $0.baseAddress, $0.count, numbers, 2, 1_000) }
    }
    guard sent == 0 else { throw failure("first message") }
    while deadline.millisecondsLeft > 0 {
      var ready = [false]
      _ = prsm_sandbox_poll([control.number], &ready, 1, min(deadline.millisecondsLeft, 1_000))
      guard ready[0] else { continue }
      switch receiveOnce() {
      case .descriptor(let descriptor):
        prsm_sandbox_notification_hasten(descriptor.number)
        return descriptor
      case .nothing: continue
      case .message, .end: throw failure("seccomp filter with notifications, which needs Linux 5.5 or later")
      }
    }
    throw failure("seccomp filter with notifications, which needs Linux 5.5 or later")
  }

  /// Lets the template load what it needs and fork its first child; from then on no new code comes in.
  func awaitReady(_ listener: Descriptor) throws(SandboxError) {
    while deadline.millisecondsLeft > 0 {
      var ready = [false, false]
      _ = prsm_sandbox_poll(
        [listener.number, control.number], &ready, 2, min(deadline.millisecondsLeft, 1_000))
      if ready[0] { SandboxWorker.admit(listener) { $0 != PRSM_SANDBOX_CALL_FORBIDDEN } }
      if ready[1] {
        switch receiveOnce() {
        case .message, .descriptor: return
        case .nothing: break
        case .end: throw failure("template")
        }
      }
    }
    throw failure("template")
  }

  private enum Received {
    case descriptor(Descriptor)
    case message
    case nothing
    case end
  }

  private func receiveOnce() -> Received {
    var bytes = [UInt8](repeating: 0, count: 256)
    var descriptor: Int32 = -1
    let count = bytes.withUnsafeMutableBytes {
      prsm_sandbox_receive(control.number, $0.baseAddress, $0.count, &descriptor)
    }
    if descriptor >= 0 { return .descriptor(Descriptor(owning: descriptor)) }
    if count > 0 { return .message }
    // A sandbox that ended before it read what it was sent resets the connection, which is no reason to go on waiting.
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? .nothing : .end
  }
}
