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

  /// Names that Kubo 0.22 gave these bytes with the chunkers `rabin-65536` and `rabin-16384`.
  @Test(arguments: [
    (65_536, 9, 1_000_000, "QmVPTifjrMowa1oGhHqAdFC2JM5SYGgrNi83DA7VxeGE1n"),
    (65_536, 10, 3_000_000, "QmVAZDWoBs2m2P8bYXSpVQtVrVRRZVNQYtfEHsG314hGHe"),
    (65_536, 11, 65_536, "QmXk3ZHkRqzdFpYL5dmHdo1fpDeECqRZTHgymfbM3aXxn7"),
    (65_536, 12, 20_000, "QmeFPVxL2m95Z6vhZgpofx9wCqdqEcNDYAVAiNnWUZPMze"),
    (65_536, 0, 500_000, "QmcMpMnJ6stX8BQJfWwTbY5zs1P32JQPLfQmZQ1ou9VSkq"),
    (16_384, 10, 3_000_000, "QmWWpQw5Lev86jbW2KgntnVf51XUXD5NnbtWuBd6KHJ7eP"),
    (16_384, 11, 65_536, "QmdVgwEJL3eBRjvwTyVvFAr8uF2oLoZbpzTAZLqxh3b15Y"),
    (16_384, 0, 500_000, "QmS1E1pkqqS8nZTJXYy5txgXJvCqLBpwkFcMvSFuQ7Ecg4"),
  ])
  func `Rabin's chunks are cut where Kubo cuts them`(average: Int, seed: UInt64, count: Int, cid: String) throws {
    var random = SplitMix(state: seed)
    let bytes = seed == 0 ? [UInt8](repeating: 0, count: count) : random.bytes(count)
    var profile = ImportProfile.unixfsV0x2015
    profile.chunking = try ImportProfile.Chunking("rabin-\(average)")
    #expect("\(try UnixFSTests.add(bytes, profile, to: MemoryBlocks()).cid)" == cid)
  }
}
