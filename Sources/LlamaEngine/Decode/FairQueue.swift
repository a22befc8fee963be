/// Waiting requests, fair between tenants: the tenant that has been served least goes first, and within a tenant the
/// higher priority, then the earlier. (Start-time fair queueing, Goyal, Vin and Cheng, 1996.)
struct FairQueue<Element> {
  private struct Entry {
    var element: Element
    var priority: Int
    var number: UInt64
    var cost: Double
  }

  private var entries: [String: [Entry]] = [:]
  private var served: [String: Double] = [:]
  private var virtualTime = 0.0
  private var nextNumber: UInt64 = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// - Parameter cost: what serving it will take, in tokens.
  mutating func append(_ element: Element, tenant: String, priority: Int, cost: Double) {
    nextNumber += 1
    if entries[tenant] == nil {
      // Who was idle starts level with the rest: idle time earns no credit.
      served[tenant] = max(served[tenant] ?? 0, virtualTime)
    }
    entries[tenant, default: []].append(
      Entry(element: element, priority: priority, number: nextNumber, cost: cost))
    count += 1
  }

  /// The next to be served, without taking it.
  var first: Element? { next.map { $0.entry.element } }

  /// Takes the next to be served.
  mutating func popFirst() -> Element? {
    guard let (tenant, index, entry) = next else { return nil }
    virtualTime = max(virtualTime, served[tenant] ?? 0)
    served[tenant, default: 0] += entry.cost
    remove(tenant, index)
    return entry.element
  }

  /// Takes all that match.
  mutating func removeAll(where matches: (Element) -> Bool) -> [Element] {
    var removed: [Element] = []
    for (tenant, list) in entries {
      let kept = list.filter { !matches($0.element) }
      guard kept.count < list.count else { continue }
      removed += list.filter { matches($0.element) }.map(\.element)
      count -= list.count - kept.count
      entries[tenant] = kept.isEmpty ? nil : kept
    }
    return removed
  }

  private var next: (tenant: String, index: Int, entry: Entry)? {
    let tenant = entries.keys.min { left, right in
      let a = served[left] ?? 0
      let b = served[right] ?? 0
      if a != b { return a < b }
      return (entries[left]?.first?.number ?? 0) < (entries[right]?.first?.number ?? 0)
    }
    guard let tenant, let list = entries[tenant] else { return nil }
    let index = list.indices.min { left, right in
      if list[left].priority != list[right].priority { return list[left].priority > list[right].priority }
      return list[left].number < list[right].number
    }
    return index.map { (tenant, $0, list[$0]) }
  }

  private mutating func remove(_ tenant: String, _ index: Int) {
    entries[tenant]?.remove(at: index)
    if entries[tenant]?.isEmpty == true { entries[tenant] = nil }
    count -= 1
    // Tenants come and go; those that the clock has passed are as good as new.
    if served.count > 1024 { served = served.filter { $0.value > virtualTime || entries[$0.key] != nil } }
  }
}
