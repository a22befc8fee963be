import Content
import Dispatch
import Foundation
import Multiformats
import Synchronization
import Testing

@Suite struct BlockStoreTests {
  static func block(_ number: Int, size: Int = 100) throws -> Block {
    var random = SplitMix(state: UInt64(number) &* 77 &+ 5)
    return try Block(random.bytes(size), codec: .raw)
  }

  @Test func `blocks are there after reopening, with and without closing`() throws {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.segmentSize = 8_000
    for round in 0..<4 {
      let store = try BlockStore(folder: folder.path, options: options)
      for number in 0..<(round * 50) {
        let block = try Self.block(number)
        #expect(try store.bytes(of: block.cid) == block.bytes)
      }
      for number in (round * 50)..<(round * 50 + 50) { try store.put(Self.block(number)) }
      if round % 2 == 0 { try store.close() }
    }
    let store = try BlockStore(folder: folder.path, options: options)
    #expect(store.usage.blocks == 200)
    #expect(try store.multihashes().count == 200)
  }

  @Test func `a second opener is told that the store is held`() throws {
    let folder = try TemporaryFolder()
    let store = try BlockStore(folder: folder.path)
    let error = #expect(throws: ContentError.self) { try BlockStore(folder: folder.path) }
    #expect(error?.code == .busy)
    #expect(store.usage.blocks == 0)
  }

