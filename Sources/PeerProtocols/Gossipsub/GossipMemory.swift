internal import Multiformats

/// Messages of the last heartbeats, for those who ask (gossipsub 1.0, "Message Cache").
struct GossipCache: Sendable {
  private struct Entry: Sendable {
    let message: GossipMessage
    var sent: [PeerID: Int] = [:]
  }

  private var entries: [GossipMessage.ID: Entry] = [:]
  private var windows: [[GossipMessage.ID]] = [[]]
  private var bytes = 0
  let options: GossipOptions

  init(options: GossipOptions) { self.options = options }

  mutating func put(_ message: GossipMessage) {
    let id = message.id
    guard entries[id] == nil else { return }
    while entries.count >= options.cachedMessages || bytes + message.data.count > options.cachedBytes {
      guard dropOldest() else { return }
    }
    entries[id] = Entry(message: message)
    bytes += message.data.count
    windows[0].append(id)
  }

  private mutating func dropOldest() -> Bool {
    guard let window = windows.lastIndex(where: { !$0.isEmpty }) else { return false }
    forget(windows[window].removeFirst())
    return true
  }

  private mutating func forget(_ id: GossipMessage.ID) {
    if let entry = entries.removeValue(forKey: id) { bytes -= entry.message.data.count }
  }

  /// The message for a peer that asks, as long as it did not ask too often.
  mutating func message(_ id: GossipMessage.ID, for peer: PeerID) -> GossipMessage? {
    guard var entry = entries[id] else { return nil }
    let times = entry.sent[peer, default: 0]
    guard times < options.retransmissions else { return nil }
    entry.sent[peer] = times + 1
    entries[id] = entry
    return entry.message
  }

  /// What of a topic there is to gossip about.
  func recent(_ topic: String) -> [GossipMessage.ID] {
    windows.prefix(options.gossipHistory).flatMap { $0 }.filter { entries[$0]?.message.topic == topic }
  }

  /// A heartbeat has passed.
  mutating func shift() {
    windows.insert([], at: 0)
    while windows.count > options.history { for id in windows.removeLast() { forget(id) } }
  }
}

/// Messages that were seen, bounded in time and number; the oldest are forgotten first.
struct GossipSeen: Sendable {
  private var times: [GossipMessage.ID: Duration] = [:]
  private var order: [GossipMessage.ID] = []
  private var head = 0
  let lifetime: Duration
  let limit: Int

  init(lifetime: Duration, limit: Int) {
    self.lifetime = lifetime
    self.limit = limit
  }

  func contains(_ id: GossipMessage.ID) -> Bool { times[id] != nil }

  /// - Returns: whether it is new.
  mutating func insert(_ id: GossipMessage.ID, at now: Duration) -> Bool {
    guard times[id] == nil else { return false }
    times[id] = now
    order.append(id)
    while times.count > limit, head < order.count { dropFirst() }
    return true
  }

  /// Forgets a message, as if it had not come.
  mutating func remove(_ id: GossipMessage.ID) {
    times[id] = nil
    // Elsewhere, its place is passed over in its turn.
    if order.last == id { order.removeLast() }
  }

  private mutating func dropFirst() {
    times[order[head]] = nil
    head += 1
    if head > 4_096, head * 2 > order.count {
      order.removeFirst(head)
      head = 0
    }
  }

  mutating func expire(at now: Duration) {
    while head < order.count, times[order[head]].map({ now - $0 >= lifetime }) ?? true { dropFirst() }
  }
}
