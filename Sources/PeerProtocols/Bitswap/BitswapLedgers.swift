package import Multiformats

/// The server's half of bitswap: what each peer wants, in what order it is served, and what was exchanged. Pure.
///
/// A peer's wants are served by priority, then in order. Between peers the one that was served least, against what it sent us,
/// comes first, so that one that asks for everything does not starve the others.
package struct BitswapLedgers: Sendable {
  /// Wants held of one peer; those of least priority are dropped.
  package static let maximumWants = 8_192
  /// Blocks up to this size are sent to those who only ask whether they are there, in bytes.
  package static let inlineSize = 1_024

  /// What was exchanged with a peer, in bytes of blocks.
  package struct Ledger: Hashable, Sendable {
    package var sent: UInt64 = 0
    package var received: UInt64 = 0
    package var blocksSent: UInt64 = 0
    package var blocksReceived: UInt64 = 0
    /// Wants that were answered or are held.
    package var wants: UInt64 = 0
  }

  fileprivate struct Wanted {
    var entry: BitswapMessage.Entry
    var order: UInt64
    /// Whether it stands in the queue; otherwise the block is not here, and the want waits for it.
    var isQueued: Bool
  }

  fileprivate struct Peer {
    var ledger = Ledger()
    var wants: [CID: Wanted] = [:]
    var queue: [(priority: Int32, order: UInt64, cid: CID)] = []
    var head = 0
    var isSorted = true
  }

  private var peers: [PeerID: Peer] = [:]
  private var order: UInt64 = 0

  package init() {}

  package func ledger(of peer: PeerID) -> Ledger { peers[peer]?.ledger ?? Ledger() }
  package var ledgers: [PeerID: Ledger] { peers.mapValues(\.ledger) }
  package func wantCount(of peer: PeerID) -> Int { peers[peer]?.wants.count ?? 0 }

  package mutating func connected(_ peer: PeerID) { if peers[peer] == nil { peers[peer] = Peer() } }
  package mutating func disconnected(_ peer: PeerID) { peers[peer] = nil }

  /// Takes a peer's want list; `isHere` says which blocks this node holds. Gives the presences to send at once.
  package mutating func receive(
    _ message: BitswapMessage, from peer: PeerID, isHere: (CID) -> Int?
  ) -> [BitswapMessage.Presence] {
    var known = peers[peer] ?? Peer()
    if message.isFull {
      known.wants = [:]
      known.queue = []
      known.head = 0
    }
    var presences: [BitswapMessage.Presence] = []
    for entry in message.entries {
      if entry.isCancel {
        known.wants[entry.cid] = nil
        continue
      }
      known.ledger.wants += 1
      let size = isHere(entry.cid)
      guard let size else {
        if entry.sendsDontHave { presences.append(.init(cid: entry.cid, isThere: false)) }
        if known.wants.count < Self.maximumWants {
          order += 1
          known.wants[entry.cid] = Wanted(entry: entry, order: order, isQueued: false)
        }
        continue
      }
      if entry.wantsHave, size > Self.inlineSize {
        presences.append(.init(cid: entry.cid, isThere: true))
        continue
      }
      guard known.wants.count < Self.maximumWants || known.wants[entry.cid] != nil else { continue }
      known.enqueue(entry, &order)
    }
    peers[peer] = known
    return presences
  }

  /// A block has come here: who waits for it, and what to tell those that only asked.
  package mutating func arrived(_ cid: CID, size: Int) -> (serve: [PeerID], tell: [PeerID]) {
    var serve: [PeerID] = []
    var tell: [PeerID] = []
    for (peer, known) in peers {
      guard let wanted = known.wants[cid], !wanted.isQueued else { continue }
      if wanted.entry.wantsHave, size > Self.inlineSize {
        peers[peer]?.wants[cid] = nil
        tell.append(peer)
      } else {
        peers[peer]?.enqueue(wanted.entry, &order)
        serve.append(peer)
      }
    }
    return (serve, tell)
  }

  /// The next block for a peer, taken off its list.
  package mutating func next(for peer: PeerID) -> CID? { peers[peer]?.next() }

  package func hasWork(for peer: PeerID) -> Bool { peers[peer].map { $0.head < $0.queue.count } ?? false }

  package mutating func sent(_ bytes: Int, to peer: PeerID) {
    peers[peer]?.ledger.sent += UInt64(bytes)
    peers[peer]?.ledger.blocksSent += 1
  }

  package mutating func received(_ bytes: Int, from peer: PeerID) {
    peers[peer]?.ledger.received += UInt64(bytes)
    peers[peer]?.ledger.blocksReceived += 1
  }

  /// Of several peers that wait, the one to serve first: the least debt, (sent + 1) / (received + 1).
  package func first(of waiting: [PeerID]) -> PeerID? {
    func debt(_ peer: PeerID) -> Double {
      let ledger = ledger(of: peer)
      return Double(ledger.sent + 1) / Double(ledger.received + 1)
    }
    return waiting.min { debt($0) < debt($1) }
  }
}

extension BitswapLedgers.Peer {
  fileprivate mutating func enqueue(_ entry: BitswapMessage.Entry, _ order: inout UInt64) {
    if let known = wants[entry.cid], known.isQueued { return }
    order += 1
    wants[entry.cid] = BitswapLedgers.Wanted(entry: entry, order: order, isQueued: true)
    if let last = queue.last, last.priority < entry.priority { isSorted = false }
    queue.append((entry.priority, order, entry.cid))
  }

  fileprivate mutating func next() -> CID? {
    if !isSorted {
      queue.removeFirst(head)
      head = 0
      queue.sort { ($1.priority, $0.order) < ($0.priority, $1.order) }
      isSorted = true
    }
    while head < queue.count {
      let (_, order, cid) = queue[head]
      head += 1
      if head > 1_024, head * 2 > queue.count {
        queue.removeFirst(head)
        head = 0
      }
      // Cancelled, or asked for anew, since it was queued.
      guard let wanted = wants[cid], wanted.order == order else { continue }
      wants[cid] = nil
      return cid
    }
    queue.removeAll()
    head = 0
    return nil
  }
}
