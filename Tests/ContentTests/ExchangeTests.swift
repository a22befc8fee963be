import Content
import Multiformats
import Synchronization
import Testing

/// A place that has some blocks, and may lie, die, or be slow about them.
final class ScriptedPlace: BlockExchange {
  enum Manner: Sendable {
    case honest
    /// Sends other bytes than asked for.
    case lies
    /// Answers so many times, then never again.
    case dies(after: Int)
    /// Has nothing.
    case empty
    /// Never answers.
    case hangs
  }

  let name: String
  private let blocks: MemoryBlocks
  private let manner: Manner
  private let asked = Mutex(0)

  init(_ name: String, _ blocks: MemoryBlocks, _ manner: Manner = .honest) {
    self.name = name
    self.blocks = blocks
    self.manner = manner
  }

  var requests: Int { asked.withLock { $0 } }

  func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    let number = asked.withLock { asked in
      asked += 1
      return asked
    }
    switch manner {
    case .honest: return try blocks.bytes(of: cid)
    case .lies: return [1, 2, 3]
    case .dies(let count):
      guard number <= count else { throw ContentError(.storage, "\(name) is gone") }
      return try blocks.bytes(of: cid)
    case .empty: throw .missing(cid)
    case .hangs:
      try? await Task.sleep(until: deadline, clock: .continuous)
      throw ContentError(.timedOut, "\(name) did not answer")
    }
  }
}

/// A place that notes how many blocks are asked of it at a time, and answers once so many are, or no more come.
private final class WidePlace: BlockExchange {
  let name = "wide"
  let width: Int
  private let blocks: MemoryBlocks
  private let state = Mutex((now: 0, most: 0))

  init(_ blocks: MemoryBlocks, width: Int) {
    self.blocks = blocks
    self.width = width
  }

  var most: Int { state.withLock { $0.most } }

  func fetch(_ cid: CID, by deadline: ContinuousClock.Instant) async throws(ContentError) -> [UInt8] {
    state.withLock { state in
      state.now += 1
      state.most = max(state.most, state.now)
    }
    // Others get their turn to ask meanwhile.
    for _ in 0..<200 { await Task.yield() }
    state.withLock { $0.now -= 1 }
    return try blocks.bytes(of: cid)
  }
}

/// The same as a source.
private final class WideSource: BlockSource {
  let place: WidePlace
  private let count = Mutex(0)

  init(_ place: WidePlace) { self.place = place }

  var asked: Int { count.withLock { $0 } }

  func bytes(of cid: CID) async throws(ContentError) -> [UInt8] {
    count.withLock { $0 += 1 }
    return try await place.fetch(cid, by: .now + .seconds(20))
  }
}

