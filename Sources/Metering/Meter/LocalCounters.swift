/// The counters that one process keeps in memory, each in a slot of its own. Used under its owner's lock.
struct LocalCounters: CounterLedger {
  /// So many counters are kept before those of past days are forgotten.
  private static let limit = 4_096

  private var values: [Counter] = []
  private var names: [CounterID] = []
  private var slots: [CounterID: Int] = [:]
  private var free: [Int] = []
  private var isChanged: [Bool] = []
  private var changed: [Int] = []
  private var limit = LocalCounters.limit

  /// Whether any has changed since ``takeChanged()``.
  var hasChanges: Bool { !changed.isEmpty }

  /// Whether it is time to ``forget(keeping:)`` some.
  var isLarge: Bool { slots.count > limit }

  // MARK: By slot

  func counter(_ place: Int, _ places: [Int]) -> Counter { values[places[place]] }

  mutating func change(_ place: Int, _ places: [Int], _ body: (inout Counter) -> Void) {
    let slot = places[place]
    body(&values[slot])
    note(slot)
  }

  private mutating func note(_ slot: Int) {
    guard !isChanged[slot] else { return }
    isChanged[slot] = true
    changed.append(slot)
  }

  // MARK: By name

  /// The slots of counters; nil where one of them is not in memory.
  func slots(of names: [CounterID]) -> [Int]? {
    var found: [Int] = []
    found.reserveCapacity(names.count)
    for name in names {
      guard let slot = slots[name] else { return nil }
      found.append(slot)
    }
    return found
  }

  /// How a counter stands; nil where it is not in memory.
  subscript(name: CounterID) -> Counter? { slots[name].map { values[$0] } }

  /// Takes in a counter as the store has it. What is in memory already is newer.
  mutating func load(_ name: CounterID, _ counter: Counter) {
    guard slots[name] == nil else { return }
    if let slot = free.popLast() {
      values[slot] = counter
      names[slot] = name
      slots[name] = slot
    } else {
      slots[name] = values.count
      values.append(counter)
      names.append(name)
      isChanged.append(false)
    }
  }

  /// What has changed since the last time, as it stands now.
  mutating func takeChanged() -> [CounterID: Counter] {
    var taken: [CounterID: Counter] = [:]
    for slot in changed {
      taken[names[slot]] = values[slot]
      isChanged[slot] = false
    }
    changed = []
    return taken
  }

  /// Notes that counters, which were taken, still have to be written.
  mutating func putBack(_ names: some Sequence<CounterID>) {
    for name in names { if let slot = slots[name] { note(slot) } }
  }

  /// Forgets the counters that have not changed and that nobody wants.
  mutating func forget(keeping isWanted: (CounterID, Int) -> Bool) {
    for (name, slot) in slots where !isChanged[slot] && !isWanted(name, slot) {
      slots[name] = nil
      free.append(slot)
    }
    limit = max(Self.limit, 2 * slots.count)
  }
}