  @Test func `a byte flipped anywhere is found, never served, and repaired from a peer`() async throws {
    let blocks = try (0..<60).map { try Self.block($0, size: 50 + $0) }
    var random = SplitMix(state: 9)
    var flipped: Set<String> = []
    var repaired = 0
    for round in 0..<60 {
      let folder = try TemporaryFolder()
      do {
        let store = try BlockStore(folder: folder.path)
        for block in blocks { try store.put(block) }
        try store.pin(Pin(blocks[0].cid, reach: .direct, name: "kept"))
        if round % 2 == 0 { try store.close() }
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "lock" }.sorted()
      // A store that was closed has an index as well; each file has its turns, in both.
      let name = names[round / 2 % names.count]
      let kind = name.split(separator: ".").last ?? ""
      flipped.insert("\(kind), \(round % 2 == 0 ? "closed" : "open")")
      var bytes = try folder.read(name)
      bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      try folder.write(name, bytes)
      let store = try BlockStore(folder: folder.path)
      #expect(store.pins.map(\.name) == ["kept"])
      var served = 0
      for block in blocks {
        guard let bytes = try? store.bytes(of: block.cid) else { continue }
        #expect(bytes == block.bytes)
        served += 1
      }
      #expect(served >= blocks.count - 1)
      let report = try await store.verify { multihash in blocks.first { $0.cid.multihash == multihash }?.bytes }
      repaired += report.repaired.count
      let missing = blocks.filter { !store.has($0.cid) }
      #expect(missing.count <= 1)
      // Without an index, a damaged block was not even taken in when the store was opened.
      let told = report.repaired.count + report.damaged.count + report.unnamed + report.mendedFiles.count
      #expect(told + missing.count >= 1, "\(name) in round \(round)")
      for block in blocks where !missing.contains(block) { #expect(try store.bytes(of: block.cid) == block.bytes) }
    }
    // Index, segment and both copies of the pins of a closed store, and all but the index of one that was not closed.
    #expect(flipped.count >= 7, "\(flipped.sorted())")
    #expect(repaired > 0)
  }

  @Test func `a disk full at any write loses nothing that was acknowledged`() throws {
    var checked = 0
    for at in 1..<70 {
      let disk = SimulatedDisk()
      let store = try BlockStore(folder: "s", options: Self.small, files: disk)
      var acknowledged: [Block] = []
      var refused = 0
      disk.setFault(.full(at: at))
      for number in 0..<30 {
        let block = try Self.block(number)
        guard (try? store.put(block)) != nil, (try? store.pin(Pin(block.cid))) != nil else {
          refused += 1
          continue
        }
        acknowledged.append(block)
      }
      #expect(refused > 0, "full at \(at)")
      checked += acknowledged.count
      disk.setFault(.none)
      // There is room again: the same store goes on, and a reopened one agrees.
      let late = try Self.block(99)
      try store.put(late)
      try store.flush()
      for store in [store, try BlockStore(folder: "s", options: Self.small, files: disk)] {
        for block in acknowledged + [late] { #expect(try store.bytes(of: block.cid) == block.bytes, "full at \(at)") }
        #expect(Set(store.pins.map(\.cid)).isSuperset(of: acknowledged.map(\.cid)))
      }
    }
    #expect(checked > 0)
  }

  @Test func `a power cut at any operation loses nothing that was flushed or pinned`() throws {
    var random = SplitMix(state: 4)
    var cuts = 0
    var checked = (flushed: 0, pinned: 0)
    for at in 1..<150 {
      for _ in 0..<3 {
        let disk = SimulatedDisk()
        var flushed: [Block] = []
        var pinned: [Block] = []
        disk.setFault(.powerCut(at: at))
        if let store = try? BlockStore(folder: "s", options: Self.small, files: disk) {
          for number in 0..<20 {
            let block = try Self.block(number)
            guard (try? store.put(block)) != nil, (try? store.flush()) != nil else { break }
            flushed.append(block)
            if number % 3 == 0 {
              guard (try? store.pin(Pin(block.cid))) != nil else { break }
              pinned.append(block)
            }
            if number == 12 { _ = try? store.collect() }
          }
        }
        if disk.isDead { cuts += 1 }
        disk.restart(&random)
        let store = try BlockStore(folder: "s", options: Self.small, files: disk)
        checked.pinned += pinned.count
        for block in pinned { #expect(try store.bytes(of: block.cid) == block.bytes, "cut at \(at)") }
        #expect(Set(store.pins.map(\.cid)).isSuperset(of: pinned.map(\.cid)), "cut at \(at)")
        if flushed.count <= 12 {
          checked.flushed += flushed.count
          for block in flushed { #expect(try store.bytes(of: block.cid) == block.bytes, "cut at \(at)") }
        }
        try store.put(Self.block(500))
        #expect(try store.collect().missing.isEmpty)
      }
    }
    #expect(cuts > 150)
    #expect(checked.flushed > 100 && checked.pinned > 50, "\(checked)")
  }

  static var small: BlockStore.Options {
    var options = BlockStore.Options()
    options.segmentSize = 1_000
    return options
  }

  @Test func `collection keeps what pins reach, gives disk back, and what is dead stays dead`() throws {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.segmentSize = 100_000
    let store = try BlockStore(folder: folder.path, options: options)
    var profile = ImportProfile.unixfsV0x2015
    profile.chunking = .fixed(1_000)
    profile.width = 4
    func add(_ seed: UInt64, pin: String?) throws -> AddedEntry {
      var random = SplitMix(state: seed)
      let reader = PieceReader(random.bytes(200_000))
      return try store.add(profile: profile, pin: pin) { (buffer) throws(ContentError) in reader.read(buffer) }
    }
    let kept = try add(1, pin: "kept")
    let dropped = try add(2, pin: "dropped")
    let loose = try add(3, pin: nil)
    try store.unpin(dropped.cid)
    let before = store.usage.fileBytes
    let report = try store.collect()
    #expect(report.removedBlocks > 400)
    #expect(report.freedBytes > 0)
    #expect(store.usage.fileBytes < before)
    #expect(store.has(kept.cid))
    #expect(!store.has(dropped.cid))
    #expect(!store.has(loose.cid))
    try store.pin(Pin(kept.cid))
    let count = store.usage.blocks
    try store.close()
    #expect(throws: ContentError.self) { try store.pin(Pin(dropped.cid)) }
    #expect(try store.collect().removedBlocks == 0)
    #expect(store.usage.blocks == count)
  }

  @Test func `two hundred adds beside collections lose nothing`() throws {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.segmentSize = 200_000
    let store = try BlockStore(folder: folder.path, options: options)
    var profile = ImportProfile.unixfsV0x2015
    profile.chunking = .fixed(500)
    profile.width = 8
    let added = Mutex<[AddedEntry]>([])
    let failures = Mutex<[String]>([])
    let small = profile
    DispatchQueue.concurrentPerform(iterations: 220) { index in
      do {
        if index % 11 == 10 {
          _ = try store.collect()
        } else {
          var random = SplitMix(state: UInt64(index % 150))
          let reader = PieceReader(random.bytes(20_000))
          let entry = try store.add(profile: small, pin: "\(index)", durability: .process, workers: 1) {
            (buffer) throws(ContentError) in reader.read(buffer)
          }
          added.withLock { $0.append(entry) }
        }
      } catch { failures.withLock { $0.append("\(error)") } }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(try store.collect().missing.isEmpty)
    for entry in added.withLock({ $0 }) { try store.pin(Pin(entry.cid)) }
  }

  @Test func `a full quota is refused with what to do, and room comes back by collecting`() throws {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.capacity = 2_000
    let store = try BlockStore(folder: folder.path, options: options)
    // What is being added cannot make room for itself.
    let session = store.beginSession()
    var stored = 0
    var refusal: ContentError?
    for number in 0..<50 {
      do {
        try store.put(Self.block(number))
        stored += 1
      } catch {
        refusal = error as? ContentError
        break
      }
    }
    #expect(stored == 13)
    #expect(refusal?.code == .quota)
    session.end()
    try store.put(Self.block(50))
  }

  @Test func `a store that found no room does not look again before something may have become free`() throws {
    let folder = try TemporaryFolder()
    var options = BlockStore.Options()
    options.capacity = 2_000
    let store = try BlockStore(folder: folder.path, options: options)
    let looks = Mutex(0)
    store.whenFull { (_) throws(ContentError) in looks.withLock { $0 += 1 } }
    for number in 0..<13 { try store.put(Self.block(number)) }
    #expect(looks.withLock { $0 } == 0)
    for number in 13..<20 { #expect(throws: ContentError.self) { try store.put(Self.block(number)) } }
    #expect(looks.withLock { $0 } == 1)
    store.beginSession().end()
    for number in 13..<20 { #expect(throws: ContentError.self) { try store.put(Self.block(number)) } }
    #expect(looks.withLock { $0 } == 2)
  }
}
