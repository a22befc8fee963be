import Dispatch
import Foundation
import ModelInterface
import Synchronization

/// The one thread that computes with a model, and its letter box.
///
/// All state of the computation lives in ``DecodeCore`` and is touched by this thread alone; others send it closures.
final class DecodeLoop: Sendable {
  private struct Inbox {
    var letters: [@Sendable (DecodeCore) -> Void] = []
    var isSignalled = false
    var isClosed = false
    var waiting = 0
    var working = 0
  }

  private let inbox = Mutex(Inbox())
  private let signal = DispatchSemaphore(value: 0)
  private let nextID = Atomic<UInt64>(0)
  private let maximumWaiting: Int
  let metrics = EngineMeter()

  /// Starts the thread, which makes the context and says how that went.
  static func start(
    model: LlamaModel, configuration: EngineConfiguration
  ) async throws(GenerationError) -> DecodeLoop {
    let loop = DecodeLoop(maximumWaiting: configuration.maximumWaiting)
    let result = await withCheckedContinuation { (started: CheckedContinuation<GenerationError?, Never>) in
      let thread = Thread {
        let core: DecodeCore
        do throws(GenerationError) {
          core = try DecodeCore(model: model, configuration: configuration, loop: loop)
        } catch {
          started.resume(returning: error)
          return
        }
        started.resume(returning: nil)
        loop.run(core)
      }
      thread.name = "decode \(model.name)"
      thread.stackSize = 8 << 20
      thread.qualityOfService = .userInitiated
      thread.start()
    }
    if let result { throw result }
    return loop
  }

  private init(maximumWaiting: Int) {
    self.maximumWaiting = maximumWaiting
  }

  /// Runs a closure on the loop's thread, between two steps. False when the loop has ended.
  @discardableResult
  func post(_ letter: @escaping @Sendable (DecodeCore) -> Void) -> Bool {
    let (accepted, wakes) = inbox.withLock { inbox in
      guard !inbox.isClosed else { return (false, false) }
      inbox.letters.append(letter)
      defer { inbox.isSignalled = true }
      return (true, !inbox.isSignalled)
    }
    if wakes { signal.signal() }
    return accepted
  }

  /// Admits a request, or refuses it when too many wait.
  func submit(_ plan: GenerationPlan) throws(GenerationError) -> GenerationStream {
    let waiting = inbox.withLock { inbox -> Int? in
      guard inbox.waiting < maximumWaiting else { return nil }
      inbox.waiting += 1
      return inbox.waiting
    }
    guard waiting != nil else {
      metrics.refused()
      let delay = metrics.expectedWait(behind: maximumWaiting)
      throw GenerationError(
        .overloaded(retryAfter: delay),
        "model \(plan.model) has \(maximumWaiting) requests waiting, which is the most; try again in "
          + "\(Int(delay.components.seconds)) s")
    }
    let (stream, continuation) = GenerationStream.make()
    let id = nextID.add(1, ordering: .relaxed).newValue
    continuation.onTermination { [weak self] in self?.post { $0.cancel(id) } }
    continuation.onDemand { [weak self] in self?.post { $0.resume(id) } }
    let accepted = post { core in core.submit(id, plan, continuation) }
    guard accepted else {
      noteStarted()
      throw GenerationError(.unavailable, "model \(plan.model) is being unloaded; try again")
    }
    return stream
  }

  /// A waiting request has begun or gone.
  func noteStarted() {
    inbox.withLock { $0.waiting -= 1 }
  }

  /// A request that had begun waits again.
  func noteWaiting() {
    inbox.withLock { $0.waiting += 1 }
  }

  /// Requests that wait or run.
  var load: Int { inbox.withLock { $0.waiting + $0.working } }

  func noteWorking(_ count: Int) {
    inbox.withLock { $0.working = count }
  }

  /// Ends the loop: what runs may finish until the deadline, what waits is refused.
  func stop(by deadline: ContinuousClock.Instant) async {
    await withCheckedContinuation { (stopped: CheckedContinuation<Void, Never>) in
      let accepted = post { $0.stop(by: deadline) { stopped.resume() } }
      if !accepted { stopped.resume() }
    }
  }

  private func run(_ core: DecodeCore) {
    while true {
      for letter in take() { letter(core) }
      if core.isStopped {
        let rest = inbox.withLock { inbox in
          inbox.isClosed = true
          defer { inbox.letters = [] }
          return inbox.letters
        }
        for letter in rest { letter(core) }
        core.abandonAll()
        return
      }
      if core.step() { continue }
      _ = signal.wait(timeout: .now() + .milliseconds(core.idleMilliseconds))
    }
  }

  private func take() -> [@Sendable (DecodeCore) -> Void] {
    inbox.withLock { inbox in
      inbox.isSignalled = false
      defer { inbox.letters = [] }
      return inbox.letters
    }
  }
}
