package import Multiformats

/// Decides what a store keeps, and explains it: pins for good, pins while content is worth it, and a quota.
package struct ContentKeeper: Sendable {
  /// Why a block is here, or is not.
  package struct Explanation: Sendable {
    package var cid: CID
    package var isHere: Bool
    /// Pins that reach it.
    package var pins: [Pin]
    /// What the policy says of those pins that hold only while content is worth it.
    package var decisions: [RetentionPolicy.Decision]
    /// In one sentence.
    package var summary: String
  }

  package let store: BlockStore
  package let uses: UseLedger
  package var policy: RetentionPolicy
  /// Bytes that segments may take; nil for what the disk holds.
  package var quota: UInt64?

  package init(store: BlockStore, uses: UseLedger, policy: RetentionPolicy = RetentionPolicy(), quota: UInt64? = nil) {
    self.store = store
    self.uses = uses
    self.policy = policy
    self.quota = quota
  }

  /// Keeps content while it is worth it, or for good.
  package func keep(_ pin: Pin, quality: Double = 0.5, now: Int64) throws(ContentError) {
    try store.pin(pin)
    if pin.term == .whileWorthIt {
      uses.set(
        pin.cid, ContentUse(lastUsed: now, quality: quality, bytes: try size(under: pin.cid)))
    } else {
      uses.forget(pin.cid)
    }
  }

  /// Keeps for good what an add has just put and its session protects, so that no walk over it is needed.
  package func keepAdded(_ pin: Pin) throws(ContentError) {
    try store.pinAdded(pin, .power)
    uses.forget(pin.cid)
  }

  /// Bytes of the blocks under a root that are here.
  private func size(under root: CID) throws(ContentError) -> UInt64 {
    var total: UInt64 = 0
    try DAGWalk.visit(root) { (cid) throws(ContentError) in
      total += UInt64(store.size(of: cid) ?? 0)
      return cid.codec == .raw ? [] : try Codec.links(of: try store.bytes(of: cid), codec: cid.codec)
    }
    return total
  }

  /// What the policy says of everything that may be given up, the lowest score first.
  ///
  /// - Parameter room: bytes that something new will take.
  package func decisions(now: Int64, making room: UInt64 = 0) -> [RetentionPolicy.Decision] {
    let usage = store.usage
    let candidates = store.pins.filter { $0.term == .whileWorthIt }.map { pin in
      (cid: pin.cid, use: uses[pin.cid] ?? ContentUse(lastUsed: 0))
    }
    return policy.decide(candidates, used: usage.fileBytes + room, quota: quota ?? usage.capacity, now: now)
  }

  /// Gives up what the policy says, then removes what no pin reaches.
  ///
  /// - Parameter room: bytes that something new will take.
  package func collect(
    now: Int64, making room: UInt64 = 0
  ) throws(ContentError) -> (report: BlockStore.Collected, givenUp: [RetentionPolicy.Decision]) {
    // What nobody holds goes first: it may be enough.
    var report = try store.collect(making: room)
    let givenUp = decisions(now: now, making: room).filter { !$0.isKept }
    for decision in givenUp {
      try store.unpin(decision.cid)
      uses.forget(decision.cid)
    }
    if !givenUp.isEmpty {
      let more = try store.collect(making: room)
      report.removedBlocks += more.removedBlocks
      report.removedBytes += more.removedBytes
      report.freedBytes += more.freedBytes
    }
    try uses.write()
    return (report, givenUp)
  }

  /// Says why a block is kept, or what becomes of it.
  package func explain(_ cid: CID, now: Int64) throws(ContentError) -> Explanation {
    let pins = store.pins.filter { pin in
      pin.cid.multihash == cid.multihash || (pin.reach == .recursive && reaches(pin.cid, cid))
    }
    let held = Set(pins.filter { $0.term == .whileWorthIt }.map(\.cid))
    let decisions = decisions(now: now).filter { held.contains($0.cid) }
    let isHere = store.has(cid)
    let summary: String
    if !isHere {
      summary = "\(cid) is not in this store"
    } else if let pin = pins.first(where: { $0.term == .always }) {
      let name = pin.name.isEmpty ? "" : " (\(pin.name))"
      summary =
        pin.cid.multihash == cid.multihash
        ? "kept: it is pinned\(name)" : "kept: it lies under the pin \(pin.cid)\(name)"
    } else if let best = decisions.first(where: \.isKept) ?? decisions.first {
      summary = best.reason
    } else {
      summary = "not pinned: the next collection removes it, unless it is being added"
    }
    return Explanation(cid: cid, isHere: isHere, pins: pins, decisions: decisions, summary: summary)
  }

  private func reaches(_ root: CID, _ cid: CID) -> Bool {
    var stack = [root]
    var seen: Set<BlockKey> = [BlockKey(root.multihash)]
    while let next = stack.popLast() {
      if next.multihash == cid.multihash { return true }
      guard next.codec != .raw, let bytes = try? store.bytes(of: next),
        let links = try? Codec.links(of: bytes, codec: next.codec)
      else { continue }
      for link in links where seen.insert(BlockKey(link.multihash)).inserted { stack.append(link) }
    }
    return false
  }
}
