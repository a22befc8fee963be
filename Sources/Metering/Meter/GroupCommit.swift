import Synchronization

/// One writer for all requests to a store that others share: what comes while a transaction runs goes into the next one
/// together, and every decision is the store's.
final class GroupCommit: ClaimDesk {
  typealias Answer = ClaimAnswer

  enum Command: Sendable {
    case claim(BudgetBook.Claim, CheckedContinuation<Answer, Never>)
    case closing(BudgetBook.Closing, CheckedContinuation<Void, Never>?)
  }

  private struct State {
    var queue: [Command] = []
    var isRunning = false
    var isClosed = false
    var failures = 0
    var failed = ContinuousClock.now
    var idle: [CheckedContinuation<Void, Never>] = []
  }

  /// How often a transaction is tried again, 100 ms apart, once the meter has been closed.
  private static let lastAttempts = 20

  private let store: any UsageStore
  private let options: MeterOptions
  private let now: @Sendable () -> UTCTime
  private let policy: @Sendable () -> StandingPolicy
  private let state = Mutex(State())

  init(
    store: any UsageStore, options: MeterOptions, now: @escaping @Sendable () -> UTCTime,
    policy: @escaping @Sendable () -> StandingPolicy
  ) {
    self.store = store
    self.options = options
    self.now = now
    self.policy = policy
  }

  /// Whether nothing is to be decided because the store fails. Now and then one claim finds out whether it still does.
  var isFailing: Bool {
    state.withLock { state in
      state.failures > 0 && (state.isRunning || ContinuousClock.now - state.failed < options.probeInterval)
    }
  }

  func decideNow(_ claim: BudgetBook.Claim) -> ClaimAnswer? { nil }

  func closeNow(_ closing: BudgetBook.Closing) -> Bool { false }

  func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    try await store.counters(names)
  }

  func countersNow(_ names: [CounterID]) -> [CounterID: Counter]? { nil }

  /// Everything is in the store as soon as it is known.
  func flush() async {}

  /// Decides on a claim and writes down what was granted. Waits for no longer than the store's own deadline for a
  /// transaction or two.
  func decide(_ claim: BudgetBook.Claim) async -> Answer {
    await withCheckedContinuation { continuation in
      let isClosed = state.withLock(\.isClosed)
      if isClosed {
        continuation.resume(returning: .failure(UsageStoreError("the account is closed: the node is stopping")))
      } else {
        add(.claim(claim, continuation))
      }
    }
  }

  /// Writes down what a reservation turned into, and returns once that is done, or was tried once and is kept for later.
  func close(_ closing: BudgetBook.Closing) async {
    await withCheckedContinuation { add(.closing(closing, $0)) }
  }

  /// ``close(_:)`` without waiting.
  func closeLater(_ closing: BudgetBook.Closing) {
    add(.closing(closing, nil))
  }

  /// Takes no more claims, and returns once everything is written.
  func finish() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        state.isClosed = true
        guard state.isRunning else { return true }
        state.idle.append(continuation)
        return false
      }
      if isIdle { continuation.resume() }
    }
  }

  private func add(_ command: Command) {
    let starts = state.withLock { state in
      state.queue.append(command)
      defer { state.isRunning = true }
      return !state.isRunning
    }
    // Unstructured because it serves all callers and must outlive each: none may take the others' transaction with it
    // when it is cancelled. It ends when nothing waits.
    if starts { Task { await drain() } }
  }

  private func next() -> [Command]? {
    let (batch, idle) = state.withLock { state -> ([Command]?, [CheckedContinuation<Void, Never>]) in
      guard !state.queue.isEmpty else {
        state.isRunning = false
        defer { state.idle = [] }
        return (nil, state.idle)
      }
      let batch = Array(state.queue.prefix(options.maximumBatch))
      state.queue.removeFirst(batch.count)
      return (batch, [])
    }
    for waiter in idle { waiter.resume() }
    return batch
  }

  private func drain() async {
    while let batch = next() {
      let began = ContinuousClock.now
      do throws(UsageStoreError) {
        let verdicts = try await commit(batch)
        state.withLock { $0.failures = 0 }
        answer(batch, verdicts)
      } catch {
        await postpone(batch, error)
        continue
      }
      // Nothing cancels this task, so the sleep ends when it should.
      let isBusy = state.withLock { !$0.queue.isEmpty && $0.queue.count < options.maximumBatch && !$0.isClosed }
      if isBusy { try? await Task.sleep(until: began + options.commitInterval, clock: .continuous) }
    }
  }

  private func commit(_ batch: [Command]) async throws(UsageStoreError) -> [BudgetBook.Verdict?] {
    let policy = policy()
    var names: Set<CounterID> = []
    var closing: [UsageID] = []
    let plans = batch.map { command in
      let plan: AccountPlan
      switch command {
      case .claim(let claim, _): plan = AccountPlan(claim.request.account, at: claim.time, policy)
      case .closing(let closed, _):
        plan = AccountPlan(closed.reservation.account, at: closed.reservation.time, policy)
        closing.append(closed.reservation.id)
      }
      names.formUnion(plan.counters)
      return plan
    }
    let now = now()
    return try await store.transact(counters: names, closing: closing) { transaction in
      zip(batch, plans).map { command, plan in
        switch command {
        case .claim(let claim, _):
          let verdict = BudgetBook.decide(claim, plan, plan.counters, &transaction)
          if case .granted(let reservation, _) = verdict { transaction.reservations.append(reservation) }
          return verdict
        case .closing(let closed, _):
          let id = closed.reservation.id
          transaction.events += BudgetBook.close(
            closed, isOpen: transaction.open.contains(id), wasRecovered: transaction.recovered.contains(id), at: now,
            plan, plan.counters, &transaction)
          return nil
        }
      }
    }
  }

  private func answer(_ batch: [Command], _ verdicts: [BudgetBook.Verdict?]) {
    for (command, verdict) in zip(batch, verdicts) {
      switch (command, verdict) {
      case (.claim(_, let continuation), let verdict?): continuation.resume(returning: .success(verdict))
      case (.claim(_, let continuation), nil):
        continuation.resume(returning: .failure(UsageStoreError("the claim was not decided")))
      case (.closing(_, let continuation), _): continuation?.resume()
      }
    }
  }

  /// Claims fail; what has been used is kept, and tried again until it is written or the node stops. It is bounded by
  /// ``MeterOptions/maximumOpen``, and while it waits nothing new is granted.
  private func postpone(_ batch: [Command], _ error: UsageStoreError) async {
    var kept: [Command] = []
    for command in batch {
      switch command {
      case .claim(_, let continuation): continuation.resume(returning: .failure(error))
      case .closing(let closing, let continuation):
        continuation?.resume()
        kept.append(.closing(closing, nil))
      }
    }
    let isLast = state.withLock { state in
      state.failures += 1
      state.failed = .now
      // What cannot be written now stays reserved in the store, and is recovered at the next start.
      if state.isClosed, state.failures > Self.lastAttempts {
        let rest = state.queue
        state.queue = []
        kept = rest
        return true
      }
      state.queue.insert(contentsOf: kept, at: 0)
      return false
    }
    if isLast {
      for case .closing(_, let continuation?) in kept { continuation.resume() }
      for case .claim(_, let continuation) in kept { continuation.resume(returning: .failure(error)) }
    } else {
      try? await Task.sleep(for: .milliseconds(100))
    }
  }
}
