import Synchronization

/// Keeps the account: nothing runs before its upper bound is set aside, and everything that ran is written down once.
///
/// What is guaranteed after `kill -9` at any moment: a request whose ``decide(_:)`` returned a grant is in the store, either
/// as a reservation or as an event; the next ``open(store:policy:options:now:resolve:)`` turns reservations into events with
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
  private let commit: GroupCommit
  private let open = Atomic(0)
  let now: @Sendable () -> UTCTime

  private init(
    store: any UsageStore, policy: MeteringPolicy, options: MeterOptions, now: @escaping @Sendable () -> UTCTime,
    resolve: @escaping @Sendable (String) -> [String]
  ) {
    self.store = store
    self.options = options
    self.now = now
    self.resolve = resolve
    let current = PolicyCell(policy)
    self.current = current
    commit = GroupCommit(store: store, options: options, now: now, policy: { current.value })
    owner = Self.identifier(at: now()).text
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
    let meter = Meter(store: store, policy: policy, options: options, now: now, resolve: resolve)
    try await meter.renewLease()
    _ = try await meter.recover(allOthers: !options.isShared)
    return meter
  }

  /// The policy in force.
  package var policy: MeteringPolicy { current.value }

  /// Puts another policy in force, for requests that come from now on. What is granted already keeps its prices.
  package func update(_ policy: MeteringPolicy) {
    current.value = policy
  }

  /// Decides on a piece of work, and sets aside what it may cost.
  package func decide(_ request: MeteredRequest) async -> MeteringDecision {
    guard !commit.isFailing else {
      return .unavailable("the account cannot be written: its store keeps failing; see the node's log and its disk")
    }
    guard open.wrappingAdd(1, ordering: .relaxed).newValue <= options.maximumOpen else {
      open.wrappingSubtract(1, ordering: .relaxed)
      return .unavailable("\(options.maximumOpen) requests run already, the most that are accounted for at a time")
    }
    let policy = policy
    let time = now()
    let claim = BudgetBook.Claim(
      id: Self.identifier(at: time), owner: owner, time: time, request: request, resolve: resolve)
    switch await commit.decide(claim) {
    case .success(.granted(let reservation, let replaced)):
      return .granted(Grant(reservation, replaced: replaced, meter: self, policy: policy))
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
    let (policy, time) = (policy, now())
    var standings: [BudgetStanding] = []
    for scope in account.scopes {
      for budget in policy.budgets(of: scope) where budget.period != .request {
        let window = budget.period == .day ? time.dayText : time.monthText
        let name = CounterID(scope: scope.text, window: window)
        let counter = try await store.counters([name])[name] ?? Counter()
        standings.append(
          BudgetStanding(
            scope: scope, budget: budget, spent: counter.spent, reserved: counter.reserved,
            resets: budget.period == .day ? time.nextDay : time.nextMonth))
      }
    }
    return standings
  }

  /// Grants nothing more, writes down what was settled, and gives up the lease. Work that is not settled by then is
  /// recovered at the next start.
  package func close() async {
    await commit.finish()
    // The next start finds the reservations by itself where the lease could not be given up; it takes a little longer.
    try? await store.renewLease(of: owner, until: UTCTime(microseconds: 0))
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

  private static func identifier(at time: UTCTime) -> UsageID {
    var random = SystemRandomNumberGenerator()
    return UsageID(time: time, random: (random.next(), random.next()))
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
}

/// The policy in force, which changes while requests read it.
final class PolicyCell: Sendable {
  private let state: Mutex<MeteringPolicy>

  init(_ policy: MeteringPolicy) {
    state = Mutex(policy)
  }

  var value: MeteringPolicy {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
