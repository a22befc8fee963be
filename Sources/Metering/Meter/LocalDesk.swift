import Synchronization

/// Decides in memory, for a store that one process has to itself. What is granted and what is closed goes into the journal
/// before the caller goes on, and into the store a moment later, together.
final class LocalDesk: ClaimDesk {
  /// The most events that wait for a store that keeps failing; nothing more is granted then.
  static let maximumWaiting = 200_000

  /// An account's plan, with the slots of its counters.
  private final class Place: Sendable {
    let plan: AccountPlan
    let slots: [Int]

    init(_ plan: AccountPlan, _ slots: [Int]) {
      self.plan = plan
      self.slots = slots
    }
  }

  /// A reservation that is not closed.
  private struct Open {
    var reservation: Reservation
    var place: Place
  }

  private struct State {
    var counters = LocalCounters()
    /// By key. Another day, another policy or another owner of the key makes another.
    var places: [String: Place] = [:]
    var open: [UsageID: Open] = [:]
    var events: [UsageEvent] = []
    var isFlushing = false
    var isClosed = false
    var failures = 0
    var isWriting = false
    var writers: [CheckedContinuation<Void, Never>] = []

    /// Where an account's counters are; nil where some are not in memory.
    mutating func place(of account: Account, at time: UTCTime, _ policy: StandingPolicy) -> Place? {
      let key = account.key ?? ""
      if let known = places[key], known.plan.day == time.day, known.plan.policy === policy,
        known.plan.account == account
      {
        return known
      }
      let plan = AccountPlan(account, at: time, policy)
      guard let slots = counters.slots(of: plan.counters) else { return nil }
      if places.count >= LocalDesk.maximumPlaces { places = [:] }
      let place = Place(plan, slots)
      places[key] = place
      return place
    }
  }

  /// The most accounts whose limits are remembered; those of others are worked out for each request.
  private static let maximumPlaces = 16_384
  /// How often the store is tried again, 100 ms apart, once the meter has been closed.
  private static let lastAttempts = 20

  private let store: any SoleUsageStore
  private let journal: UsageJournal
  private let options: MeterOptions
  private let now: @Sendable () -> UTCTime
  private let policy: @Sendable () -> StandingPolicy
  private let state = Mutex(State())

  init(
    store: any SoleUsageStore, journal: UsageJournal, options: MeterOptions, now: @escaping @Sendable () -> UTCTime,
    policy: @escaping @Sendable () -> StandingPolicy
  ) {
    self.store = store
    self.journal = journal
    self.options = options
    self.now = now
    self.policy = policy
  }

  var isFailing: Bool {
    state.withLock { $0.failures > 0 && $0.events.count >= Self.maximumWaiting }
  }

  func decideNow(_ claim: BudgetBook.Claim) -> ClaimAnswer? {
    let policy = policy()
    return state.withLock { state in
      guard !state.isClosed else {
        return .failure(UsageStoreError("the account is closed: the node is stopping"))
      }
      guard let place = state.place(of: claim.request.account, at: claim.time, policy) else { return nil }
      let verdict = BudgetBook.decide(claim, place.plan, place.slots, &state.counters)
      if case .granted(let reservation, _) = verdict {
        do throws(UsageStoreError) {
          try journal.append(reservation)
        } catch {
          BudgetBook.undo(reservation, place.plan, place.slots, &state.counters)
          return .failure(error)
        }
        state.open[reservation.id] = Open(reservation: reservation, place: place)
      }
      return .success(verdict)
    }
  }

  func decide(_ claim: BudgetBook.Claim) async -> ClaimAnswer {
    if let answer = decideNow(claim) { return answer }
    let names = AccountPlan(claim.request.account, at: claim.time, policy()).counters
    do throws(UsageStoreError) {
      let found = try await store.counters(names)
      state.withLock { state in
        for name in names { state.counters.load(name, found[name] ?? Counter()) }
      }
    } catch {
      return .failure(error)
    }
    return decideNow(claim) ?? .failure(UsageStoreError("the counters of the account are not in memory"))
  }

  func closeNow(_ closing: BudgetBook.Closing) -> Bool {
    let time = now()
    let starts = state.withLock { state in
      guard let open = state.open.removeValue(forKey: closing.reservation.id) else { return false }
      // Where the journal cannot be written, which lets nothing new be granted, it is still in memory, and reaches the store
      // from there.
      try? journal.append(closing.reservation.id, closing.events)
      state.events += BudgetBook.close(
        closing, isOpen: true, wasRecovered: false, at: time, open.place.plan, open.place.slots, &state.counters)
      defer { state.isFlushing = true }
      return !state.isFlushing
    }
    // Unstructured because it serves all callers and must outlive each. It ends when nothing waits.
    if starts { Task { await drain() } }
    return true
  }

