import Content
import Foundation
import Multiformats
import Testing

@Suite struct RetentionTests {
  private static let day: Int64 = 86_400

  @Test func `what is read more, judged better and touched later is worth more`() {
    let policy = RetentionPolicy()
    let now = 100 * Self.day
    let base = policy.score(ContentUse(reads: 8, lastUsed: now - 14 * Self.day, quality: 0.5), now: now)
    #expect(abs(base.use - 0.5) < 1e-9)
    #expect(abs(base.recency - 0.5) < 1e-9)
    #expect(abs(base.total - 0.5) < 1e-9)
    #expect(policy.score(ContentUse(reads: 9, lastUsed: now - 14 * Self.day), now: now).total > base.total)
    #expect(policy.score(ContentUse(reads: 8, lastUsed: now), now: now).total > base.total)
    #expect(
      policy.score(ContentUse(reads: 8, lastUsed: now - 14 * Self.day, quality: 0.6), now: now).total > base.total)
    #expect(policy.score(ContentUse(lastUsed: .max, quality: 9), now: 0).total <= 1)
  }

  @Test func `the lowest scores go until there is room, and each decision says why`() throws {
    let cids = try (0..<4).map { try Block([UInt8($0)], codec: .raw).cid }
    let uses = (0..<4).map { ContentUse(reads: UInt64($0) * 4, lastUsed: 0, bytes: 100) }
    let candidates = zip(cids, uses).map { (cid: $0, use: $1) }
    var policy = RetentionPolicy()
    policy.weights = .init(use: 1, quality: 0, recency: 0)
    let full = policy.decide(candidates, used: 950, quota: 1_000, now: 0)
    #expect(full.filter { !$0.isKept }.map(\.cid) == Array(cids[..<2]))
    #expect(full.allSatisfy { !$0.reason.isEmpty && $0.reason.contains("score") })
    #expect(policy.decide(candidates, used: 850, quota: 1_000, now: 0).allSatisfy { $0.isKept })
    #expect(policy.decide(candidates, used: 950, quota: nil, now: 0).allSatisfy { $0.isKept })
  }

  @Test func `a store over its quota gives up what is worth least, keeps what is pinned for good, and explains both`()
    throws
  {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.segmentSize = 1 << 20
    let store = try BlockStore(folder: folder.path + "/store", options: options)
    let uses = UseLedger(folder: folder.path + "/store")
    let keeper = ContentKeeper(store: store, uses: uses, quota: 4 << 20)
    var random = SplitMix(state: 5)
    var roots: [CID] = []
    for index in 0..<4 {
      let session = store.beginSession()
      let entry = try UnixFSTests.add(random.bytes(1_100_000), .unixfsV1x2025, to: store)
      let term: Pin.Term = index == 0 ? .always : .whileWorthIt
      try keeper.keep(Pin(entry.cid, name: "\(index)", term: term), quality: Double(index) / 4, now: 1_000)
      session.end()
      roots.append(entry.cid)
    }
    for _ in 0..<20 { uses.used(roots[1], now: 2_000) }
    let (report, givenUp) = try keeper.collect(now: 2_000)
    #expect(!givenUp.isEmpty)
    #expect(givenUp.first?.cid == roots[2])
    #expect(report.removedBlocks > 0)
    #expect(store.has(roots[0]))
    #expect(store.has(roots[1]))
    #expect(!store.has(roots[2]))
    #expect(try keeper.explain(roots[0], now: 2_000).summary.contains("pinned"))
    #expect(try keeper.explain(roots[1], now: 2_000).summary.contains("kept"))
    #expect(try keeper.explain(roots[2], now: 2_000).summary.contains("not in this store"))
    // What was learnt about use outlives the process.
    #expect(UseLedger(folder: folder.path + "/store")[roots[1]]?.reads == 20)
  }

  @Test func `a pin's term and name survive in the table, and old tables hold for good`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/store"
    let block = try Block([1, 2, 3], codec: .raw)
    do {
      let store = try BlockStore(folder: path)
      try store.put(block)
      try store.pin(Pin(block.cid, name: "n", term: .whileWorthIt))
      #expect(throws: ContentError.self) { try store.pin(Pin(block.cid, name: String(repeating: "x", count: 257))) }
    }
    let pins = try BlockStore(folder: path).pins
    #expect(pins == [Pin(block.cid, name: "n", term: .whileWorthIt)])
  }

  private static func keeper(_ folder: TemporaryFolder, capacity: UInt64) throws -> ContentKeeper {
    var options = BlockStore.Options()
    options.segmentSize = 1 << 20
    options.capacity = capacity
    let store = try BlockStore(folder: folder.path + "/store", options: options)
    let keeper = ContentKeeper(store: store, uses: UseLedger(folder: folder.path + "/store"), quota: capacity)
    keeper.makeRoomForAdds(now: { 1_000 })
    return keeper
  }

  private static func add(_ bytes: [UInt8], _ keeper: ContentKeeper) throws -> CID {
    let reader = PieceReader(bytes)
    return try keeper.store.add(profile: .unixfsV1x2025, workers: 1) { (buffer) throws(ContentError) in
      reader.read(buffer)
    }.cid
  }

  @Test func `an add that meets the quota frees what nobody holds, then what is worth least, and is refused at last`()
    throws
  {
    let folder = try TemporaryFolder()
    let keeper = try Self.keeper(folder, capacity: 4 << 20)
    var random = SplitMix(state: 6)
    let loose = try Self.add(random.bytes(1_500_000), keeper)
    try keeper.store.unpin(loose)
    let worth = try Self.add(random.bytes(1_500_000), keeper)
    try keeper.keep(Pin(worth, name: "perhaps", term: .whileWorthIt), now: 1_000)
    let first = try Self.add(random.bytes(1_500_000), keeper)
    #expect(!keeper.store.has(loose))
    #expect(keeper.store.has(worth))
    let second = try Self.add(random.bytes(1_500_000), keeper)
    #expect(!keeper.store.has(worth))
    let before = keeper.store.usage
    let error = #expect(throws: ContentError.self) { try Self.add(random.bytes(1_500_000), keeper) }
    #expect(error?.code == .quota)
    // What the refused add has left is in nobody's way.
    try keeper.store.unpin(first)
    let third = try Self.add(random.bytes(1_500_000), keeper)
    #expect(keeper.store.has(second) && keeper.store.has(third))
    #expect(keeper.store.usage.pins == before.pins)
    #expect(keeper.store.usage.fileBytes <= 4 << 20)
  }

  @Test func `an add that cannot fit costs nothing that is kept while it is worth it`() throws {
    let folder = try TemporaryFolder()
    let keeper = try Self.keeper(folder, capacity: 4 << 20)
    var random = SplitMix(state: 8)
    _ = try Self.add(random.bytes(1_500_000), keeper)
    let worth = try Self.add(random.bytes(1_500_000), keeper)
    try keeper.keep(Pin(worth, term: .whileWorthIt), now: 1_000)
    // More than a number holds, with the overhead, is no more than too much.
    let endless = #expect(throws: ContentError.self) {
      try keeper.checkRoom(for: .max, now: 1_000) { (_) throws(ContentError) in
        throw ContentError(.storage, "rehearsed")
      }
    }
    #expect(endless?.detail == "rehearsed")
    let bytes = random.bytes(4_000_000)
    let error = #expect(throws: ContentError.self) { try Self.check(bytes, keeper) }
    #expect(error?.detail.contains("content.quota") == true)
    #expect(keeper.store.has(worth))
    // What fits once that is given up makes it go.
    try Self.check(random.bytes(2_000_000), keeper)
    #expect(!keeper.store.has(worth))
  }

  private static func check(_ bytes: [UInt8], _ keeper: ContentKeeper) throws {
    try keeper.checkRoom(for: UInt64(bytes.count), now: 1_000) { (sink) throws(ContentError) in
      let reader = PieceReader(bytes)
      _ = try FileImport.add(profile: .unixfsV1x2025, to: sink, workers: 1) { (buffer) throws(ContentError) in
        reader.read(buffer)
      }
    }
  }

  @Test func `an add whose size is known is refused before it writes, unless it is here already`() throws {
    let folder = try TemporaryFolder()
    let keeper = try Self.keeper(folder, capacity: 2 << 20)
    var random = SplitMix(state: 7)
    let here = random.bytes(1_500_000)
    _ = try Self.add(here, keeper)
    let before = keeper.store.usage
    try Self.check(here, keeper)
    try Self.check(random.bytes(100_000), keeper)
    let error = #expect(throws: ContentError.self) { try Self.check(random.bytes(1_000_000), keeper) }
    #expect(error?.code == .quota)
    #expect(error?.detail.contains("content.quota") == true)
    #expect(keeper.store.usage == before)
  }
}
