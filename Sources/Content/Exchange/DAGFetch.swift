package import Multiformats
internal import Synchronization

/// Brings everything under a root here, from several places at once, block by block, each block checked.
///
/// What is here already is not fetched again, so that a fetch that broke off goes on where it stopped. A place that sends
/// bytes which are not the block is not asked again; one that fails is left alone after a few failures, and what it was
/// asked for is asked of the others. What a place is slow to give is asked of a second one, and whoever is first counts.
package struct DAGFetch: Sendable {
  /// What is to be fetched, and how.
  package struct Options: Sendable {
    /// Blocks that are asked of one place at a time.
    package var concurrency = 8
    /// Failures in a row after which a place is left alone.
    package var failures = 4
    /// How long one block may take.
    package var patience: Duration = .seconds(20)
    /// After how long a block is asked of a second place that has nothing else to do.
    package var hedge: Duration = .milliseconds(500)
    /// Blocks that may be under one root; more ends the fetch.
    package var maximumBlocks = 1 << 24

    package init() {}
  }

  /// What a fetch brought.
  package struct Report: Hashable, Sendable {
    /// Blocks fetched, without those that were here.
    package var blocks = 0
    package var bytes: UInt64 = 0
    /// Blocks that were here before.
    package var known = 0
    /// Blocks by the place that sent them.
    package var sources: [String: Int] = [:]
    /// Places that sent wrong bytes, each with what was wrong.
    package var liars: [String: String] = [:]

    package init() {}
  }

  private struct State {
    /// Blocks to be looked at; the next one last.
    var waiting: [CID] = []
    var seen: Set<BlockKey> = []
    /// Places that could not give a block.
    var refusals: [BlockKey: Set<Int>] = [:]
    /// Blocks that are being fetched: since when, and by which places.
    var inFlight: [BlockKey: (cid: CID, since: ContinuousClock.Instant, places: Set<Int>)] = [:]
    var done: Set<BlockKey> = []
    var report = Report()
    var failures: [Int]
    var isOut: [Bool]
    var fault: ContentError?
  }

  /// What the workers share.
  private final class Progress: Sendable {
    let state: Mutex<State>
    let tell: @Sendable (Report) -> Void

    init(_ state: sending State, tell: @escaping @Sendable (Report) -> Void) {
      self.state = Mutex(state)
      self.tell = tell
    }
  }

  private let store: any LocalBlocks
  private let places: [any BlockExchange]
  private let options: Options

  package init(into store: any LocalBlocks, from places: [any BlockExchange], options: Options = Options()) {
    self.store = store
    self.places = places
    self.options = options
  }

  /// Fetches what is missing under `root`.
  ///
  /// - Parameter progress: told the blocks and bytes that have come, as they come.
  /// - Throws: `.missing` or `.timedOut` with a block that no place gave; what has come stays.
  package func run(
    _ root: CID, progress: @escaping @Sendable (Report) -> Void = { _ in }
  ) async throws(ContentError) -> Report {
    let shared = Progress(
      State(
        waiting: [root], seen: [BlockKey(root.multihash)], failures: places.map { _ in 0 },
        isOut: places.map { _ in false }), tell: progress)
    await withTaskGroup(of: Bool.self) { group in
      for place in places.indices {
        for _ in 0..<max(1, options.concurrency) {
          group.addTask { await work(place, shared) }
        }
      }
      // Without any place, what is here is still walked.
      if places.isEmpty { group.addTask { await work(nil, shared) } }
      // Whoever still waits for a place that does not answer is let go of when all is there.
      for await isOver in group where isOver { group.cancelAll() }
    }
    if Task.isCancelled { throw ContentError(.timedOut, "the fetch of \(root) was cancelled; run it again to go on") }
    return try shared.state.withLock { state in
      Result { () throws(ContentError) in
        if let fault = state.fault { throw fault }
        if let left = state.waiting.last { throw .missing(left) }
        return state.report
      }
    }.get()
  }

  private enum Step {
    case take(CID)
    case wait
    /// This place is out.
    case leave
    /// Everything is there, or nothing more can come.
    case end
  }

  /// - Returns: whether the whole fetch is over.
  private func work(_ place: Int?, _ shared: Progress) async -> Bool {
    while !Task.isCancelled {
      switch next(place, shared) {
      case .end: return true
      case .leave: return false
      case .wait: try? await Task.sleep(for: .milliseconds(5))
      case .take(let cid):
        do throws(ContentError) {
          try await visit(cid, place, shared)
        } catch {
          failed(cid, place, error, shared)
        }
      }
    }
    return false
  }

  /// A block for this place to look at: one that it has not refused.
  private func next(_ place: Int?, _ shared: Progress) -> Step {
    let now = ContinuousClock.now
    return shared.state.withLock { state in
      if state.fault != nil { return .end }
      if let place, state.isOut[place] { return .leave }
      if state.waiting.isEmpty, state.inFlight.isEmpty { return .end }
      let index = state.waiting.lastIndex { cid in
        guard let place, let refused = state.refusals[BlockKey(cid.multihash)] else { return true }
        return !refused.contains(place)
      }
      if let index {
        let cid = state.waiting.remove(at: index)
        let holders: Set<Int> = place.map { Set([$0]) } ?? []
        state.inFlight[BlockKey(cid.multihash)] = (cid: cid, since: now, places: holders)
        return .take(cid)
      }
      guard let place else { return .wait }
      for (key, flight) in state.inFlight
      where flight.places.count == 1 && !flight.places.contains(place) && now - flight.since > options.hedge
        && state.refusals[key]?.contains(place) != true
      {
        state.inFlight[key]?.places.insert(place)
        return .take(flight.cid)
      }
      return .wait
    }
  }

  private func visit(
    _ cid: CID, _ place: Int?, _ shared: Progress
  ) async throws(ContentError) {
    var bytes: [UInt8]
    var isNew = false
    do throws(ContentError) {
      bytes = try await store.bytes(of: cid)
    } catch {
      guard let place, error.code == .missing || error.code == .corrupt else { throw error }
      bytes = try await places[place].fetch(cid, by: .now + options.patience)
      guard try Digest.matches(cid.multihash, bytes) else {
        throw ContentError(.corrupt, "\(places[place].name) sent bytes that are not block \(cid)", cid: cid)
      }
      isNew = true
      try store.put(Block(unchecked: bytes, cid: cid))
    }
    // A leaf has no links; a block that its codec forbids ends the fetch.
    let links = cid.codec == .raw ? [] : try Codec.links(of: bytes, codec: cid.codec)
    let report: Report? = try shared.state.withLock { state in
      Result { () throws(ContentError) in
        let key = BlockKey(cid.multihash)
        state.inFlight[key] = nil
        guard state.done.insert(key).inserted else { return nil }
        for link in links.reversed() where state.seen.insert(BlockKey(link.multihash)).inserted {
          state.waiting.append(link)
        }
        guard state.seen.count <= options.maximumBlocks else {
          state.fault = ContentError(.tooLarge, "more than \(options.maximumBlocks) blocks lie under the root")
          return nil
        }
        guard isNew, let place else {
          state.report.known += 1
          return nil
        }
        state.failures[place] = 0
        state.report.blocks += 1
        state.report.bytes += UInt64(bytes.count)
        state.report.sources[places[place].name, default: 0] += 1
        return state.report
      }
    }.get()
    if let report { shared.tell(report) }
  }

  private func failed(_ cid: CID, _ place: Int?, _ error: ContentError, _ shared: Progress) {
    shared.state.withLock { state in
      let key = BlockKey(cid.multihash)
      // Another place was faster.
      if state.done.contains(key) { return }
      if let place { state.inFlight[key]?.places.remove(place) }
      if state.inFlight[key]?.places.isEmpty ?? true {
        state.inFlight[key] = nil
        if !state.waiting.contains(cid) { state.waiting.append(cid) }
      }
      guard let place, [.missing, .timedOut, .storage, .corrupt, .tooLarge].contains(error.code) else {
        state.fault = error
        return
      }
      state.refusals[key, default: []].insert(place)
      switch error.code {
      case .missing: break
      case .corrupt, .tooLarge:
        state.isOut[place] = true
        state.report.liars[places[place].name] = error.detail
      default:
        state.failures[place] += 1
        if state.failures[place] >= options.failures {
          state.isOut[place] = true
        } else if error.code == .storage {
          // It may have been the connection alone: this place may be asked again, until it has failed too often.
          state.refusals[key]?.remove(place)
        }
      }
      let isHopeless =
        state.inFlight[key] == nil
        && places.indices.allSatisfy { index in
          state.isOut[index] || state.refusals[key]?.contains(index) == true
        }
      if isHopeless {
        state.fault =
          error.code == .missing
          ? ContentError(.missing, "block \(cid) is at none of the \(places.count) places that were asked", cid: cid)
          : ContentError(error.code, "block \(cid) could not be fetched; the last answer: \(error.detail)", cid: cid)
      }
    }
  }
}