  func close(_ closing: BudgetBook.Closing) async {
    _ = closeNow(closing)
  }

  func closeLater(_ closing: BudgetBook.Closing) {
    _ = closeNow(closing)
  }

  func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    let missing = state.withLock { state in names.filter { state.counters[$0] == nil } }
    var found = missing.isEmpty ? [:] : try await store.counters(missing)
    state.withLock { state in
      for name in names { if let known = state.counters[name] { found[name] = known } }
    }
    return found
  }

  func countersNow(_ names: [CounterID]) -> [CounterID: Counter]? {
    state.withLock { state in
      var found: [CounterID: Counter] = [:]
      for name in names {
        guard let counter = state.counters[name] else { return nil }
        found[name] = counter
      }
      return found
    }
  }

  func flush() async {
    _ = await write()
  }

  func finish() async {
    state.withLock { $0.isClosed = true }
    for _ in 0..<Self.lastAttempts {
      if await write() { break }
      try? await Task.sleep(for: .milliseconds(100))
    }
    // What runs still is not settled, and what could not be written is not in the store: both stay in the journal.
    state.withLock { state in
      if state.open.isEmpty, state.events.isEmpty { try? journal.reset() }
    }
  }

  // MARK: -

  private func drain() async {
    while true {
      // Nothing cancels this task, so the sleep ends when it should.
      try? await Task.sleep(for: options.flushInterval)
      let isWritten = await write()
      let isDone = state.withLock { state in
        guard state.events.isEmpty && isWritten || state.isClosed else { return false }
        state.isFlushing = false
        return true
      }
      if isDone { return }
    }
  }

  /// Waits until nobody else writes: a later state of a counter must not be overtaken by an earlier one.
  private func begin() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        guard state.isWriting else {
          state.isWriting = true
          return true
        }
        state.writers.append(continuation)
        return false
      }
      if isFree { continuation.resume() }
    }
  }

  private func end() {
    let next = state.withLock { state in
      guard state.writers.isEmpty else { return state.writers.removeFirst() as CheckedContinuation<Void, Never>? }
      state.isWriting = false
      return nil
    }
    next?.resume()
  }

  private struct Batch {
    var events: [UsageEvent]
    var counters: [CounterID: Counter]
    var segment: Int
  }

  /// Writes everything that waits in one transaction: events and the counters that they moved belong together.
  ///
  /// - Returns: false where the store failed; everything is kept then.
  private func write() async -> Bool {
    await begin()
    defer { end() }
    let batch: Batch? = state.withLock { state in
      guard !state.events.isEmpty || state.counters.hasChanges else { return nil }
      if journal.isLong {
        // Where no new file can be made the old one grows on; the store is written to all the same.
        try? journal.rotate(state.open.values.map(\.reservation))
      }
      // What is set aside is in the journal, and is recovered from there.
      let counters = state.counters.takeChanged().mapValues { Counter(spent: $0.spent) }
      defer { state.events = [] }
      return Batch(events: state.events, counters: counters, segment: journal.segment)
    }
    guard let batch else { return true }
    let (events, counters) = (batch.events, batch.counters)
    do throws(UsageStoreError) {
      _ = try await store.transact(counters: Set(counters.keys), closing: []) { transaction in
        transaction.events = events
        for (name, counter) in counters { transaction.change(name) { $0 = counter } }
        return true
      }
      state.withLock { state in
        state.failures = 0
        Self.forget(&state, before: now())
      }
      journal.drop(before: batch.segment)
      return true
    } catch {
      state.withLock { state in
        state.failures += 1
        state.events = events + state.events
        state.counters.putBack(counters.keys)
      }
      return false
    }
  }

  /// Counters of days and months that are over by more than a day are read again where somebody asks for them.
  private static func forget(_ state: inout State, before now: UTCTime) {
    guard state.counters.isLarge else { return }
    let yesterday = UTCTime(microseconds: now.microseconds - 86_400_000_000)
    let windows: Set<String> = [now.dayText, now.monthText, yesterday.dayText, yesterday.monthText]
    state.places = state.places.filter { $0.value.plan.day == now.day || $0.value.plan.day == yesterday.day }
    let held = Set(state.open.values.flatMap(\.place.slots))
    state.counters.forget { name, slot in
      windows.contains(name.window) || name.window >= "A" || held.contains(slot)
    }
  }
}
