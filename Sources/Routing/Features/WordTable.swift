/// What is known of some words, found by their hashes: an open-addressed table that is filled once and then only read.
///
/// A word is told by the 64-bit FNV-1a hash of its lower-case UTF-8.
struct WordTable<Entry: Sendable>: Sendable {
  private var keys: [UInt64]
  /// For each slot, where its word's entry is; 0 for an empty one.
  private var places: [UInt16]
  /// The first is that of all words that are not known.
  private var entries: [Entry]

  /// An empty table.
  ///
  /// - Parameters:
  ///   - slotCount: a power of two, and more than the words that will be in it; few collide if it is five times as many.
  ///   - unknown: the entry of a word that is not in it, and what every word's entry begins as.
  init(slotCount: Int, unknown: Entry) {
    precondition(slotCount > 0 && slotCount & (slotCount - 1) == 0, "a table of words has a power of two of slots")
    keys = [UInt64](repeating: 0, count: slotCount)
    places = [UInt16](repeating: 0, count: slotCount)
    entries = [unknown]
  }

  /// Changes the entry of the word with this hash, which is added if need be.
  mutating func amend(_ hash: UInt64, _ change: (inout Entry) -> Void) {
    var slot = Self.slot(of: hash, among: keys.count)
    while keys[slot] != 0, keys[slot] != hash { slot = (slot + 1) & (keys.count - 1) }
    if keys[slot] == 0 {
      precondition(entries.count < keys.count, "a table of words has a slot to spare")
      keys[slot] = hash
      places[slot] = UInt16(entries.count)
      entries.append(entries[0])
    }
    change(&entries[Int(places[slot])])
  }

  @inline(__always)
  private static func slot(of hash: UInt64, among count: Int) -> Int {
    Int(truncatingIfNeeded: hash >> 32) & (count &- 1)
  }

  /// Lends the table to one scan.
  @inline(__always)
  func withLoan(_ body: (Loan) -> Void) {
    keys.withUnsafeBufferPointer { keys in
      places.withUnsafeBufferPointer { places in
        entries.withUnsafeBufferPointer { body(Loan(keys: keys, places: places, entries: $0)) }
      }
    }
  }

  /// The table, for as long as it is lent.
  struct Loan {
    fileprivate let keys: UnsafeBufferPointer<UInt64>
    fileprivate let places: UnsafeBufferPointer<UInt16>
    fileprivate let entries: UnsafeBufferPointer<Entry>

    /// What is known of the word with this hash; what is known of none for 0.
    @inline(__always)
    func entry(for hash: UInt64) -> Entry {
      var slot = WordTable.slot(of: hash, among: keys.count)
      // Ends at its key or at an empty slot, whose place is 0; the lesser is 0 in either case.
      while min(keys[slot] ^ hash, keys[slot]) != 0 { slot = (slot &+ 1) & (keys.count &- 1) }
      return entries[Int(places[slot])]
    }
  }
}
