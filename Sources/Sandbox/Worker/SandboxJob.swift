import CSandbox
import Dispatch
import Synchronization

/// One thing to do for one caller.
final class SandboxJob: Sendable {
  enum Work: Sendable {
    case run(SandboxProgram, SandboxLimits, TraceOptions?, CheckedContinuation<SandboxResult, any Error>)
    case prepare(SandboxService, [String], SandboxLimits, CheckedContinuation<[String?], any Error>)
  }

  let work: Work
  let token: CancellationFlag

  init(_ work: Work, token: CancellationFlag) {
    self.work = work
    self.token = token
  }

  var isCancelled: Bool { token.isCancelled }

  func fail(_ error: any Error) {
    switch work {
    case .run(_, _, _, let continuation): continuation.resume(throwing: error)
    case .prepare(_, _, _, let continuation): continuation.resume(throwing: error)
    }
  }
}

/// Says whether a caller still wants an answer.
final class CancellationFlag: Sendable {
  private struct State {
    var isCancelled = false
    var wake: Descriptor?
  }

  private let state = Mutex(State())

  var isCancelled: Bool { state.withLock { $0.isCancelled } }

  /// Wakes `descriptor` when the caller gives up; nil detaches.
  func wake(_ descriptor: Descriptor?) {
    state.withLock { $0.wake = descriptor }
  }

  func cancel() {
    let wake = state.withLock { state -> Descriptor? in
      state.isCancelled = true
      return state.wake
    }
    if let wake { _ = prsm_sandbox_send(wake.number, "!", 1, nil, 0, 0) }
  }
}

/// Jobs waiting for a lane: first come, first served, and no more than a fixed number.
final class SandboxQueue: Sendable {
  private struct State {
    var jobs: [SandboxJob] = []
    var first = 0
    var isClosed = false
    var lanesEnded = 0
    var watchers: [(lanes: Int, continuation: CheckedContinuation<Void, Never>)] = []
  }

  private let state = Mutex(State())
  private let available = DispatchSemaphore(value: 0)
  private let most: Int

  init(most: Int) {
    self.most = most
  }

  func push(_ job: SandboxJob) throws(SandboxError) {
    let failure = state.withLock { state -> SandboxError? in
      if state.isClosed { return SandboxError(.shutDown, "the sandbox has been shut down; nothing more is run.") }
      if state.jobs.count - state.first >= most {
        return SandboxError(.queueFull, "\(most) runs wait for the sandbox already; try again later.")
      }
      state.jobs.append(job)
      return nil
    }
    if let failure { throw failure }
    available.signal()
  }

  /// The next job, once there is one; nil when the queue is closed. Waits for as long as the sandbox lives, which ends
  /// with ``close(lanes:)``.
  func pop() -> SandboxJob? {
    available.wait()
    return state.withLock { state in
      guard !state.isClosed, state.first < state.jobs.count else { return nil }
      let job = state.jobs[state.first]
      state.first += 1
      if state.first >= 256, state.first * 2 >= state.jobs.count {
        state.jobs.removeFirst(state.first)
        state.first = 0
      }
      return job
    }
  }

  /// A lane says that it has ended.
  func laneEnded() {
    let done = state.withLock { state in
      state.lanesEnded += 1
      let ended = state.lanesEnded
      let done = state.watchers.filter { $0.lanes <= ended }
      state.watchers.removeAll { $0.lanes <= ended }
      return done
    }
    for watcher in done { watcher.continuation.resume() }
  }

  /// Returns once so many lanes have ended. Lanes end with the runs they are in, whose time is limited.
  func awaitEnd(ofLanes lanes: Int) async {
    await withCheckedContinuation { continuation in
      let isOver = state.withLock { state in
        if state.lanesEnded >= lanes { return true }
        state.watchers.append((lanes, continuation))
        return false
      }
      if isOver { continuation.resume() }
    }
  }

  /// Ends the queue: what waits fails, and each of `lanes` takers gets nil.
  func close(lanes: Int) {
    let waiting = state.withLock { state -> [SandboxJob] in
      guard !state.isClosed else { return [] }
      state.isClosed = true
      defer { state.jobs = [] }
      return Array(state.jobs[state.first...])
    }
    for job in waiting { job.fail(SandboxError(.shutDown, "the sandbox has been shut down before this run began.")) }
    for _ in 0..<lanes { available.signal() }
  }
}
