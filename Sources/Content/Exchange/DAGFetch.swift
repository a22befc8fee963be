package import Multiformats
internal import Synchronization

/// Brings everything under a root here, from several places at once, block by block, each block checked.
///
/// What is here already is not fetched again, so that a fetch that broke off goes on where it stopped. A place that sends
/// bytes which are not the block is not asked again; one that fails is left alone after a few failures, and what it was
/// asked for is asked of the others.
package struct DAGFetch: Sendable {
  /// What is to be fetched, and how.
  package struct Options: Sendable {
    /// Blocks that are asked of one place at a time.
    package var concurrency = 8
    /// Failures in a row after which a place is left alone.
    package var failures = 4
    /// How long one block may take.
    package var patience: Duration = .seconds(20)
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
    var running = 0
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
    await withTaskGroup(of: Void.self) { group in
      for place in places.indices {
        for _ in 0..<max(1, options.concurrency) {
          group.addTask { await work(place, shared) }
        }
      }
      // Without any place, what is here is still walked.
      if places.isEmpty { group.addTask { await work(nil, shared) } }
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
    case end
  }

  private func work(_ place: Int?, _ shared: Progress) async {
    while !Task.isCancelled {
      switch next(place, shared) {
      case .end: return
      case .wait: try? await Task.sleep(for: .milliseconds(5))
      case .take(let cid):
        do throws(ContentError) {
          try await visit(cid, place, shared)
        } catch {
          failed(cid, place, error, shared)
        }
      }
    }
  }

  /// A block for this place to look at: one that it has not refused.
  private func next(_ place: Int?, _ shared: Progress) -> Step {
    shared.state.withLock { state in
      if state.fault != nil { return .end }
      if let place, state.isOut[place] { return .end }
      if state.waiting.isEmpty { return state.running == 0 ? .end : .wait }
      let index = state.waiting.lastIndex { cid in
        guard let place, let refused = state.refusals[BlockKey(cid.multihash)] else { return true }
        return !refused.contains(place)
      }
      guard let index else { return .wait }
      state.running += 1
      return .take(state.waiting.remove(at: index))
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
    // A leaf has no links; a block that its codec forbids is kept as it is, and the walk ends there.
    let links = cid.codec == .raw ? [] : try Codec.links(of: bytes, codec: cid.codec)
    let report: Report? = try shared.state.withLock { state in
      Result { () throws(ContentError) in
        state.running -= 1
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
      state.running -= 1
      state.waiting.append(cid)
      guard let place, [.missing, .timedOut, .storage, .corrupt, .tooLarge].contains(error.code) else {
        state.fault = error
        return
      }
      state.refusals[BlockKey(cid.multihash), default: []].insert(place)
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
          state.refusals[BlockKey(cid.multihash)]?.remove(place)
        }
      }
      let isHopeless = places.indices.allSatisfy { index in
        state.isOut[index] || state.refusals[BlockKey(cid.multihash)]?.contains(index) == true
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
