internal import Multiformats

/// The peers that a node knows, more of them the nearer: one bucket for each number of leading bits shared with the node's
/// own place (Maymounkov and Mazières, "Kademlia", 2002, section 2.2).
///
/// A full bucket keeps whom it knows and waits for one of them to fail; those who did not fit stand by as replacements.
/// No more than ``Limits/perGroupInBucket`` peers of a bucket, and ``Limits/perGroup`` of the table, come from one network
/// group, so that whoever owns one network cannot own the table.
package struct RoutingTable: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// Peers in a bucket, `k`.
    package var bucket = 20
    /// Stand-bys of a bucket.
    package var replacements = 20
    /// Peers of one network group in one bucket.
    package var perGroupInBucket = 2
    /// Peers of one network group in the whole table.
    package var perGroup = 6
    /// Peers that failed and are tried again now and then, in case it was the network that failed.
    package var lost = 64

    package init() {}
  }

  /// What became of a contact.
  package enum Insertion: Equatable, Sendable {
    case added
    case known
    /// The bucket is full; this one has not been heard of for longest and should be asked whether it is there.
    case waiting(behind: KademliaContact)
    /// Too many of its network group are there.
    case refused
  }

  /// A peer in a bucket.
  struct Entry: Sendable {
    var contact: KademliaContact
    /// When it was added.
    let since: Duration
    /// When it last answered or asked.
    var lastHeard: Duration
    /// Requests in a row that it did not answer.
    var failures = 0
  }

  /// A peer that failed.
  struct Lost: Sendable {
    let contact: KademliaContact
    /// How long it had been known.
    let age: Duration
    let since: Duration
  }

  package let own: KademliaKey
  package let limits: Limits
  private(set) var buckets: [[Entry]] = Array(repeating: [], count: 257)
  private var replacements: [[KademliaContact]] = Array(repeating: [], count: 257)
  private var groups: [NetworkGroup: Int] = [:]
  /// Failed peers, to be tried again.
  private(set) var lost: [Lost] = []
  /// Peers in the table.
  package private(set) var count = 0
  /// How many have failed in this table's life.
  package private(set) var losses = 0

  package init(own: KademliaKey, limits: Limits = Limits()) {
    self.own = own
    self.limits = limits
  }

  private func index(of key: KademliaKey) -> Int { own.commonPrefix(with: key) }

  /// Whether a peer is in the table.
  package func contains(_ key: KademliaKey) -> Bool {
    buckets[index(of: key)].contains { $0.contact.key == key }
  }

  /// All peers, nearest bucket last.
  package var contacts: [KademliaContact] { buckets.flatMap { $0.map(\.contact) } }

  /// The deepest bucket that holds somebody; nil where the table is empty.
  package var deepest: Int? { buckets.lastIndex { !$0.isEmpty } }

  /// Peers in the bucket of that many shared bits.
  package func bucketCount(_ index: Int) -> Int { buckets[index].count }

  /// How many nodes the network has, as far as this table tells: below the first bucket that is not full, it knows all of
  /// them.
  package var estimatedNodes: Double {
    guard let first = buckets.firstIndex(where: { $0.count < limits.bucket }) else { return Double(count) }
    let near = buckets[first...].reduce(0) { $0 + $1.count }
    return max(Double(count), Double(near) * Double(sign: .plus, exponent: first, significand: 1))
  }

  /// Takes in a peer that answered or asked just now.
  package mutating func insert(_ contact: KademliaContact, at now: Duration) -> Insertion {
    guard contact.key != own else { return .known }
    let index = index(of: contact.key)
    lost.removeAll { $0.contact.key == contact.key }
    if let position = buckets[index].firstIndex(where: { $0.contact.key == contact.key }) {
      update(contact, index, position, now)
      return .known
    }
    guard allows(contact, in: index) else { return .refused }
    if buckets[index].count < limits.bucket {
      add(contact, index, now)
      return .added
    }
    remember(contact, in: index)
    guard let oldest = buckets[index].min(by: { $0.lastHeard < $1.lastHeard }) else { return .refused }
    return .waiting(behind: oldest.contact)
  }

  private mutating func update(_ contact: KademliaContact, _ index: Int, _ position: Int, _ now: Duration) {
    var entry = buckets[index][position]
    entry.lastHeard = now
    entry.failures = 0
    if !contact.addresses.isEmpty, contact.addresses != entry.contact.addresses {
      // A peer that moved into a crowded network keeps its place by its old address only.
      if contact.group == entry.contact.group || allows(contact, in: index) {
        release(entry.contact)
        count(contact)
        entry.contact = contact
      }
    }
    buckets[index][position] = entry
  }

  private func allows(_ contact: KademliaContact, in index: Int) -> Bool {
    guard let group = contact.group else { return true }
    guard groups[group, default: 0] < limits.perGroup else { return false }
    return buckets[index].count { $0.contact.group == group } < limits.perGroupInBucket
  }

  private mutating func add(_ contact: KademliaContact, _ index: Int, _ now: Duration) {
    buckets[index].append(Entry(contact: contact, since: now, lastHeard: now))
    replacements[index].removeAll { $0.key == contact.key }
    count(contact)
    count += 1
  }

  private mutating func count(_ contact: KademliaContact) {
    if let group = contact.group { groups[group, default: 0] += 1 }
  }

  private mutating func release(_ contact: KademliaContact) {
    guard let group = contact.group, let held = groups[group] else { return }
    groups[group] = held > 1 ? held - 1 : nil
  }

  private mutating func remember(_ contact: KademliaContact, in index: Int) {
    replacements[index].removeAll { $0.key == contact.key }
    replacements[index].append(contact)
    if replacements[index].count > limits.replacements { replacements[index].removeFirst() }
  }

  /// Notes that a peer answered.
  package mutating func heard(from key: KademliaKey, at now: Duration) {
    let index = index(of: key)
    guard let position = buckets[index].firstIndex(where: { $0.contact.key == key }) else { return }
    buckets[index][position].lastHeard = now
    buckets[index][position].failures = 0
  }

  /// Notes that a peer did not answer. At `tolerance` in a row it leaves, and the youngest stand-by that may takes its
  /// place.
  ///
  /// - Returns: whether it left.
  @discardableResult
  package mutating func failed(_ key: KademliaKey, tolerance: Int, at now: Duration) -> Bool {
    let index = index(of: key)
    replacements[index].removeAll { $0.key == key }
    guard let position = buckets[index].firstIndex(where: { $0.contact.key == key }) else { return false }
    buckets[index][position].failures += 1
    guard buckets[index][position].failures >= tolerance else { return false }
    let entry = buckets[index].remove(at: position)
    release(entry.contact)
    count -= 1
    losses += 1
    miss(entry, now)
    while let next = replacements[index].popLast() {
      guard allows(next, in: index) else { continue }
      // Unheard of until it answers, so that it is the first to be asked.
      add(next, index, now)
      buckets[index][buckets[index].count - 1].lastHeard = .zero
      break
    }
    return true
  }

  private mutating func miss(_ entry: Entry, _ now: Duration) {
    lost.append(Lost(contact: entry.contact, age: now - entry.since, since: now))
    guard lost.count > limits.lost else { return }
    // Who was there for long is likeliest to come back.
    if let youngest = lost.indices.min(by: { lost[$0].age < lost[$1].age }) { lost.remove(at: youngest) }
  }

  /// Stops trying those who failed before `time`.
  mutating func forgetLost(before time: Duration) { lost.removeAll { $0.since < time } }

  /// Up to `count` peers that have not been heard of since `time`, longest first.
  package func unheard(since time: Duration, count: Int) -> [KademliaContact] {
    var stale: [Entry] = []
    for bucket in buckets { for entry in bucket where entry.lastHeard < time { stale.append(entry) } }
    stale.sort { $0.lastHeard < $1.lastHeard }
    return stale.prefix(count).map(\.contact)
  }

  /// Up to `count` known peers, nearest to `key` first.
  package func closest(to key: KademliaKey, count: Int) -> [KademliaContact] {
    var found: [KademliaContact] = []
    let shared = min(index(of: key), 256)
    func gather(_ group: [[Entry]]) {
      guard found.count < count else { return }
      var part: [(KademliaKey, KademliaContact)] = []
      for bucket in group {
        for entry in bucket { part.append((entry.contact.key.distance(to: key), entry.contact)) }
      }
      part.sort { $0.0 < $1.0 }
      found.append(contentsOf: part.prefix(count - found.count).map(\.1))
    }
    // Peers of the key's own bucket share more bits with it than all deeper ones, and these more than shallower ones.
    gather([buckets[shared]])
    if shared < 256 { gather(Array(buckets[(shared + 1)...])) }
    var index = shared - 1
    while index >= 0, found.count < count {
      gather([buckets[index]])
      index -= 1
    }
    return found
  }
}
