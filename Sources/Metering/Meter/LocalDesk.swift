import Synchronization

/// Decides in memory, for a store that one process has to itself. What is granted and what is closed goes into the journal
/// before the caller goes on, and into the store a moment later, together.
final class LocalDesk: ClaimDesk {
  /// The most events that wait for a store that keeps failing; nothing more is granted then.
  static let maximumWaiting = 200_000

  private struct State {
    var counters: [CounterID: Counter] = [:]
    var changed: Set<CounterID> = []
    var open: [UsageID: Reservation] = [:]
    var events: [UsageEvent] = []
    var isFlushing = false
    var isClosed = false
    var failures = 0
    var isWriting = false
    var writers: [CheckedContinuation<Void, Never>] = []
  }

  /// How often the store is tried again, 100 ms apart, once the meter has been closed.
  private static let lastAttempts = 20

  private let store: any SoleUsageStore
  private let journal: UsageJournal
  private let options: MeterOptions
  private let now: @Sendable () -> UTCTime
  private let policy: @Sendable () -> MeteringPolicy
  private let state = Mutex(State())

  init(
    store: any SoleUsageStore, journal: UsageJournal, options: MeterOptions, now: @escaping @Sendable () -> UTCTime,
    policy: @escaping @Sendable () -> MeteringPolicy
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
    let book = BudgetBook(policy: policy())
    let names = book.counters(of: claim.request.account, at: claim.time)
    return state.withLock { state in
      guard !state.isClosed else {
        return .failure(UsageStoreError("the account is closed: the node is stopping"))
      }
      for name in names where state.counters[name] == nil { return nil }
      var transaction = UsageTransaction(counters: Self.taken(&state.counters), open: [], recovered: [])
      let verdict = book.decide(claim, &transaction)
      if case .granted(let reservation, _) = verdict {
        do throws(UsageStoreError) {
          try journal.append(.reservation(reservation))
        } catch {
          // Counters of a claim that is not granted must not keep what was set aside for it.
          Self.undo(reservation, &transaction)
          state.counters = transaction.takeCounters()
          return .failure(error)
        }
        state.open[reservation.id] = reservation
      }
      state.changed.formUnion(transaction.changed)
      state.counters = transaction.takeCounters()
      return .success(verdict)
    }
  }

  func decide(_ claim: BudgetBook.Claim) async -> ClaimAnswer {
    if let answer = decideNow(claim) { return answer }
    let names = BudgetBook(policy: policy()).counters(of: claim.request.account, at: claim.time)
    do throws(UsageStoreError) {
      let found = try await store.counters(names)
      state.withLock { state in
        // What was loaded or counted meanwhile is newer.
        for name in names where state.counters[name] == nil { state.counters[name] = found[name] ?? Counter() }
      }
    } catch {
      return .failure(error)
    }
    return decideNow(claim) ?? .failure(UsageStoreError("the counters of the account are not in memory"))
  }

  func closeNow(_ closing: BudgetBook.Closing) -> Bool {
    let book = BudgetBook(policy: policy())
    let time = now()
    let starts = state.withLock { state in
      guard state.open.removeValue(forKey: closing.reservation.id) != nil else { return false }
      // Where the journal cannot be written, which lets nothing new be granted, it is still in memory, and reaches the store
      // from there.
      try? journal.append(.closing(closing.reservation.id, closing.events))
      var transaction = UsageTransaction(
        counters: Self.taken(&state.counters), open: [closing.reservation.id], recovered: [])
      book.close(closing, at: time, &transaction)
      state.changed.formUnion(transaction.changed)
      state.events += transaction.events
      state.counters = transaction.takeCounters()
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
      guard !state.events.isEmpty || !state.changed.isEmpty else { return nil }
      if journal.isLong {
        // Where no new file can be made the old one grows on; the store is written to all the same.
        try? journal.rotate(state.open.values.map { .reservation($0) })
      }
      var counters: [CounterID: Counter] = [:]
      for name in state.changed {
        // What is set aside is in the journal, and is recovered from there.
        if let counter = state.counters[name] { counters[name] = Counter(spent: counter.spent) }
      }
      defer {
        state.events = []
        state.changed = []
      }
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
        state.changed.formUnion(counters.keys)
      }
      return false
    }
  }

  /// Counters of days and months that are over by more than a day are read again where somebody asks for them.
  private static func forget(_ state: inout State, before now: UTCTime) {
    guard state.counters.count > 4_096 else { return }
    let yesterday = UTCTime(microseconds: now.microseconds - 86_400_000_000)
    let kept: Set<String> = [now.dayText, now.monthText, yesterday.dayText, yesterday.monthText]
    let changed = state.changed
    state.counters = state.counters.filter { name, _ in
      kept.contains(name.window) || changed.contains(name) || name.window >= "A"
    }
  }

  /// The counters, so that whoever changes them is their only holder.
  private static func taken(_ counters: inout [CounterID: Counter]) -> [CounterID: Counter] {
    defer { counters = [:] }
    return counters
  }

  private static func undo(_ reservation: Reservation, _ transaction: inout UsageTransaction) {
    guard reservation.cost > .zero else { return }
    for scope in reservation.account.scopes {
      for window in [reservation.time.dayText, reservation.time.monthText] {
        transaction.change(CounterID(scope: scope.text, window: window)) { $0.reserved -= reservation.cost }
      }
    }
  }
}
