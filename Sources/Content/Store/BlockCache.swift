internal import Multiformats

/// The memory tier: verified blocks, the least recently used given up first.
struct BlockCache {
  private struct Slot {
    var bytes: [UInt8]
    var used: UInt64
  }

  let capacity: Int
  private var slots: [Multihash: Slot] = [:]
  private var held = 0
  private var clock: UInt64 = 0

  init(capacity: Int) { self.capacity = capacity }

  mutating func get(_ multihash: Multihash) -> [UInt8]? {
    guard let index = slots.index(forKey: multihash) else { return nil }
    clock += 1
    slots.values[index].used = clock
    return slots.values[index].bytes
  }

  mutating func insert(_ bytes: [UInt8], for multihash: Multihash) {
    guard bytes.count <= capacity / 8 else { return }
    clock += 1
    if let old = slots.updateValue(Slot(bytes: bytes, used: clock), forKey: multihash) { held -= old.bytes.count }
    held += bytes.count
    guard held > capacity else { return }
    // A quarter goes at once, so that the search for the oldest is paid rarely.
    for (key, slot) in slots.sorted(by: { $0.value.used < $1.value.used }) {
      guard held > capacity / 4 * 3 else { break }
      slots[key] = nil
      held -= slot.bytes.count
    }
  }

  mutating func remove(_ multihash: Multihash) {
    if let old = slots.removeValue(forKey: multihash) { held -= old.bytes.count }
  }
}
