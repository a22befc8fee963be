internal import Multiformats

/// One iterative search for the peers nearest to a place, along several disjoint paths (Baumgart and Mies, "S/Kademlia",
/// 2007, section 4.4): no peer is asked on more than one path, so that a liar misleads one path at most.
package struct KademliaLookup: Sendable {
  /// Bounds.
  package struct Limits: Sendable {
    /// How many of the nearest are wanted, `k`.
    package var nearest = 20
    /// Requests in flight over all paths, `α`. Those that take longer than ``slow`` do not count.
    package var parallel = 12
    /// Disjoint paths, `d`.
    package var paths = 4
    /// Requests of one search over all paths.
    package var requests = 240
    /// Candidates remembered by a path.
    package var candidates = 80
    /// Of those in the region around the target, how many a path asks besides the nearest, the outermost first. See
    /// ``KademliaLookup/region``.
    package var outer = 12
    /// Candidates of one network group on a path.
    package var perGroup = 3
    /// From when on a request is slow, and another is sent beside it.
    package var slow: Duration = .milliseconds(1_200)

    package init() {}
  }

  enum State: Sendable {
    case waiting
    case asked(since: Duration)
    case answered
    case failed
    /// Another path asks it.
    case elsewhere
  }

  struct Candidate: Sendable {
    let contact: KademliaContact
    let distance: KademliaKey
    /// Peers between us and whoever told of it; 0 for those of our own table.
    let hop: Int
    var state: State
  }

  private struct Path: Sendable {
    var candidates: [Candidate] = []
  }

  package let target: KademliaKey
  package let limits: Limits
  /// Leading bits that the region has in common with the target: so many that some more than ``Limits/nearest`` of the network's
  /// honest nodes are expected in it. Whoever crowds around a key fills the places nearest to it, and cannot fill the region: who
  /// provides a key is stored and looked for in all of it (Sridhar and others, "Content Censorship in the InterPlanetary File
  /// System", 2024). Nil for lookups that want the nearest alone.
  package let region: Int?
  private let own: KademliaKey
  private var paths: [Path]
  /// Which path asks whom.
  private var claims: [KademliaKey: Int] = [:]
  /// Requests sent so far.
  package private(set) var requests = 0
  /// The most peers between us and one that answered.
  package private(set) var hops = 0

  /// A search that starts at `seeds`, which are dealt out to the paths in turn.
  ///
  /// - Parameter nodes: how many the network is thought to have, for lookups that go through the region; nil for others.
  package init(
    target: KademliaKey, own: KademliaKey, seeds: [KademliaContact], limits: Limits = Limits(), nodes: Double? = nil
  ) {
    region = nodes.map { nodes in
      var bits = 0
      // One and a half times to three times as many as are wanted.
      while bits < 200, nodes / Double(sign: .plus, exponent: bits + 1, significand: 1) >= 1.5 * Double(limits.nearest)
      {
        bits += 1
      }
      return bits
    }
    self.target = target
    self.own = own
    self.limits = limits
    let count = max(1, min(limits.paths, seeds.count))
    paths = Array(repeating: Path(), count: count)
    for (index, seed) in seeds.enumerated() { offer(seed, to: index % count, hop: 0) }
  }

  private mutating func offer(_ contact: KademliaContact, to path: Int, hop: Int) {
    guard contact.key != own else { return }
    let distance = contact.key.distance(to: target)
    let candidates = paths[path].candidates
    var low = 0
    var high = candidates.count
    while low < high {
      let middle = (low + high) / 2
      if candidates[middle].distance < distance { low = middle + 1 } else { high = middle }
    }
    if low < candidates.count, candidates[low].distance == distance { return }
    guard low < limits.candidates else { return }
    if let group = contact.group {
      let held = candidates.count {
        if case .failed = $0.state { return false }
        return $0.contact.group == group
      }
      guard held < limits.perGroup else { return }
    }
    paths[path].candidates.insert(
      Candidate(contact: contact, distance: distance, hop: hop, state: .waiting), at: low)
    if paths[path].candidates.count > limits.candidates { trim(path) }
  }

  /// Drops the farthest candidate that nobody waits for.
  private mutating func trim(_ path: Int) {
    let last = paths[path].candidates.lastIndex {
      if case .asked = $0.state { return false }
      return true
    }
    if let last { paths[path].candidates.remove(at: last) }
  }

  /// Whom to ask now.
  package mutating func next(at now: Duration) -> [KademliaContact] {
    var chosen: [KademliaContact] = []
    let share = max(1, limits.parallel / paths.count)
    for path in paths.indices {
      var inFlight = 0
      for candidate in paths[path].candidates {
        if case .asked(let since) = candidate.state, now - since < limits.slow { inFlight += 1 }
      }
      while inFlight < share, requests < limits.requests, let index = nextIndex(path) {
        let contact = paths[path].candidates[index].contact
        if claims[contact.key] != nil {
          paths[path].candidates[index].state = .elsewhere
          continue
        }
        claims[contact.key] = path
        paths[path].candidates[index].state = .asked(since: now)
        requests += 1
        inFlight += 1
        chosen.append(contact)
      }
    }
    return chosen
  }

  /// The nearest candidate of a path that has not been asked, as long as it may be among the nearest.
  private func nextIndex(_ path: Int) -> Int? {
    var rank = 0
    for (index, candidate) in paths[path].candidates.enumerated() {
      switch candidate.state {
      case .failed: continue
      case .waiting: return rank < limits.nearest ? index : nil
      case .asked, .answered, .elsewhere: rank += 1
      }
      if rank >= limits.nearest { return outerIndex(path) }
    }
    return outerIndex(path)
  }

  /// Whether a candidate lies in the region, or is one of those that the search began with.
  private func isOuter(_ candidate: Candidate) -> Bool { candidate.hop == 0 || isInRegion(candidate) }

  private func isInRegion(_ candidate: Candidate) -> Bool {
    guard let region else { return false }
    return candidate.distance.leadingZeroBits >= region
  }

  /// The outermost candidate of the region that has not been asked, after those that the search began with; nil once enough of
  /// them have been.
  private func outerIndex(_ path: Int) -> Int? {
    guard region != nil else { return nil }
    var asked = 0
    for (index, candidate) in paths[path].candidates.enumerated().reversed() where isOuter(candidate) {
      switch candidate.state {
      case .waiting: return index
      case .failed: continue
      case .asked, .answered, .elsewhere: asked += 1
      }
      if asked >= limits.outer { return nil }
    }
    return nil
  }

  private func position(of key: KademliaKey) -> (path: Int, index: Int)? {
    guard let path = claims[key] else { return nil }
    return paths[path].candidates.firstIndex { $0.contact.key == key }.map { (path, $0) }
  }

  /// Takes in what a peer answered.
  ///
  /// - Returns: how many peers stood between us and it; nil where it was not asked.
  @discardableResult
  package mutating func answered(_ key: KademliaKey, closer: [KademliaContact]) -> Int? {
    guard let (path, index) = position(of: key), case .asked = paths[path].candidates[index].state else { return nil }
    paths[path].candidates[index].state = .answered
    let hop = paths[path].candidates[index].hop
    hops = max(hops, hop)
    for contact in closer.prefix(limits.nearest) { offer(contact, to: path, hop: hop + 1) }
    return hop
  }

  /// Notes that a peer did not answer.
  package mutating func failed(_ key: KademliaKey) {
    guard let (path, index) = position(of: key) else { return }
    paths[path].candidates[index].state = .failed
  }

  /// Whether every path has heard from the nearest peers that it knows.
  package var isFinished: Bool {
    paths.indices.allSatisfy { path in
      var rank = 0
      for candidate in paths[path].candidates {
        switch candidate.state {
        case .failed: continue
        case .asked: return false
        case .waiting: return requests >= limits.requests && !isAsking
        case .answered, .elsewhere: rank += 1
        }
        if rank >= limits.nearest { break }
      }
      guard region != nil else { return true }
      let isWaiting = paths[path].candidates.contains { candidate in
        if case .asked = candidate.state { return true }
        return false
      }
      return !isWaiting && (requests >= limits.requests || outerIndex(path) == nil)
    }
  }

  private var isAsking: Bool {
    paths.contains { path in
      path.candidates.contains {
        if case .asked = $0.state { return true }
        return false
      }
    }
  }

  private static func didAnswer(_ candidate: Candidate) -> Bool {
    if case .answered = candidate.state { return true }
    return false
  }

  /// Those who answered, nearest first.
  package var nearest: [KademliaContact] {
    let all = paths.flatMap { $0.candidates.filter(Self.didAnswer) }.sorted { $0.distance < $1.distance }
    return all.prefix(limits.nearest).map(\.contact)
  }

  /// The most that ``storeTargets`` gives.
  package var maximumTargets: Int { (region == nil ? 2 : 3) * limits.nearest }

  /// Where to store: the nearest of all paths, and half as many of each path by itself, so that a path on which liars took
  /// the nearest places does not decide alone; then the outermost of the region. No more than ``maximumTargets``.
  package var storeTargets: [KademliaContact] {
    var targets = nearest
    var seen = Set(targets.map(\.key))
    for path in paths {
      for candidate in path.candidates.filter(Self.didAnswer).prefix(limits.nearest / 2)
      where seen.insert(candidate.contact.key).inserted {
        targets.append(candidate.contact)
      }
    }
    targets = Array(targets.prefix(2 * limits.nearest))
    seen = Set(targets.map(\.key))
    let outer = paths.flatMap { $0.candidates.filter { Self.didAnswer($0) && isInRegion($0) } }
      .sorted { $1.distance < $0.distance }
    for candidate in outer where targets.count < maximumTargets && seen.insert(candidate.contact.key).inserted {
      targets.append(candidate.contact)
    }
    return targets
  }
}
