import AsyncHTTPClient
import ModelInterface
import NIOCore
import Synchronization

/// The edge around one request's ``CallMachine``: lock, ask the machine, do outside the lock what it says.
final class UpstreamCall: Sendable {
  typealias Answer = Result<UpstreamAnswer, GenerationError>

  private struct State {
    var machine: CallMachine
    var waiting: UnsafeContinuation<Answer, Never>?
    var exchanges: [(id: Int, exchange: UpstreamExchange)] = []
    var timer: Scheduled<Void>?
    var isCancelled = false
    var hasLeft = false

    mutating func remove(_ id: Int) {
      exchanges.removeAll { $0.id == id }
    }

    /// Whether nothing is left to do; true once.
    mutating func leaves() -> Bool {
      guard machine.isOver, exchanges.isEmpty, waiting == nil, !hasLeft else { return false }
      hasLeft = true
      return true
    }
  }

  let work: UpstreamWork
  let pool: UpstreamPool
  /// The instant after which the answer is worth nothing.
  let deadline: ContinuousClock.Instant
  /// How much time the request had when it began.
  let time: Duration
  private let state: Mutex<State>

  init(_ work: UpstreamWork, model: Int, pool: UpstreamPool) {
    self.work = work
    self.pool = pool
    let now = ContinuousClock.now
    let (machine, deadline) = pool.state.withLock { shared in
      shared.calls += 1
      let own = now + pool.endpoints[shared.fleet.models[model].upstream].deadlines.whole
      let deadline = work.context.deadline.map { min($0, own) } ?? own
      let machine = CallMachine(
        model: model, deadline: deadline, isStreamed: work.isStreamed, mayHedge: work.mayHedge, fleet: shared.fleet)
      return (machine, deadline)
    }
    self.deadline = deadline
    time = deadline - now
    state = Mutex(State(machine: machine))
  }

  /// Begins; the continuation is resumed once, with the answer's beginning or the error.
  func begin(_ continuation: UnsafeContinuation<Answer, Never>) {
    let actions = state.withLock { state in
      state.waiting = continuation
      guard !state.isCancelled else { return CallMachine.Actions(failure: Self.cancelled) }
      return ask(&state) { $0.begin(at: $1, fleet: &$2) }
    }
    perform(actions)
  }

  /// The task that waits for the answer was cancelled.
  func cancel() {
    typealias Found = (UnsafeContinuation<Answer, Never>?, [UpstreamExchange], Scheduled<Void>?)
    let (waiting, exchanges, timer): Found = state.withLock { state in
      state.isCancelled = true
      // The answer has been handed over: its stream is cancelled by letting go of it.
      guard !state.machine.isOver else { return (nil, [], nil) }
      let ids = state.machine.abandon()
      defer { state.waiting = nil }
      return (state.waiting, state.exchanges.filter { ids.contains($0.id) }.map(\.exchange), state.timer)
    }
    timer?.cancel()
    for exchange in exchanges { exchange.abandon() }
    waiting?.resume(returning: .failure(Self.cancelled))
    leaveIfDone()
  }

  /// An exchange failed before it delivered anything.
  func failed(_ id: Int, _ error: GenerationError) {
    let actions = state.withLock { state in
      state.remove(id)
      return ask(&state) { $0.failed(id, error, at: $1, fleet: &$2) }
    }
    perform(actions)
    leaveIfDone()
  }

  /// An exchange has the beginning of an answer, or the whole.
  ///
  /// - Returns: false where another was first, or nobody waits any more.
  func delivered(_ id: Int, _ answer: UpstreamAnswer) -> Bool {
    typealias Outcome = (won: Bool, loser: UpstreamExchange?, UnsafeContinuation<Answer, Never>?, Scheduled<Void>?)
    let (won, loser, waiting, timer): Outcome = state.withLock { state in
      switch ask(&state, { $0.delivered(id, at: $1, fleet: &$2) }) {
      case .loses: return (false, nil, nil, nil)
      case .wins(let other):
        defer {
          state.waiting = nil
          state.timer = nil
        }
        return (true, state.exchanges.first { $0.id == other }?.exchange, state.waiting, state.timer)
      }
    }
    timer?.cancel()
    loser?.lose()
    waiting?.resume(returning: .success(answer))
    return won
  }

  /// An exchange is over after it delivered, or because it was broken off.
  func ended(_ id: Int, error: GenerationError?) {
    state.withLock { state in
      state.remove(id)
      ask(&state) { $0.ended(id, error: error, at: $1, fleet: &$2) }
    }
    leaveIfDone()
  }

  // MARK: -

  private static var cancelled: GenerationError { GenerationError(.cancelled, "the request was cancelled") }

  private func ask<Result>(
    _ state: inout State, _ question: (inout CallMachine, ContinuousClock.Instant, inout Fleet) -> Result
  ) -> Result {
    pool.state.withLock { question(&state.machine, .now, &$0.fleet) }
  }

  private func perform(_ actions: CallMachine.Actions) {
    if let wake = actions.wake { schedule(wake) }
    if let id = actions.cancel {
      state.withLock { state in state.exchanges.first { $0.id == id }?.exchange }?.abandon()
    }
    if let attempt = actions.start { start(attempt) }
    if let failure = actions.failure {
      let (waiting, timer) = state.withLock { state in
        defer {
          state.waiting = nil
          state.timer = nil
        }
        return (state.waiting, state.timer)
      }
      timer?.cancel()
      waiting?.resume(returning: .failure(failure))
      leaveIfDone()
    }
  }

  private func schedule(_ time: ContinuousClock.Instant) {
    let wait = max(1, (time - .now).inNanoseconds)
    let timer = HTTPClient.defaultEventLoopGroup.any().scheduleTask(in: .nanoseconds(wait)) { self.woke(time) }
    let superseded = state.withLock { state in
      guard !state.machine.isOver else { return timer as Scheduled<Void>? }
      defer { state.timer = timer }
      return state.timer
    }
    superseded?.cancel()
  }

  private func woke(_ time: ContinuousClock.Instant) {
    perform(state.withLock { state in ask(&state) { $0.woke(time, at: max($1, time), fleet: &$2) } })
  }

  private func start(_ attempt: CallMachine.Attempt) {
    do throws(GenerationError) {
      let exchange = try UpstreamExchange(attempt, of: self)
      let isWanted = state.withLock { state in
        guard !state.machine.isOver else { return false }
        state.exchanges.append((attempt.id, exchange))
        return true
      }
      if isWanted { exchange.run() } else { ended(attempt.id, error: Self.cancelled) }
    } catch {
      failed(attempt.id, error)
    }
  }

  private func leaveIfDone() {
    if state.withLock({ $0.leaves() }) { pool.leave() }
  }
}
