internal import Multiformats

/// What a node remembers to keep its table and its announcements alive.
struct KademliaUpkeep: Sendable {
  struct Announcement: Sendable {
    var last: Duration?
    var isUnderWay = false
  }

  var probing: Set<KademliaKey> = []
  var lastRefresh: Duration?
  /// Buckets that the refresh under way has still to look up.
  var toRefresh: [Int] = []
  var lossesAtRefresh = 0
  var lastLostProbe: Duration = .zero
  var announcements: [[UInt8]: Announcement] = [:]
  /// Keys whose announcement is due, soonest first.
  var due: [[UInt8]] = []
  var underWay: [Kademlia.OperationID: [UInt8]] = [:]
  /// The share of the table that fails in a second, smoothed.
  var lossRate = 0.0
  var lossesAtRate = 0
  var lastRate: Duration = .zero
  var lastLivenessCheck: Duration = .zero
  var lastDueCheck: Duration = .zero
}

extension Kademlia {
  /// Keeps announcing that this node provides `key`, a multihash.
  ///
  /// - Returns: false where ``KademliaOptions/announcements`` are kept already.
  @discardableResult
  package mutating func announce(_ key: [UInt8]) -> Bool {
    guard upkeep.announcements[key] == nil else { return true }
    guard upkeep.announcements.count < options.announcements else { return false }
    upkeep.announcements[key] = KademliaUpkeep.Announcement()
    upkeep.due.append(key)
    return true
  }

  /// Stops announcing a key. Those who were told forget it when it expires.
  package mutating func withdraw(_ key: [UInt8]) {
    upkeep.announcements[key] = nil
    upkeep.due.removeAll { $0 == key }
  }

  /// Whether a key has been announced to somebody.
  package func isAnnounced(_ key: [UInt8]) -> Bool { upkeep.announcements[key]?.last != nil }

  /// Starts to fill the table; call it once the first peers are added, and again whenever the network has changed.
  package mutating func bootstrap(at now: Duration) { refresh(at: now) }

  /// Does what time calls for; to be called about twice a second.
  package mutating func tick(at now: Duration) {
    for (id, request) in requests where now - request.since >= options.requestTimeout { failed(id, at: now) }
    for (id, operation) in operations {
      if now - operation.since >= options.operationTimeout {
        complete(id, timedOut: true)
      } else if operation.stores == nil {
        advance(id, at: now)
      }
    }
    measureLosses(at: now)
    refreshWhereDue(at: now)
    checkLiveness(at: now)
    tryLost(at: now)
    announceWhereDue(at: now)
    providers.expire(at: now)
  }

  private mutating func measureLosses(at now: Duration) {
    let elapsed = now - upkeep.lastRate
    guard elapsed >= .seconds(5), table.count > 0 else { return }
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    let rate = Double(table.losses - upkeep.lossesAtRate) / Double(table.count) / seconds
    upkeep.lossRate += (rate - upkeep.lossRate) * min(1, seconds / 60)
    upkeep.lossesAtRate = table.losses
    upkeep.lastRate = now
  }

  private mutating func refreshWhereDue(at now: Duration) {
    guard table.count > 0 else { return }
    let sinceLast = upkeep.lastRefresh.map { now - $0 }
    let lost = table.losses - upkeep.lossesAtRefresh
    let isHasty = lost * 10 >= table.count && sinceLast ?? .seconds(86_400) >= options.hastyRefresh
    if sinceLast == nil || sinceLast ?? .zero >= options.refreshInterval {
      refresh(at: now)
    } else if isHasty {
      refresh(at: now, onlyWithRoom: true)
    }
    // A few at a time, so that a refresh does not take the place of what users ask for.
    while let bucket = upkeep.toRefresh.last, refreshesUnderWay < 3 {
      upkeep.toRefresh.removeLast()
      lookUpRandom(sharing: bucket, at: now)
    }
  }

  private var refreshesUnderWay: Int {
    operations.values.count {
      if case .refresh = $0.kind { return true }
      return false
    }
  }

