import ModelInterface

/// Usage in memory, for a node that keeps no account beyond its own life, and for tests. Keeps every law of ``UsageStore``
/// except durability; forgets its oldest events above ``maximumEvents``.
package actor MemoryUsageStore: SoleUsageStore {
  /// The most events that are kept.
  package let maximumEvents: Int
  private var counters: [CounterID: Counter] = [:]
  private var reservations: [UsageID: Reservation] = [:]
  private var recorded: [UsageID: UsageEvent] = [:]
  private var order: [UsageID] = []
  private var leases: [String: UTCTime] = [:]
  private var isClosed = false

  /// An empty store.
  package init(maximumEvents: Int = 1_000_000) {
    self.maximumEvents = max(1, maximumEvents)
  }

  package func transact<Result: Sendable>(
    counters names: Set<CounterID>, closing: [UsageID],
    _ body: @escaping @Sendable (inout UsageTransaction) -> Result
  ) async throws(UsageStoreError) -> Result {
    try check()
    var loaded: [CounterID: Counter] = [:]
    for name in names { loaded[name] = counters[name] }
    let open = Set(closing.filter { reservations[$0] != nil })
    let recovered = Set(closing.filter { !open.contains($0) && recorded[$0]?.outcome == .lost })
    var transaction = UsageTransaction(counters: loaded, open: open, recovered: recovered)
    let result = body(&transaction)
    for id in open { reservations[id] = nil }
    for reservation in transaction.reservations { reservations[reservation.id] = reservation }
    for event in transaction.events where recorded[event.id] == nil {
      recorded[event.id] = event
      order.append(event.id)
    }
    for name in transaction.changed { counters[name] = transaction.counter(name) }
    if order.count > maximumEvents + maximumEvents / 8 {
      for id in order.prefix(order.count - maximumEvents) { recorded[id] = nil }
      order.removeFirst(order.count - maximumEvents)
    }
    return result
  }

  package func renewLease(of owner: String, until: UTCTime) async throws(UsageStoreError) {
    try check()
    leases[owner] = until
  }

  package func orphans(
    at time: UTCTime, excluding owner: String, limit: Int
  ) async throws(UsageStoreError) -> [Reservation] {
    try check()
    let found = reservations.values.filter { reservation in
      reservation.owner != owner && (leases[reservation.owner].map { $0 < time } ?? true)
    }
    return Array(found.sorted { $0.id < $1.id }.prefix(limit))
  }

  package func counters(_ names: [CounterID]) async throws(UsageStoreError) -> [CounterID: Counter] {
    try check()
    return counters.filter { names.contains($0.key) }
  }

  package func totals(_ query: UsageQuery) async throws(UsageStoreError) -> [UsageTotal] {
    try check()
    let chosen = recorded.values.filter { event in
      event.time >= query.from && event.time < query.to
        && (query.scope.map { event.account.name(at: $0.level) == $0.name } ?? true)
    }
    return UsageTotal.sums(of: chosen, by: query.dimensions)
  }

  package func events(from: UTCTime, to: UTCTime, limit: Int) async throws(UsageStoreError) -> [UsageEvent] {
    try check()
    let chosen = recorded.values.filter { $0.time >= from && $0.time < to }
    return Array(chosen.sorted { $0.id < $1.id }.prefix(limit))
  }

  package func prune(before time: UTCTime) async throws(UsageStoreError) -> Int {
    try check()
    let old = recorded.values.filter { $0.time < time }
    for event in old { recorded[event.id] = nil }
    order.removeAll { recorded[$0] == nil }
    counters = counters.filter { name, _ in
      name.window >= "A" || name.window >= time.dayText || name.window == time.monthText
    }
    return old.count
  }

  package func known(
    _ ids: [UsageID]
  ) async throws(UsageStoreError) -> (recorded: Set<UsageID>, reserved: Set<UsageID>) {
    try check()
    return (Set(ids.filter { recorded[$0] != nil }), Set(ids.filter { reservations[$0] != nil }))
  }

  package func close() async {
    isClosed = true
  }

  private func check() throws(UsageStoreError) {
    if isClosed { throw UsageStoreError("the store of usage in memory has been closed") }
  }
}

extension UsageTotal {
  /// Sums of events, kept apart by the dimensions, in their order.
  package static func sums(
    of events: some Sequence<UsageEvent>, by dimensions: Set<UsageQuery.Dimension>
  ) -> [UsageTotal] {
    var sums: [UsageTotal.Key: UsageTotal] = [:]
    for event in events {
      var labels: [UsageQuery.Dimension: String] = [:]
      for dimension in dimensions {
        switch dimension {
        case .hour, .day: break
        case .key: labels[dimension] = event.account.key ?? ""
        case .user: labels[dimension] = event.account.user ?? ""
        case .project: labels[dimension] = event.account.project ?? ""
        case .organization: labels[dimension] = event.account.organization ?? ""
        case .model: labels[dimension] = event.model
        case .provider: labels[dimension] = event.provider
        case .outcome: labels[dimension] = event.outcome.rawValue
        }
      }
      let key = Key(
        hour: dimensions.contains(.hour) ? event.time.hour : nil, day: dimensions.contains(.day) ? event.time.day : nil,
        labels: labels)
      sums[key, default: UsageTotal(key)].add(event)
    }
    return sums.sorted { $0.key < $1.key }.map(\.value)
  }

  private struct Key: Hashable, Comparable {
    var hour: Int?
    var day: Int?
    var labels: [UsageQuery.Dimension: String]

    static func < (left: Key, right: Key) -> Bool { left.sortable.lexicographicallyPrecedes(right.sortable) }

    private var sortable: [String] {
      let time = [hour, day].map { number in
        let digits = number.map(String.init) ?? ""
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
      }
      return time + UsageQuery.Dimension.allCases.map { labels[$0] ?? "" }
    }
  }

  private init(_ key: Key) {
    self.init()
    hour = key.hour
    day = key.day
    labels = key.labels
  }

  private mutating func add(_ event: UsageEvent) {
    requests += 1
    cacheHits += event.isCacheHit ? 1 : 0
    unfinished += event.outcome == .finished ? 0 : 1
    promptTokens += event.usage.promptTokens
    cachedPromptTokens += event.usage.cachedPromptTokens
    completionTokens += event.usage.completionTokens
    cost += event.cost
    latency += event.latency
  }
}
