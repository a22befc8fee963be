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
    /// Blocks that are asked of one place at a time; nil for as many as suit the place and come within two seconds.
    package var concurrency: Int?
    /// The most bytes that are asked of one place at a time, taking blocks to be as large as the largest that came.
    package var window = 64 << 20
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
    var queue: FetchQueue
    var seen: Set<BlockKey> = []
    var done: Set<BlockKey> = []
    var report = Report()
    var failures: [Int]
    var isOut: [Bool]
    var fault: ContentError?
    var pace = Pace()
  }

  /// How fast blocks come, so that no more is asked for than comes soon: what waits long is taken for lost.
  private struct Pace {
    private static let sample = Duration.milliseconds(50)
    private static let ahead = 2.0

    /// Bytes of the largest block.
    private(set) var largest = 0
    /// Bytes a second, smoothed.
    private var rate = 0.0
    private var sampled = 0
    private var since = ContinuousClock.now

    mutating func came(_ bytes: Int) {
      largest = max(largest, bytes)
      sampled += bytes
      let time = ContinuousClock.now - since
      guard time >= Self.sample else { return }
      let latest = Double(sampled) / (time / .seconds(1))
      rate = rate == 0 ? latest : rate * 0.7 + latest * 0.3
      sampled = 0
      since += time
    }

    /// Blocks to ask for at a time.
    func width(within window: Int) -> Int {
      guard largest > 0 else { return 16 }
      return max(16, Int(min(Double(window), rate * Self.ahead)) / largest)
    }
  }

  /// What the tasks of a fetch share.
  private final class Progress: Sendable {
    let places: [any BlockExchange]
    let state: Mutex<State>
    let tell: @Sendable (Report) -> Void

    init(_ places: [any BlockExchange], _ state: sending State, tell: @escaping @Sendable (Report) -> Void) {
      self.places = places
      self.state = Mutex(state)
      self.tell = tell
    }
  }

  /// What the one who hands out blocks waits for.
  private enum Event: Sendable {
    /// A place has answered, or failed to.
    case ended(Int)
    /// Some answer may be late by now.
    case alarm
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
    var queue = FetchQueue(places: places.count)
    queue.add(root)
    let shared = Progress(
      places.map { $0.session() },
      State(
        queue: queue, seen: [BlockKey(root.multihash)], failures: places.map { _ in 0 },
        isOut: places.map { _ in false }), tell: progress)
    await withTaskGroup(of: Event.self) { group in
      // Without any place, what is here is still walked.
      var busy = Array(repeating: 0, count: max(1, places.count))
      var hasAlarm = false
      while !Task.isCancelled {
        let widths = busy.indices.map { width(of: places.isEmpty ? nil : $0, shared) }
        var hasTaken = true
        while hasTaken {
          hasTaken = false
          // One block to each in turn, so that the first does not take all.
          for number in busy.indices where busy[number] < widths[number] {
            let place = places.isEmpty ? nil : number
            guard let cid = next(place, shared) else { continue }
            hasTaken = true
            busy[number] += 1
            group.addTask {
              await take(cid, place, shared)
              return .ended(number)
            }
          }
        }
        guard !isOver(shared), busy.contains(where: { $0 > 0 }) else { break }
        if !hasAlarm, places.count > 1 {
          hasAlarm = true
          let pause = max(.milliseconds(5), options.hedge / 4)
          group.addTask {
            try? await Task.sleep(for: pause)
            return .alarm
          }
        }
        switch await group.next() {
        case .ended(let number): busy[number] -= 1
        case .alarm, nil: hasAlarm = false
        }
      }
      // Whoever still waits for a place that does not answer is let go of.
      group.cancelAll()
    }
    if Task.isCancelled { throw ContentError(.timedOut, "the fetch of \(root) was cancelled; run it again to go on") }
    return try shared.state.withLock { state in
      Result { () throws(ContentError) in
        if let fault = state.fault { throw fault }
        if let left = state.queue.waiting { throw .missing(left) }
        return state.report
      }
    }.get()
  }

  private func isOver(_ shared: Progress) -> Bool {
    shared.state.withLock { $0.fault != nil || $0.queue.isEmpty }
  }

  /// How many blocks may be asked of a place now.
  private func width(of place: Int?, _ shared: Progress) -> Int {
    if let fixed = options.concurrency { return max(1, fixed) }
    guard let place else { return 4 }
    let suits = shared.state.withLock { $0.pace.width(within: options.window) }
    return min(max(1, shared.places[place].width), suits)
  }

  /// A block for this place to look at: one that it has not refused, or one that another is slow to give.
  private func next(_ place: Int?, _ shared: Progress) -> CID? {
    let now = ContinuousClock.now
    return shared.state.withLock { state in
      if state.fault != nil { return nil }
      if let place, state.isOut[place] { return nil }
      if let cid = state.queue.next(for: place, at: now) { return cid }
      guard let place, places.count > 1 else { return nil }
      return state.queue.late(for: place, at: now, patience: options.hedge)
    }
  }

  private func take(_ cid: CID, _ place: Int?, _ shared: Progress) async {
    do throws(ContentError) {
      try await visit(cid, place, shared)
    } catch {
      failed(cid, place, error, shared)
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
      let exchange = shared.places[place]
      bytes = try await exchange.fetch(cid, by: .now + options.patience)
      guard try exchange.verifies ? true : Digest.matches(cid.multihash, bytes) else {
        throw ContentError(.corrupt, "\(exchange.name) sent bytes that are not block \(cid)", cid: cid)
      }
      isNew = true
      try store.put(Block(unchecked: bytes, cid: cid))
    }
    // A leaf has no links; a block that its codec forbids ends the fetch.
    let links = cid.codec == .raw ? [] : try Codec.links(of: bytes, codec: cid.codec)
    let report: Report? = try shared.state.withLock { state in
      Result { () throws(ContentError) in
        let key = BlockKey(cid.multihash)
        state.queue.finish(key)
        guard state.done.insert(key).inserted else { return nil }
        for link in links.reversed() where state.seen.insert(BlockKey(link.multihash)).inserted {
          state.queue.add(link)
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
        state.pace.came(bytes.count)
        state.report.sources[places[place].name, default: 0] += 1
        return state.report
      }
    }.get()
    if let report { shared.tell(report) }
  }

  private func failed(_ cid: CID, _ place: Int?, _ error: ContentError, _ shared: Progress) {
    shared.state.withLock { state in
      let key = BlockKey(cid.multihash)
      // Another place was faster, or all is over.
      if state.done.contains(key) || state.fault != nil { return }
      guard let place, [.missing, .timedOut, .storage, .corrupt, .tooLarge].contains(error.code) else {
        state.fault = error
        return
      }
      var mayAskAgain = false
      switch error.code {
      case .missing: break
      case .corrupt, .tooLarge:
        state.isOut[place] = true
        state.report.liars[places[place].name] = error.detail
      default:
        state.failures[place] += 1
        if state.failures[place] >= options.failures {
          state.isOut[place] = true
        } else {
          // It may have been the connection alone: this place may be asked again, until it has failed too often.
          mayAskAgain = error.code == .storage
        }
      }
      state.queue.refuse(cid, by: place, mayAskAgain: mayAskAgain)
      let isHopeless = state.queue.isHopeless(key, without: state.isOut)
      if isHopeless {
        state.fault =
          error.code == .missing
          ? ContentError(.missing, "block \(cid) is at none of the \(places.count) places that were asked", cid: cid)
          : ContentError(error.code, "block \(cid) could not be fetched; the last answer: \(error.detail)", cid: cid)
      }
    }
  }
}
