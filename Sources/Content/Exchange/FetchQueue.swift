internal import Multiformats

/// Which block of a fetch is asked of which place next. Every step takes about the same time, however many blocks wait and
/// however many of them some place has refused.
struct FetchQueue {
  /// Who has been asked for a block, and since when.
  private struct Flight {
    let cid: CID
    let since: ContinuousClock.Instant
    var places: Set<Int>
  }

  /// Blocks that no place has refused; the next one last.
  private var fresh: [CID] = []
  /// Blocks that some place has refused, for each place that has not; the next one last. A block counts here while it is
  /// among `retried`.
  private var again: [[CID]]
  private var retried: Set<BlockKey> = []
  private var refusals: [BlockKey: Set<Int>] = [:]
  private var flights: [BlockKey: Flight] = [:]
  /// Blocks in the order in which they were asked for, each with the moment; those before `first` have come.
  private var started: [(key: BlockKey, since: ContinuousClock.Instant)] = []
  private var first = 0

  /// - Parameter places: how many there are.
  init(places: Int) { again = Array(repeating: [], count: places) }

  /// Whether nothing waits and nothing is on its way.
  var isEmpty: Bool { fresh.isEmpty && retried.isEmpty && flights.isEmpty }

  /// A block that waits, for the error that tells of it.
  var waiting: CID? {
    fresh.last ?? again.lazy.joined().first { retried.contains(BlockKey($0.multihash)) }
  }

  mutating func add(_ cid: CID) { fresh.append(cid) }

  /// A block for a place to look at.
  ///
  /// - Parameter place: nil where there is none, and only what is here is walked.
  mutating func next(for place: Int?, at now: ContinuousClock.Instant) -> CID? {
    var found = fresh.popLast()
    if found == nil, let place { found = nextRefused(for: place) }
    guard let cid = found else { return nil }
    let key = BlockKey(cid.multihash)
    var places: Set<Int> = []
    if let place { places.insert(place) }
    flights[key] = Flight(cid: cid, since: now, places: places)
    started.append((key: key, since: now))
    return cid
  }

  private mutating func nextRefused(for place: Int) -> CID? {
    while let cid = again[place].popLast() {
      let key = BlockKey(cid.multihash)
      // Others may have taken it meanwhile, or this place may have refused it since.
      guard refusals[key]?.contains(place) != true, retried.remove(key) != nil else { continue }
      return cid
    }
    return nil
  }

  /// The block that another place is longest in giving, where that is longer than `patience`, for this one to give instead.
  mutating func late(for place: Int, at now: ContinuousClock.Instant, patience: Duration) -> CID? {
    while first < started.count, flights[started[first].key]?.since != started[first].since { first += 1 }
    if first > 1_024, first * 2 > started.count {
      started.removeFirst(first)
      first = 0
    }
    for (key, since) in started[first...] {
      guard let flight = flights[key], flight.since == since else { continue }
      guard now - flight.since > patience else { return nil }
      guard flight.places.count == 1, !flight.places.contains(place), refusals[key]?.contains(place) != true else {
        continue
      }
      flights[key]?.places.insert(place)
      return flight.cid
    }
    return nil
  }

  /// The block has come, or is no longer wanted.
  mutating func finish(_ key: BlockKey) {
    flights[key] = nil
    refusals[key] = nil
    retried.remove(key)
  }

  /// The place did not give the block. It waits again, unless another place is still asked.
  ///
  /// - Parameter mayAskAgain: whether the place may be asked for it once more.
  mutating func refuse(_ cid: CID, by place: Int, mayAskAgain: Bool) {
    let key = BlockKey(cid.multihash)
    if !mayAskAgain { refusals[key, default: []].insert(place) }
    flights[key]?.places.remove(place)
    guard flights[key]?.places.isEmpty ?? true else { return }
    flights[key] = nil
    guard retried.insert(key).inserted else { return }
    let refused = refusals[key] ?? []
    for other in again.indices where !refused.contains(other) { again[other].append(cid) }
  }

  /// Whether the block waits, and only places that count no more could give it.
  func isHopeless(_ key: BlockKey, without isOut: [Bool]) -> Bool {
    flights[key] == nil && isOut.indices.allSatisfy { isOut[$0] || refusals[key]?.contains($0) == true }
  }
}