@Suite(.timeLimit(.minutes(1))) struct ExchangeTests {
  /// A file of many blocks.
  private static func tree(
    _ seed: UInt64, count: Int = 600_000
  ) throws -> (blocks: MemoryBlocks, root: CID, bytes: [UInt8]) {
    var random = SplitMix(state: seed)
    let bytes = random.bytes(count)
    let blocks = MemoryBlocks()
    var profile = ImportProfile.unixfsV1x2025
    profile.chunking = .fixed(4_096)
    profile.width = 16
    let root = try UnixFSTests.add(bytes, profile, to: blocks).cid
    return (blocks, root, bytes)
  }

  @Test func `a DAG is fetched from several places at once, though one lies, one dies and one has nothing`()
    async throws
  {
    let (blocks, root, bytes) = try Self.tree(1)
    let store = MemoryBlocks()
    let places = [
      ScriptedPlace("liar", blocks, .lies), ScriptedPlace("dying", blocks, .dies(after: 20)),
      ScriptedPlace("empty", blocks, .empty), ScriptedPlace("good", blocks),
    ]
    let report = try await DAGFetch(into: store, from: places).run(root)
    #expect(report.blocks == blocks.count)
    #expect(report.liars.keys.contains("liar"))
    #expect(report.sources["liar"] == nil)
    #expect(try await FileBytes(root, from: store).collected() == bytes)
  }

  @Test func `a place that never answers holds nothing up`() async throws {
    let (blocks, root, bytes) = try Self.tree(6, count: 100_000)
    var options = DAGFetch.Options()
    options.hedge = .milliseconds(10)
    let store = MemoryBlocks()
    let places = [ScriptedPlace("silent", blocks, .hangs), ScriptedPlace("good", blocks)]
    // The silent place would take twenty seconds a block, and the suite has one minute.
    let report = try await DAGFetch(into: store, from: places, options: options).run(root)
    #expect(report.sources == ["good": blocks.count])
    #expect(try await FileBytes(root, from: store).collected() == bytes)
  }

  @Test func `as much is asked of a place at a time as suits it, and as an option allows`() async throws {
    let (blocks, root, _) = try Self.tree(8, count: 2_000_000)
    for (width, fixed, expected) in [(12, nil, 9...12), (512, nil, 13...512), (512, 3, 2...3)]
      as [(Int, Int?, ClosedRange<Int>)]
    {
      let place = WidePlace(blocks, width: width)
      var options = DAGFetch.Options()
      options.concurrency = fixed
      let report = try await DAGFetch(into: MemoryBlocks(), from: [place], options: options).run(root)
      #expect(report.blocks == blocks.count)
      #expect(expected.contains(place.most), "\(place.most) at a time where \(width) suit")
    }
  }

  @Test func `a fetch that broke off goes on where it stopped`() async throws {
    let (blocks, root, bytes) = try Self.tree(2)
    let store = MemoryBlocks()
    await #expect(throws: ContentError.self) {
      try await DAGFetch(into: store, from: [ScriptedPlace("dying", blocks, .dies(after: 50))]).run(root)
    }
    let first = store.count
    #expect(first > 0 && first < blocks.count)
    let good = ScriptedPlace("good", blocks)
    let report = try await DAGFetch(into: store, from: [good]).run(root)
    #expect(report.blocks == blocks.count - first)
    #expect(good.requests == blocks.count - first)
    #expect(try await FileBytes(root, from: store).collected() == bytes)
  }

  @Test func `what no place has is told, and liars alone bring nothing`() async throws {
    let (blocks, root, _) = try Self.tree(3, count: 20_000)
    let missing = await #expect(throws: ContentError.self) {
      try await DAGFetch(
        into: MemoryBlocks(), from: [ScriptedPlace("a", blocks, .empty), ScriptedPlace("b", blocks, .empty)]
      )
      .run(root)
    }
    #expect(missing?.code == .missing)
    let store = MemoryBlocks()
    await #expect(throws: ContentError.self) {
      try await DAGFetch(into: store, from: [ScriptedPlace("liar", blocks, .lies)]).run(root)
    }
    #expect(store.count == 0)
  }

  @Test func `a block that is not here is searched for once, whoever asks, and kept`() async throws {
    let (blocks, root, _) = try Self.tree(4, count: 5_000)
    let store = MemoryBlocks()
    let place = ScriptedPlace("good", blocks)
    let networked = NetworkedBlocks(store, exchanges: [ScriptedPlace("liar", blocks, .lies), place])
    let found = try await withThrowingTaskGroup(of: [UInt8].self) { group in
      for _ in 0..<50 { group.addTask { try await networked.bytes(of: root) } }
      return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
    }
    #expect(found == [try blocks.bytes(of: root)])
    #expect(store.has(root))
    _ = try await networked.bytes(of: root)
    #expect(networked.wants.isEmpty)
  }

  @Test func `what is found nowhere ends with an answer in time`() async throws {
    let cid = try Block([7], codec: .raw).cid
    let empty = NetworkedBlocks(MemoryBlocks(), exchanges: [ScriptedPlace("empty", MemoryBlocks(), .empty)])
    let missing = await #expect(throws: ContentError.self) { try await empty.bytes(of: cid) }
    #expect(missing?.code == .missing)
    let silent = NetworkedBlocks(
      MemoryBlocks(), exchanges: [ScriptedPlace("silent", MemoryBlocks(), .hangs)], patience: .milliseconds(50))
    let late = await #expect(throws: ContentError.self) { try await silent.bytes(of: cid) }
    #expect(late?.code == .timedOut)
  }

  @Test func `what a reader comes to next is fetched meanwhile, here and through another place`() async throws {
    let (blocks, root, bytes) = try Self.tree(9)
    let place = WidePlace(blocks, width: 64)
    let networked = NetworkedBlocks(MemoryBlocks(), exchanges: [place])
    #expect(try await FileBytes(root, from: networked).collected() == bytes)
    #expect(place.most >= 4)

    let far = WideSource(WidePlace(blocks, width: 64))
    #expect(try await FileBytes(root, from: AheadBlocks(far)).collected() == bytes)
    #expect(far.place.most >= 4)
    // Each block once: what was announced is what was read.
    #expect(far.asked == blocks.count)
  }

  @Test func `of a range no more is fetched than holds it`() async throws {
    let (blocks, root, bytes) = try Self.tree(10)
    let far = WideSource(WidePlace(blocks, width: 64))
    let range = UInt64(100_000)..<108_000
    #expect(
      try await FileBytes(root, range: range, from: AheadBlocks(far)).collected() == Array(bytes[100_000..<108_000]))
    #expect(far.asked <= 8)
  }

  @Test func `blocks that one place has not are fetched in time that grows with their number alone`() async throws {
    let blocks = MemoryBlocks()
    var links: [Node] = []
    for number in 0..<10_000 {
      let leaf = try Block(Array("\(number)".utf8), codec: .raw)
      try blocks.put(leaf)
      links.append(.link(leaf.cid))
    }
    let root = try Block(try DagCBOR.encode(.list(links)), codec: .dagCBOR)
    try blocks.put(root)
    let places = [ScriptedPlace("empty", blocks, .empty), ScriptedPlace("good", blocks)]
    // The suite has a minute: searching all that wait for each block would take several.
    let report = try await DAGFetch(into: MemoryBlocks(), from: places).run(root.cid)
    #expect(report.blocks == 10_001)
    #expect(report.sources == ["good": 10_001])
  }
}
