import Content
import Multiformats
import Testing

/// A life of a store (adds, an unpin, a collection, a closing) with the disk full, or the power cut, at every operation.
@Suite struct StoreFaultTests {
  private static var options: BlockStore.Options {
    var options = BlockStore.Options()
    options.segmentSize = 3_000
    options.cacheSize = 0
    return options
  }

  private static var profile: ImportProfile {
    var profile = ImportProfile.unixfsV0x2015
    profile.chunking = .fixed(300)
    profile.width = 4
    return profile
  }

  private static func bytes(_ seed: UInt64) -> [UInt8] {
    var random = SplitMix(state: seed)
    return random.bytes(2_000 + Int(seed) * 100)
  }

  private static func add(_ seed: UInt64, to store: BlockStore) throws -> CID {
    let reader = PieceReader(bytes(seed))
    return try store.add(profile: profile, pin: "\(seed)", workers: 1) { (buffer) throws(ContentError) in
      reader.read(buffer)
    }.cid
  }

  /// Does everything in turn, and goes on after a fault where there is somewhere to go on to.
  ///
  /// - Returns: the seeds of the adds that were acknowledged and not given up since, with their roots.
  private static func live(_ store: BlockStore, goesOn: Bool) throws -> [UInt64: CID] {
    var kept: [UInt64: CID] = [:]
    func attempt(_ body: () throws -> Void) throws {
      do { try body() } catch { if !goesOn { throw error } }
    }
    do {
      try attempt { kept[1] = try add(1, to: store) }
      try attempt { kept[2] = try add(2, to: store) }
      if let first = kept.removeValue(forKey: 1) { try attempt { try store.unpin(first) } }
      try attempt { _ = try store.collect() }
      try attempt { kept[3] = try add(3, to: store) }
      if let second = kept.removeValue(forKey: 2) { try attempt { try store.unpin(second) } }
      try attempt { kept[4] = try add(4, to: store) }
      try attempt { _ = try store.collect() }
      try attempt { try store.close() }
    } catch {}
    return kept
  }

  private static func check(_ store: BlockStore, _ kept: [UInt64: CID], _ comment: Comment) async throws {
    for (seed, cid) in kept {
      let found = try await FileBytes(cid, from: store).collected()
      #expect(found == bytes(seed), comment)
      #expect(store.pins.contains { $0.cid == cid }, comment)
    }
    #expect(try store.collect().missing.isEmpty, comment)
    let late = try add(9, to: store)
    #expect(try await FileBytes(late, from: store).collected() == bytes(9), comment)
  }

  /// How many operations a whole life has.
  private static func operations() throws -> Int {
    let disk = SimulatedDisk()
    let kept = try live(try BlockStore(folder: "s", options: options, files: disk), goesOn: false)
    #expect(kept.keys.sorted() == [3, 4])
    return disk.operations
  }

  @Test func `a disk full at any operation of adds and collections costs nothing that was acknowledged`() async throws {
    var checked = 0
    for at in 1...(try Self.operations()) {
      let disk = SimulatedDisk()
      let store = try BlockStore(folder: "s", options: Self.options, files: disk)
      disk.setFault(.full(at: at))
      let kept = try Self.live(store, goesOn: true)
      checked += kept.count
      disk.setFault(.none)
      // The same store goes on once there is room, and one that is opened anew agrees.
      try await Self.check(store, kept, "full at \(at)")
      try await Self.check(
        try BlockStore(folder: "s", options: Self.options, files: disk), kept, "full at \(at), opened anew")
    }
    #expect(checked > 0)
  }

  @Test func `power cut at any operation, and again while recovering, costs nothing that was acknowledged`()
    async throws
  {
    var random = SplitMix(state: 12)
    let count = try Self.operations()
    var cuts = 0
    var checked = 0
    for at in 1...count {
      for again in [0, 1, Int.random(in: 2...12, using: &random)] {
        let disk = SimulatedDisk()
        disk.setFault(.powerCut(at: at))
        var kept: [UInt64: CID] = [:]
        if let store = try? BlockStore(folder: "s", options: Self.options, files: disk) {
          kept = try Self.live(store, goesOn: false)
        }
        if disk.isDead { cuts += 1 }
        checked += kept.count
        disk.restart(&random)
        if again > 0 {
          disk.setFault(.powerCut(at: again))
          if let store = try? BlockStore(folder: "s", options: Self.options, files: disk) {
            _ = try? store.collect()
            _ = try? store.close()
          }
          disk.restart(&random)
        }
        try await Self.check(
          try BlockStore(folder: "s", options: Self.options, files: disk), kept, "cut at \(at), again at \(again)")
      }
    }
    // How blocks are moved depends on the order in which they come, so that the last operations may not be met.
    #expect(cuts > 2 * count)
    #expect(checked > 0)
  }
}
