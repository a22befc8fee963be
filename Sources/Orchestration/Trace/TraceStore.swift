import Synchronization

/// The traces of the last answers, in memory and bounded; what is over and oldest goes first.
package final class TraceStore: Sendable {
  /// What is kept.
  package struct Limits: Sendable, Equatable {
    /// The most traces.
    package var traces = 512
    /// The most events of one trace. The last place is kept for the end; what comes between is counted and left out.
    package var events = 512
    /// The most bytes of all traces that are over, roughly.
    package var bytes = 32 << 20
    /// The most characters of a text that are shown.
    package var preview = 600
    /// The most readers that wait for one trace to go on.
    package var followers = 64

    /// The usual limits.
    package init() {}
  }

  /// What a reader gets next.
  package enum Next: Sendable, Equatable {
    /// These events, at least one.
    case events([TraceEvent])
    /// There is nothing more.
    case end
    /// Too many read along already.
    case busy
  }

  private struct Entry {
    var trace: OrchestrationTrace
    var size: Int
    var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
  }

  private struct State {
    var entries: [String: Entry] = [:]
    /// From the oldest on.
    var order: [String] = []
    var bytes = 0
    var nextWaiter = 0
  }

  /// What is kept.
  package let limits: Limits
  private let state = Mutex(State())

  /// An empty store.
  package init(limits: Limits = Limits()) {
    self.limits = limits
  }

  /// The trace of that name; nil where there is none, or no longer.
  package func trace(_ id: String) -> OrchestrationTrace? {
    state.withLock { $0.entries[id]?.trace }
  }

  /// The last traces of a tenant, or of all, the newest first.
  package func recent(of tenant: String?, limit: Int) -> [OrchestrationTrace] {
    state.withLock { state in
      var found: [OrchestrationTrace] = []
      for id in state.order.reversed() {
        guard found.count < limit else { break }
        if let trace = state.entries[id]?.trace, tenant == nil || trace.tenant == tenant { found.append(trace) }
      }
      return found
    }
  }

  /// The events from that number on; waits where there are none yet and the answer is still being made.
  package func next(_ id: String, from number: Int) async -> Next {
    let key = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    while !Task.isCancelled {
      let ready: Next? = state.withLock { state in
        guard let entry = state.entries[id] else { return .end }
        let events = entry.trace.events.filter { $0.number >= number }
        if !events.isEmpty { return .events(events) }
        if entry.trace.isOver { return .end }
        return entry.waiters.count < limits.followers ? nil : .busy
      }
      if let ready { return ready }
      await wait(id, from: number, key)
    }
    return .end
  }

  private func wait(_ id: String, from number: Int, _ key: Int) async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { state in
          guard !Task.isCancelled, let entry = state.entries[id], !entry.trace.isOver,
            (entry.trace.events.last?.number ?? -1) < number
          else { return true }
          state.entries[id]?.waiters[key] = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.entries[id]?.waiters.removeValue(forKey: key) }?.resume()
    }
  }

  func begin(_ trace: OrchestrationTrace) {
    let dropped = state.withLock { state in
      state.entries[trace.id] = Entry(trace: trace, size: trace.size)
      state.order.append(trace.id)
      state.bytes += trace.size
      return shrink(&state)
    }
    for waiter in dropped { waiter.resume() }
  }

  func append(_ event: TraceEvent, to id: String) {
    let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      guard var entry = state.entries[id], !entry.trace.isOver else { return [] }
      // Written back in place, so that the array is not copied.
      state.entries[id] = nil
      if event.isLast || entry.trace.events.count < limits.events - 1 {
        entry.trace.events.append(event)
        entry.size += event.size
        state.bytes += event.size
      } else {
        entry.trace.omitted += 1
      }
      let waiters = Array(entry.waiters.values)
      entry.waiters = [:]
      state.entries[id] = entry
      return waiters + shrink(&state)
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Drops what is over and oldest; where all still run, the oldest.
  private func shrink(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
    var waiters: [CheckedContinuation<Void, Never>] = []
    while state.order.count > max(1, limits.traces) || state.bytes > limits.bytes && state.order.count > 1 {
      let index = state.order.firstIndex { state.entries[$0]?.trace.isOver ?? true } ?? 0
      let id = state.order.remove(at: index)
      guard let entry = state.entries.removeValue(forKey: id) else { continue }
      state.bytes -= entry.size
      waiters += entry.waiters.values
    }
    return waiters
  }
}

/// Writes one trace.
struct TraceRecorder: Sendable {
  let id: String
  private let store: TraceStore
  private let now: @Sendable () -> ContinuousClock.Instant
  private let began: ContinuousClock.Instant
  private let number: NumberCell

  private final class NumberCell: Sendable {
    let next = Mutex(0)
  }

  init(_ trace: OrchestrationTrace, in store: TraceStore, now: @escaping @Sendable () -> ContinuousClock.Instant) {
    id = trace.id
    self.store = store
    self.now = now
    began = now()
    number = NumberCell()
    store.begin(trace)
  }

  func record(_ body: TraceEvent.Body) {
    // Numbers and places in the trace agree, because both are given under one lock.
    number.next.withLock { next in
      let time = Int((now() - began) / .milliseconds(1))
      store.append(TraceEvent(number: next, time: max(0, time), body: body), to: id)
      next += 1
    }
  }

  /// The beginning of a text.
  func preview(_ text: String) -> String {
    let limit = store.limits.preview
    // Counted in bytes first: most texts are short, and counting characters is slow.
    guard text.utf8.count > limit else { return text }
    let start = text.prefix(limit)
    return start.endIndex == text.endIndex ? text : start + "…"
  }

  /// What a virtual model that was called cost.
  func cost(ofTrace id: String) -> Int128? { store.trace(id)?.cost }
}