  private mutating func refresh(at now: Duration, onlyWithRoom: Bool = false) {
    upkeep.lastRefresh = now
    upkeep.lossesAtRefresh = table.losses
    // The lookup of the own place fills the deepest buckets, which together hold fewer than it finds.
    var shallow = min(table.deepest ?? 0, Self.deepestRandomLookup)
    var covered = (shallow..<257).reduce(0) { $0 + table.bucketCount($1) }
    while shallow > 0, covered < options.lookup.nearest {
      shallow -= 1
      covered += table.bucketCount(shallow)
    }
    upkeep.toRefresh = (0...shallow).filter { !onlyWithRoom || table.bucketCount($0) < options.table.bucket }
    _ = start(.refresh, KademliaMessage(.findNode, key: own.peer.bytes), own.key, now)
  }

  /// Looks up a random place in a bucket. Requests name peers, whose place is a hash, so one is drawn until it falls there.
  private mutating func lookUpRandom(sharing bits: Int, at now: Duration) {
    // On average 2^(bits+1) draws.
    for _ in 0..<(4 << Self.deepestRandomLookup) {
      let bytes = Multihash(sha256: random.digest()).bytes
      let key = KademliaKey(hashing: bytes)
      guard key.commonPrefix(with: own.key) == bits else { continue }
      _ = start(.refresh, KademliaMessage(.findNode, key: bytes), key, now)
      return
    }
  }

  /// Buckets beyond that are left to the lookup of the own place: names for them are too rare to be drawn.
  private static let deepestRandomLookup = 9

  private mutating func checkLiveness(at now: Duration) {
    guard now - upkeep.lastLivenessCheck >= .seconds(3) else { return }
    upkeep.lastLivenessCheck = now
    let room = options.parallelProbes - upkeep.probing.count
    guard room > 0, requests.count < 64 else { return }
    for contact in table.unheard(since: now - options.livenessInterval, count: min(room, 4)) {
      probe(contact, unheardFor: .zero, at: now)
    }
  }

  /// When a network is split, both halves forget each other. Whoever remembers those that failed finds them again.
  private mutating func tryLost(at now: Duration) {
    guard !table.lost.isEmpty, now - upkeep.lastLostProbe >= options.lostInterval else { return }
    upkeep.lastLostProbe = now
    table.forgetLost(before: now - options.lostLifetime)
    guard let pick = table.lost.randomElement(using: &random) else { return }
    probe(pick.contact, unheardFor: .zero, at: now)
  }

  private mutating func announceWhereDue(at now: Duration) {
    guard !upkeep.announcements.isEmpty, table.count > 0 else { return }
    if upkeep.due.isEmpty, now - upkeep.lastDueCheck >= .seconds(5) {
      upkeep.lastDueCheck = now
      // Half of those who were told are expected to be gone after that time. The rate decays towards 0, and what is
      // divided by it beyond what a duration holds.
      let half = upkeep.lossRate > 1e-9 ? Duration.seconds(0.5 / upkeep.lossRate) : options.republishInterval
      let interval = max(options.hastyRepublish, min(options.republishInterval, half))
      upkeep.due = upkeep.announcements.filter { _, announcement in
        !announcement.isUnderWay && announcement.last.map { now - $0 >= interval } ?? true
      }.keys.sorted { $0.lexicographicallyPrecedes($1) }
    }
    while upkeep.underWay.count < options.parallelAnnouncements, let key = upkeep.due.popLast() {
      guard upkeep.announcements[key]?.isUnderWay == false, let id = provide(key: key, at: now) else { continue }
      // A search over nobody is over at once.
      guard operations[id] != nil else { continue }
      upkeep.announcements[key]?.isUnderWay = true
      upkeep.underWay[id] = key
    }
  }

  mutating func finishUpkeep(_ id: OperationID, _ operation: KademliaOperation, _ outcome: KademliaOutcome) {
    guard case .provide(let key) = operation.kind else { return }
    upkeep.underWay[id] = nil
    upkeep.announcements[key]?.isUnderWay = false
    if outcome.stored > 0 { upkeep.announcements[key]?.last = operation.since }
  }
}
