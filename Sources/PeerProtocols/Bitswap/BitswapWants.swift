package import Multiformats

/// The client's half of bitswap: which block is asked of whom. Pure: takes what happens, gives what to send.
///
/// A wanted block is first asked for with want-have of the peers at hand; who has it and answers best is sent one want-block.
/// Blocks of one session are expected at the same peers, so that later ones are asked there at once. A peer that does not
/// answer in time loses the want to another.
package struct BitswapWants: Sendable {
  /// What to do now.
  package struct Actions: Sendable {
    /// Want list entries for each peer.
    package var send: [PeerID: [BitswapMessage.Entry]] = [:]
    /// Blocks that no connected peer has: someone should look for providers.
    package var find: [CID] = []

    package init() {}

    package var isEmpty: Bool { send.isEmpty && find.isEmpty }
  }

  /// Names the wants of one reader, which are expected at the same peers.
  package typealias Session = Int

  private struct Want {
    var cid: CID
    var sessions: Set<Session>
    /// Who has it.
    var holders: Set<PeerID> = []
    /// Who said that it has not.
    var refusers: Set<PeerID> = []
    /// Who was asked whether it has it.
    var asked: Set<PeerID> = []
    /// Who was sent a want-block, and when.
    var source: PeerID?
    var since: ContinuousClock.Instant
    var begun: ContinuousClock.Instant
    var searched: ContinuousClock.Instant?
  }

  private struct Peer {
    /// Blocks asked for and not yet come.
    var outstanding: Set<Multihash> = []
    /// Seconds from want-block to block, smoothed.
    var latency = 0.1
    /// Deadlines missed in a row.
    var missed = 0
    var duplicates = 0
  }

  /// Wants in all; more are refused.
  package static let maximumWants = 65_536
  /// Peers that a broadcast asks.
  private static let broadcastWidth = 64
  /// Blocks asked of one peer at a time; the rest wait.
  private static let outstandingPerPeer = 512

  private var wants: [Multihash: Want] = [:]
  private var peers: [PeerID: Peer] = [:]
  /// Who has served a session.
  private var sessionPeers: [Session: [PeerID: Int]] = [:]
  /// Wants whose best peer is busy.
  private var delayed: Set<Multihash> = []
  private var nextSession = 0
  /// Blocks that came though nobody wanted them any more.
  package private(set) var duplicates = 0

  package init() {}

  package var wantCount: Int { wants.count }
  package var wantedCIDs: [CID] { wants.values.map(\.cid) }

  package mutating func beginSession() -> Session {
    nextSession += 1
    sessionPeers[nextSession] = [:]
    return nextSession
  }

  /// Forgets a session; what only it wants is cancelled.
  package mutating func endSession(_ session: Session) -> Actions {
    var actions = Actions()
    sessionPeers[session] = nil
    for (hash, want) in wants where want.sessions == [session] { cancel(hash, want, &actions) }
    return actions
  }

  /// Asks for a block.
  ///
  /// - Throws: `.exhausted` at ``maximumWants``.
  package mutating func want(
    _ cid: CID, session: Session, now: ContinuousClock.Instant
  ) throws(PeerError) -> Actions {
    var actions = Actions()
    if wants[cid.multihash] != nil {
      wants[cid.multihash]?.sessions.insert(session)
      return actions
    }
    guard wants.count < Self.maximumWants else {
      throw PeerError(.exhausted, "bitswap: \(wants.count) blocks are wanted already")
    }
    var want = Want(cid: cid, sessions: [session], since: now, begun: now)
    let likely = (sessionPeers[session] ?? [:]).keys.filter { peers[$0] != nil }
    if !likely.isEmpty {
      // What the session got so far came from here; ask for the block itself.
      want.holders = Set(likely)
      wants[cid.multihash] = want
      assign(cid.multihash, now, &actions)
    } else if peers.count == 1, let only = peers.keys.first {
      want.holders = [only]
      wants[cid.multihash] = want
      assign(cid.multihash, now, &actions)
    } else {
      wants[cid.multihash] = want
      broadcast(cid.multihash, now, &actions)
    }
    return actions
  }

  /// Takes a session's want back.
  package mutating func cancel(_ cid: CID, session: Session) -> Actions {
    var actions = Actions()
    guard var want = wants[cid.multihash] else { return actions }
    want.sessions.remove(session)
    if want.sessions.isEmpty {
      cancel(cid.multihash, want, &actions)
    } else {
      wants[cid.multihash] = want
    }
    return actions
  }

  private mutating func cancel(_ hash: Multihash, _ want: Want, _ actions: inout Actions) {
    wants[hash] = nil
    delayed.remove(hash)
    for peer in want.asked.union(want.source.map { [$0] } ?? []) where peers[peer] != nil {
      peers[peer]?.outstanding.remove(hash)
      actions.send[peer, default: []].append(BitswapMessage.Entry(cid: want.cid, isCancel: true))
    }
  }

  package mutating func connected(_ peer: PeerID, now: ContinuousClock.Instant) -> Actions {
    var actions = Actions()
    guard peers[peer] == nil else { return actions }
    peers[peer] = Peer()
    for (hash, want) in wants where want.source == nil && want.asked.count < Self.broadcastWidth {
      wants[hash]?.asked.insert(peer)
      actions.send[peer, default: []].append(
        BitswapMessage.Entry(cid: want.cid, wantsHave: true, sendsDontHave: true))
    }
    return actions
  }

  package mutating func disconnected(_ peer: PeerID, now: ContinuousClock.Instant) -> Actions {
    var actions = Actions()
    guard let gone = peers.removeValue(forKey: peer) else { return actions }
    for session in sessionPeers.keys { sessionPeers[session]?[peer] = nil }
    for hash in wants.keys {
      wants[hash]?.holders.remove(peer)
      wants[hash]?.asked.remove(peer)
      wants[hash]?.refusers.remove(peer)
    }
    for hash in gone.outstanding where wants[hash]?.source == peer {
      wants[hash]?.source = nil
      assign(hash, now, &actions)
    }
    return actions
  }

  /// A peer said whether it has a block.
  package mutating func presence(
    _ presence: BitswapMessage.Presence, from peer: PeerID, now: ContinuousClock.Instant
  ) -> Actions {
    var actions = Actions()
    let hash = presence.cid.multihash
    guard var want = wants[hash], peers[peer] != nil else { return actions }
    if presence.isThere {
      want.refusers.remove(peer)
      want.holders.insert(peer)
      wants[hash] = want
      if want.source == nil { assign(hash, now, &actions) }
      return actions
    }
    want.holders.remove(peer)
    want.refusers.insert(peer)
    peers[peer]?.outstanding.remove(hash)
    if want.source == peer { want.source = nil }
    wants[hash] = want
    if want.source == nil { assign(hash, now, &actions) }
    admitDelayed(peer, now, &actions)
    return actions
  }

  /// A block came and was verified. Nil where nobody wants it.
  package mutating func received(
    _ hash: Multihash, from peer: PeerID, now: ContinuousClock.Instant
  ) -> Actions? {
    var actions = Actions()
    guard let want = wants.removeValue(forKey: hash) else {
      duplicates += 1
      peers[peer]?.duplicates += 1
      return nil
    }
    delayed.remove(hash)
    if peers[peer] != nil {
      peers[peer]?.missed = 0
      if want.source == peer, let known = peers[peer] {
        let seconds = (now - want.since) / .seconds(1)
        peers[peer]?.latency = known.latency * 0.9 + seconds * 0.1
      }
      for session in want.sessions where sessionPeers[session] != nil { sessionPeers[session]?[peer, default: 0] += 1 }
    }
    for other in want.asked.union(want.refusers).union(want.source.map { [$0] } ?? []) where peers[other] != nil {
      peers[other]?.outstanding.remove(hash)
      if other != peer {
        actions.send[other, default: []].append(BitswapMessage.Entry(cid: want.cid, isCancel: true))
      }
    }
    admitDelayed(peer, now, &actions)
    return actions
  }

  /// Looks after wants that wait too long. Call several times a second.
  package mutating func tick(now: ContinuousClock.Instant) -> Actions {
    var actions = Actions()
    for (hash, want) in wants {
      if let source = want.source {
        // Generous: a busy peer sends in order, so that the last of many blocks takes its time.
        let patience = max(3.0, 10 * (peers[source]?.latency ?? 0)) * Double(1 << min(peers[source]?.missed ?? 0, 3))
        guard (now - want.since) / .seconds(1) > patience else { continue }
        peers[source]?.missed += 1
        peers[source]?.outstanding.remove(hash)
        wants[hash]?.since = now
        wants[hash]?.holders.remove(source)
        let others = want.holders.subtracting([source])
        if others.isEmpty {
          // It may yet come from there; ask around meanwhile.
          wants[hash]?.source = nil
          broadcast(hash, now, &actions)
        } else {
          actions.send[source, default: []].append(BitswapMessage.Entry(cid: want.cid, isCancel: true))
          wants[hash]?.source = nil
          assign(hash, now, &actions)
        }
      } else if now - want.since > .seconds(1), !delayed.contains(hash) {
        wants[hash]?.since = now
        search(hash, now, &actions)
        if now - want.begun > .seconds(10) {
          // Ask everyone anew: things change.
          wants[hash]?.asked = []
          wants[hash]?.refusers = []
          broadcast(hash, now, &actions)
        }
      }
    }
    for hash in delayed where wants[hash]?.source == nil { assign(hash, now, &actions) }
    return actions
  }

  // MARK: Choice

  private mutating func broadcast(_ hash: Multihash, _ now: ContinuousClock.Instant, _ actions: inout Actions) {
    guard var want = wants[hash] else { return }
    let fresh = peers.keys.filter { !want.asked.contains($0) && !want.refusers.contains($0) }
      .sorted { (peers[$0]?.latency ?? 0) < (peers[$1]?.latency ?? 0) }
    for peer in fresh.prefix(Self.broadcastWidth) {
      want.asked.insert(peer)
      actions.send[peer, default: []].append(
        BitswapMessage.Entry(cid: want.cid, wantsHave: true, sendsDontHave: true))
    }
    wants[hash] = want
    if peers.isEmpty || fresh.isEmpty { search(hash, now, &actions) }
  }

  /// Asks the caller to find providers, at most every five seconds for one block.
  private mutating func search(_ hash: Multihash, _ now: ContinuousClock.Instant, _ actions: inout Actions) {
    guard let want = wants[hash] else { return }
    if let last = want.searched, now - last < .seconds(5) { return }
    wants[hash]?.searched = now
    actions.find.append(want.cid)
  }

  /// Sends the want-block to the best of those that have it.
  private mutating func assign(_ hash: Multihash, _ now: ContinuousClock.Instant, _ actions: inout Actions) {
    guard var want = wants[hash], want.source == nil else { return }
    let candidates = want.holders.filter { peers[$0] != nil }
    guard !candidates.isEmpty else {
      delayed.remove(hash)
      broadcast(hash, now, &actions)
      return
    }
    func cost(_ peer: PeerID) -> Double {
      guard let known = peers[peer] else { return .infinity }
      return known.latency * Double(known.outstanding.count + 1) * Double(1 << min(known.missed, 6))
    }
    guard let best = candidates.min(by: { cost($0) < cost($1) }) else { return }
    guard let outstanding = peers[best]?.outstanding.count, outstanding < Self.outstandingPerPeer else {
      delayed.insert(hash)
      return
    }
    delayed.remove(hash)
    want.source = best
    want.asked.insert(best)
    want.since = now
    wants[hash] = want
    peers[best]?.outstanding.insert(hash)
    actions.send[best, default: []].append(BitswapMessage.Entry(cid: want.cid, sendsDontHave: true))
  }

  private mutating func admitDelayed(_ peer: PeerID, _ now: ContinuousClock.Instant, _ actions: inout Actions) {
    guard !delayed.isEmpty, let known = peers[peer], known.outstanding.count < Self.outstandingPerPeer / 2 else {
      return
    }
    for hash in delayed.prefix(Self.outstandingPerPeer / 4) { assign(hash, now, &actions) }
  }
}
