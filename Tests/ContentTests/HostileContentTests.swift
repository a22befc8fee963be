import Content
import Multiformats
import Testing

@Suite struct HostileContentTests {
  @Test func `a chain of a hundred thousand nodes is walked without recursion, and refused as a file`() async throws {
    let blocks = MemoryBlocks()
    var entry = UnixFSEntry(kind: .file, fileSize: 1)
    entry.blockSizes = [1]
    let data = entry.encode()
    var child = try Block([7], codec: .raw)
    blocks.put(child.cid.multihash, [])
    for _ in 0..<100_000 {
      let block = try Block(
        DagPB(data: data, links: [.init(cid: child.cid, name: "", tsize: 1)]).encode(), codec: .dagPB)
      try blocks.put(block)
      child = block
    }
    var visited = 0
    try DAGWalk.visit(child.cid) { (cid) throws(ContentError) in
      visited += 1
      return try Codec.links(of: blocks.bytes(of: cid), codec: cid.codec)
    }
    #expect(visited == 100_001)
    let error = await #expect(throws: ContentError.self) { try await FileBytes(child.cid, from: blocks).collected() }
    #expect(error?.code == .tooLarge)
  }

  /// Answers every request with the same shard, as no honest store can: a cycle.
  struct Cycle: BlockSource {
    let bytes: [UInt8]
    func bytes(of cid: CID) -> [UInt8] { bytes }
  }

  @Test func `a sharded directory that contains itself ends with an error`() async throws {
    var entry = UnixFSEntry(kind: .hamtShard, data: [UInt8](repeating: 0xff, count: 32))
    entry.hashType = 0x22
    entry.fanout = 256
    let cid = try CID("bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    let digits = Array("0123456789ABCDEF")
    let links = digits.flatMap { high in digits.map { DagPB.Link(cid: cid, name: "\(high)\($0)", tsize: 1) } }
    let source = Cycle(bytes: DagPB(data: entry.encode(), links: links).encode())
    await #expect(throws: ContentError.self) { try await DirectoryReader.list(cid, from: source, limit: 10_000) }
    await #expect(throws: ContentError.self) { try await PathResolver.resolve(cid, ["a"], from: source) }
  }

  @Test func `a file that claims more than it holds, or empty children without end, is cheap to refuse`() async throws {
    let blocks = MemoryBlocks()
    let leaf = try Block([1, 2, 3], codec: .raw)
    try blocks.put(leaf)
    var entry = UnixFSEntry(kind: .file, fileSize: .max)
    entry.blockSizes = [.max, .max]
    let bomb = try Block(
      DagPB(data: entry.encode(), links: [.init(cid: leaf.cid, name: ""), .init(cid: leaf.cid, name: "")]).encode(),
      codec: .dagPB)
    try blocks.put(bomb)
    await #expect(throws: ContentError.self) { try await FileBytes(bomb.cid, from: blocks).collected() }
    entry.blockSizes = [0, 5]
    let liar = try Block(
      DagPB(data: entry.encode(), links: [.init(cid: leaf.cid, name: ""), .init(cid: leaf.cid, name: "")]).encode(),
      codec: .dagPB)
    try blocks.put(liar)
    await #expect(throws: ContentError.self) { try await FileBytes(liar.cid, from: blocks).collected() }
  }

  @Test func `a TAR never writes through a symbolic link`() async throws {
    let blocks = MemoryBlocks()
    let link = try DirectoryImport.addSymlink(to: "/etc", profile: .unixfsV1x2025, sink: blocks)
    let file = try UnixFSTests.add([1], .unixfsV1x2025, to: blocks)
    let root = try Block(
      DagPB(
        data: UnixFSEntry(kind: .directory).encode(),
        links: [.init(cid: link.cid, name: "a"), .init(cid: file.cid, name: "a/passwd")]
      ).encode(), codec: .dagPB)
    try blocks.put(root)
    await #expect(throws: ContentError.self) {
      for try await _ in TARArchive(root.cid, name: "x", from: blocks) {}
    }
  }

  @Test func `mutated IPNS records and redirects never trap`() throws {
    let (name, record) = try IPNSRecord.make(
      value: "/ipfs/bafkqaaa", sequence: 3, validUntil: 2_000_000_000, secret: [UInt8](repeating: 5, count: 32))
    #expect(record.isValid(at: 1_999_999_999))
    #expect(!record.isValid(at: 2_000_000_000))
    #expect(record.validity == "2033-05-18T03:33:20.000000000Z")
    var random = SplitMix(state: 8)
    for _ in 0..<2_000 {
      if let other = try? IPNSRecord(verifying: random.mutated(record.bytes), name: name) {
        #expect(other.value == record.value)
      }
      _ = try? Redirects(random.mutated(Array("/a/:b/* /c/:splat 301\n# x\n/d https://e 200".utf8))).target(
        for: "/a/b/c")
    }
  }
}
