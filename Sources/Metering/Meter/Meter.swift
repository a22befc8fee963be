package import ModelInterface
import Synchronization

/// Keeps the account: nothing runs before its upper bound is set aside, and everything that ran is written down once.
///
/// What is guaranteed after `kill -9` at any moment: a request whose ``decide(_:)`` returned a grant is in the store or its
/// journal, either as a reservation or as an event; the next ``open(store:policy:options:now:resolve:)`` turns reservations into events with
/// the outcome `lost`. So the sum of events is never less than what was granted and begun, and a budget that was spent
/// before a crash is spent after it.
package final class Meter: Sendable {
  /// How many reservations one step of the recovery takes.
  private static let recoveryBatch = 500

  private let store: any UsageStore
  private let options: MeterOptions
  private let owner: String
  private let resolve: @Sendable (String) -> [String]
  private let current: PolicyCell
  private let commit: any ClaimDesk
  private let open = Atomic(0)
  private let identifiers = UsageIDs()
  let now: @Sendable () -> UTCTime

  private init(
    store: any UsageStore, desk: any ClaimDesk, policy: PolicyCell, options: MeterOptions,
    now: @escaping @Sendable () -> UTCTime, resolve: @escaping @Sendable (String) -> [String]
  ) {
    self.store = store
    self.options = options
    self.now = now
    self.resolve = resolve
    current = policy
    commit = desk
    owner = identifiers.next(at: now()).text
  }

  /// A meter over a store, once everything that a dead process left behind is recovered.
  ///
  /// - Parameters:
  ///   - now: the time of day.
  ///   - resolve: the models that a name may turn out to be, for names such as `auto`; what it may cost at most is what the
  ///     dearest of them may.
  /// - Throws: ``UsageStoreError``.
  package static func open(
    store: any UsageStore, policy: MeteringPolicy, options: MeterOptions = MeterOptions(),
    now: @escaping @Sendable () -> UTCTime, resolve: @escaping @Sendable (String) -> [String] = { [$0] }
  ) async throws(UsageStoreError) -> Meter {
    let current = PolicyCell(policy)
    let direct = GroupCommit(store: store, options: options, now: now, policy: { current.value })
    func meter(_ desk: any ClaimDesk) -> Meter {
      Meter(store: store, desk: desk, policy: current, options: options, now: now, resolve: resolve)
    }
    let recovering = meter(direct)
    try await recovering.renewLease()
    guard let folder = options.journal, !options.isShared, let sole = store as? any SoleUsageStore else {
      _ = try await recovering.recover(allOthers: !options.isShared)
      return recovering
    }
    // What the journal of a dead process holds goes into the store first, and is recovered there with everything else.
    let journal = try UsageJournal(folder: folder)
    try await JournalRecovery(store: sole, commit: direct, policy: current.value).adopt(journal.replay())
    _ = try await recovering.recover(allOthers: true)
    try journal.reset()
    return meter(LocalDesk(store: sole, journal: journal, options: options, now: now, policy: { current.value }))
  }

  /// How many requests are granted and not settled.
  package var openCount: Int { open.load(ordering: .relaxed) }

  /// The policy in force.
  package var policy: MeteringPolicy { current.value.value }

  /// How that policy estimates prompts.
  package var estimate: PromptEstimate { current.value.value.estimate }

  /// Whether what a model reads or writes may cost anything.
  package func costs(_ model: String) -> Bool {
    current.value.upperBound(of: model, Usage(promptTokens: 1, completionTokens: 1), resolve) > .zero
  }

  /// Puts another policy in force, for requests that come from now on. What is granted already keeps its prices.
  package func update(_ policy: MeteringPolicy) {
    current.set(policy)
  }

  /// Decides on a piece of work, and sets aside what it may cost.
  package func decide(_ request: MeteredRequest) async -> MeteringDecision {
    if let obstacle { return obstacle }
    let policy = current.value
    return decision(await commit.decide(claim(request)), policy, of: request)
  }

  /// ``decide(_:)`` where nothing has to be waited for.
  ///
  /// - Returns: nil where something has; nothing has been set aside then.
  package func decideNow(_ request: MeteredRequest) -> MeteringDecision? {
    if let obstacle { return obstacle }
    let policy = current.value
    guard let answer = commit.decideNow(claim(request)) else {
      open.wrappingSubtract(1, ordering: .relaxed)
      return nil
    }
    return decision(answer, policy, of: request)
  }

  /// What stands in the way of every request; where nothing does, one more is counted as open.
  private var obstacle: MeteringDecision? {
    guard !commit.isFailing else {
      return .unavailable("the account cannot be written: its store keeps failing; see the node's log and its disk")
    }
    guard open.wrappingAdd(1, ordering: .relaxed).newValue <= options.maximumOpen else {
      open.wrappingSubtract(1, ordering: .relaxed)
      return .unavailable("\(options.maximumOpen) requests run already, the most that are accounted for at a time")
    }
    return nil
  }

  private func claim(_ request: MeteredRequest) -> BudgetBook.Claim {
    let time = now()
    return BudgetBook.Claim(
      id: identifiers.next(at: time), owner: owner, time: time, request: request, resolve: resolve)
  }

  private func decision(
    _ answer: ClaimAnswer, _ policy: StandingPolicy, of request: MeteredRequest
  ) -> MeteringDecision {
    switch answer {
    case .success(.granted(let reservation, let replaced)):
      return .granted(
        Grant(reservation, of: request, replaced: replaced, meter: self, policy: policy))
    case .success(.deferred(let refusal)):
      open.wrappingSubtract(1, ordering: .relaxed)
      return .deferred(refusal)
    case .success(.refused(let refusal)):
      open.wrappingSubtract(1, ordering: .relaxed)
      return .refused(refusal)
    case .failure(let error):
      open.wrappingSubtract(1, ordering: .relaxed)
      return .unavailable("the account cannot be written: \(error)")
    }
  }

  /// ``decide(_:)``, except that work that can be deferred waits for as long as stated, and for no longer than until its
  /// deadline, and is then decided on anew.
  package func decide(_ request: MeteredRequest, waitingFor longest: Duration) async -> MeteringDecision {
    let end = min(ContinuousClock.now + longest, request.deadline ?? ContinuousClock.now + longest)
    while true {
      let decision = await decide(request)
      guard case .deferred(let refusal) = decision, let pause = refusal.retryAfter,
        ContinuousClock.now + pause < end
      else { return decision }
      do { try await Task.sleep(for: pause) } catch { return decision }
    }
  }

  /// Says at regular times that this process lives and, where the store is shared, recovers what dead replicas left
  /// behind. Returns when its task is cancelled. A failure is handed to `report` and tried again a moment later.
  package func run(report: @Sendable (UsageStoreError) -> Void = { _ in }) async {
    while !Task.isCancelled {
      do throws(UsageStoreError) {
        try await renewLease()
        if options.isShared { _ = try await recover(allOthers: false) }
      } catch {
        report(error)
      }
      do { try await Task.sleep(for: options.lease / 4) } catch { return }
    }
  }

  /// Turns reservations of dead processes into events of the outcome `lost`.
  ///
  /// - Returns: how many.
  /// - Throws: ``UsageStoreError``.
  package func recover(allOthers: Bool) async throws(UsageStoreError) -> Int {
    let time = allOthers ? UTCTime(microseconds: .max) : now()
    var count = 0
    while true {
      let found = try await store.orphans(at: time, excluding: owner, limit: Self.recoveryBatch)
      guard !found.isEmpty else { return count }
      let policy = policy
      await withTaskGroup { group in
        for reservation in found {
          group.addTask {
            await self.commit.close(
              Grant.lost(reservation, policy, latency: self.now().since(reservation.time)))
          }
        }
      }
      guard !commit.isFailing else {
        throw UsageStoreError("what a dead process left behind cannot be recovered: the store keeps failing")
      }
      count += found.count
    }
  }

  /// How the budgets of an account stand.
  ///
  /// - Throws: ``UsageStoreError``.
  package func standing(of account: Account) async throws(UsageStoreError) -> [BudgetStanding] {
    let commit = commit
    return try await BudgetStanding.all(of: account, policy: policy, at: now()) { names throws(UsageStoreError) in
      try await commit.counters(names)
    }
  }

  /// Whether ``decideNow(_:)`` will decide on work of an account.
  package func isReady(for account: Account) -> Bool {
    commit.countersNow(AccountPlan(account, at: now(), current.value).counters) != nil
  }

  /// What an account may still spend on one request, by the tightest of its budgets; nil where none is in force, or what is
  /// spent is not in memory.
  package func remaining(of account: Account) -> Money? {
    let (policy, time) = (policy, now())
    var least: Money?
    for scope in account.scopes {
      for budget in policy.budgets(of: scope, on: account) {
        var left = budget.limit
        if budget.period != .request {
          let name = CounterID(scope: scope.text, window: budget.period == .day ? time.dayText : time.monthText)
          guard let counter = commit.countersNow([name])?[name] else { return nil }
          left = max(.zero, left - counter.spent - counter.reserved)
        }
        least = min(least ?? left, left)
      }
    }
    return least
  }

  /// Puts everything that is known into the store, for whoever reads it there.
  package func flush() async {
    await commit.flush()
  }

  /// Grants nothing more, writes down what was settled, and gives up the lease. Work that is not settled by then is
  /// recovered at the next start.
  package func close() async {
    await commit.finish()
    // The next start finds the reservations by itself where the lease could not be given up; it takes a little longer.
    try? await store.renewLease(of: owner, until: UTCTime(microseconds: 0))
  }

  /// Closes without waiting, where that can be done.
  func closeNow(_ closing: BudgetBook.Closing) -> Bool {
    guard commit.closeNow(closing) else { return false }
    open.wrappingSubtract(1, ordering: .relaxed)
    return true
  }

  func close(_ closing: BudgetBook.Closing) async {
    open.wrappingSubtract(1, ordering: .relaxed)
    switch options.durability {
    case .full: await commit.close(closing)
    case .reservation: commit.closeLater(closing)
    }
  }

  func closeLater(_ closing: BudgetBook.Closing) {
    open.wrappingSubtract(1, ordering: .relaxed)
    commit.closeLater(closing)
  }

  private func renewLease() async throws(UsageStoreError) {
    try await store.renewLease(of: owner, until: now() + options.lease)
  }
}

