/// Events in order of their time; those of one time in the order in which they were added.
struct EventQueue<Event> {
  private struct Item {
    let time: Duration
    let order: UInt64
    let event: Event

    func precedes(_ other: Item) -> Bool { time != other.time ? time < other.time : order < other.order }
  }

  private var heap: [Item] = []
  private var order: UInt64 = 0

  mutating func add(_ event: Event, at time: Duration) {
    heap.append(Item(time: time, order: order, event: event))
    order += 1
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes the first event, where it comes at `end` or before.
  mutating func pop(by end: Duration) -> (time: Duration, event: Event)? {
    guard let first = heap.first, first.time <= end else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (first.time, first.event)
  }

  private mutating func sink() {
    var parent = 0
    while true {
      let left = 2 * parent + 1
      guard left < heap.count else { return }
      let right = left + 1
      let least = right < heap.count && heap[right].precedes(heap[left]) ? right : left
      guard heap[least].precedes(heap[parent]) else { return }
      heap.swapAt(least, parent)
      parent = least
    }
  }
}
