/// How many sequences hold each cell of the cache. llama.cpp keeps its own books but does not show them; these decide on
/// admission and eviction before it can fail.
struct CellLedger {
  private var holders: [UInt16]
  private var free: [Int32]

  init(capacity: Int) {
    holders = [UInt16](repeating: 0, count: capacity)
    free = (0..<Int32(clamping: capacity)).reversed()
  }

  var freeCount: Int { free.count }
  var usedCount: Int { holders.count - free.count }

  /// Takes a cell for one holder.
  mutating func take() -> Int32? {
    guard let cell = free.popLast() else { return nil }
    holders[Int(cell)] = 1
    return cell
  }

  /// Adds a holder to each cell.
  mutating func share(_ cells: some Sequence<Int32>) {
    for cell in cells { holders[Int(cell)] += 1 }
  }

  /// Takes a holder from each cell; those without any are free.
  mutating func release(_ cells: some Sequence<Int32>) {
    for cell in cells {
      holders[Int(cell)] -= 1
      if holders[Int(cell)] == 0 { free.append(cell) }
    }
  }
}