/// How a budget stands.
package struct BudgetStanding: Sendable, Hashable {
  /// Whose.
  package var scope: BudgetScope
  /// The limit.
  package var budget: Budget
  /// What has been spent in this period.
  package var spent: Money
  /// What is set aside for work that runs.
  package var reserved: Money
  /// When the next period begins.
  package var resets: UTCTime

  /// How the budgets of an account stand, by counters that are read one after the other.
  ///
  /// - Throws: what reading them throws.
  package static func all(
    of account: Account, policy: MeteringPolicy, at time: UTCTime,
    reading: ([CounterID]) async throws(UsageStoreError) -> [CounterID: Counter]
  ) async throws(UsageStoreError) -> [BudgetStanding] {
    var standings: [BudgetStanding] = []
    for scope in account.scopes {
      for budget in policy.budgets(of: scope, on: account) where budget.period != .request {
        let window = budget.period == .day ? time.dayText : time.monthText
        let name = CounterID(scope: scope.text, window: window)
        let counter = try await reading([name])[name] ?? Counter()
        standings.append(
          BudgetStanding(
            scope: scope, budget: budget, spent: counter.spent, reserved: counter.reserved,
            resets: budget.period == .day ? time.nextDay : time.nextMonth))
      }
    }
    return standings
  }
}
