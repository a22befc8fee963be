import Content
import Multiformats
import Testing

@Suite struct ChunkingTests {
  private static func leaves(_ bytes: [UInt8], _ chunking: ImportProfile.Chunking) throws -> [Int] {
    let blocks = MemoryBlocks()
    var profile = ImportProfile.unixfsV1x2025
    profile.chunking = chunking
    let root = try UnixFSTests.add(bytes, profile, to: blocks).cid
    guard root.codec == .dagPB else { return [bytes.count] }
    return try UnixFSEntry(decoding: DagPB(decoding: blocks.bytes(of: root)).data ?? []).blockSizes.map { Int($0) }
  }

  @Test func `chunkers are named as Kubo names them`() throws {
    #expect(try ImportProfile.Chunking("size-262144") == .fixed(262_144))
    #expect(try ImportProfile.Chunking("rabin") == .rabin(.standard))
    #expect(
      try ImportProfile.Chunking("rabin-2048-4096-8192")
        == .rabin(Rabin(shortest: 2_048, average: 4_096, longest: 8_192)))
    #expect(
      try ImportProfile.Chunking("rabin-3000") == .rabin(Rabin(shortest: 1_000, average: 3_000, longest: 4_500)))
    for bad in ["", "rabin-", "size-0", "size-1048577", "size", "rabin-1-2-3", "rabin-9000-100-9000", "fast", "size-x"]
    {
      #expect(throws: ContentError.self, "\(bad)") { try ImportProfile.Chunking(bad) }
    }
  }

  @Test func `Rabin's cuts lie between the bounds, near the average, and the bytes come back`() async throws {
    var random = SplitMix(state: 9)
    let bytes = random.bytes(2_000_000)
    let rabin = try Rabin(shortest: 1_024, average: 4_096, longest: 16_384)
    let sizes = try Self.leaves(bytes, .rabin(rabin))
    #expect(sizes.reduce(0, +) == bytes.count)
    #expect(sizes.dropLast().allSatisfy { (1_024...16_384).contains($0) })
    let mean = bytes.count / sizes.count
    #expect((3_000...8_000).contains(mean), "\(mean)")
    // Zeros fill the window with nothing, so that every chunk is as short as it may be.
    let zeros = try Self.leaves([UInt8](repeating: 0, count: 10_240), .rabin(rabin))
    #expect(zeros == [Int](repeating: 1_024, count: 10))
  }

  @Test func `an insertion leaves most of Rabin's chunks as they were`() throws {
    var random = SplitMix(state: 10)
    let bytes = random.bytes(1_000_000)
    let rabin = ImportProfile.Chunking.rabin(try Rabin(shortest: 1_024, average: 4_096, longest: 16_384))
    func cids(_ bytes: [UInt8]) throws -> Set<CID> {
      let blocks = MemoryBlocks()
      var profile = ImportProfile.unixfsV1x2025
      profile.chunking = rabin
      let root = try UnixFSTests.add(bytes, profile, to: blocks).cid
      return Set(try DagPB(decoding: blocks.bytes(of: root)).links.map(\.cid))
    }
    let before = try cids(bytes)
    let after = try cids(Array(bytes[..<300_000]) + [1, 2, 3] + bytes[300_000...])
    #expect(before.subtracting(after).count <= 4)
  }
}
