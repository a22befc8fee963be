import Content
import Foundation
import Multiformats
import Testing

/// The expected CIDs come from Kubo 0.22, `ipfs add` with its defaults, unless said otherwise.
@Suite struct UnixFSTests {
  /// Bytes that any language makes in a line: `(i * 7 + i >> 8) & 0xff`, repeated every 64 KiB.
  static func pattern(_ count: Int) -> [UInt8] {
    let period = (0..<0x1_0000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 >> 8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + period.count)
    while bytes.count < count { bytes += period }
    return Array(bytes.prefix(count))
  }

  static func add(
    _ bytes: [UInt8], _ profile: ImportProfile, to sink: any BlockSink = DiscardingSink(), workers: Int = 2,
    metadata: UnixFSEntry? = nil
  ) throws -> AddedEntry {
    let reader = PieceReader(bytes)
    return try FileImport.add(profile: profile, to: sink, workers: workers, metadata: metadata) {
      (buffer) throws(ContentError) in reader.read(buffer)
    }
  }

  static let kubo: [(Int, String)] = [
    (0, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
    (1, "QmS9JArPwa55ePgDnyg6TzX24mYTS1b1vLqWNebyVotKxQ"),
    (262_143, "QmUCAHQ6BFcxvcUuZFpBi75A6n9Dj7wNePYiueXYfgScf7"),
    (262_144, "QmQrVyp1a4SsUrTQ7Mt6xxCArMcbMEHMt5oKPLfA4CuREz"),
    (262_145, "QmYqRWLJRcKBePAeZWU2V9NQzKBFTzL9sEgnDg9W2wyyVY"),
    (524_288, "QmcV718ExxLpmV2SzBcer6RuaVdUDEStiPARjKVxcKVFMw"),
    (45_613_056, "Qmf6gGCgNBVdmCF6bUNbLUgbBPkH3wCzNhnY5oMse6o1bB"),
    (45_613_057, "QmWBvvibE7UexGKy4XHRJMhamJYzzGRxZBLmzG295x4M7H"),
    (45_875_205, "QmPxy4T93f9pvx5DTMS7GWYqTCCWzJ5QE2PPLNGAw2djP1"),
  ]

  @Test(arguments: kubo) func `a file gets the CID that Kubo gives it`(_ count: Int, _ expected: String) throws {
    let bytes = Self.pattern(count)
    for workers in [1, 3] {
      let added = try Self.add(bytes, .unixfsV0x2015, workers: workers)
      #expect(added.cid.description == expected)
      #expect(added.fileSize == UInt64(count))
    }
  }

  @Test func `the modern profile keeps one chunk raw and an empty file empty`() throws {
    #expect(
      try Self.add([], .unixfsV1x2025).cid.description == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    #expect(try Self.add(Array("hello\n".utf8), .unixfsV1x2025).cid.codec == .raw)
    #expect(try Self.add(Self.pattern(1 << 20 | 1), .unixfsV1x2025).cid.codec == .dagPB)
  }

  @Test func `a width of two builds levels whose leaves are all equally deep`() throws {
    var profile = ImportProfile.unixfsV0x2015
    profile.chunking = .fixed(4)
    profile.width = 2
    let blocks = MemoryBlocks()
    for count in 1...40 {
      let added = try Self.add(Self.pattern(count), profile, to: blocks)
      var depths: Set<Int> = []
      func walk(_ cid: CID, _ depth: Int) throws {
        let links = try DagPB(decoding: blocks.bytes(of: cid)).links
        if links.isEmpty { depths.insert(depth) }
        for link in links { try walk(link.cid, depth + 1) }
      }
      try walk(added.cid, 0)
      #expect(depths.count == 1)
    }
  }

  @Test func `a folder with odd names and a dangling link gets the CID that Kubo gives it`() throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder("odd/empty")
    try folder.makeFolder("odd/.hidden")
    for name in ["a b", "ü", "水", "%20", "a#b?c", "\"quoted\"", "new\nline", "back\\slash", "CON", "é"] {
      try folder.write("odd/" + name, Array(name.utf8))
    }
    try folder.write("odd/.dot", Array("x".utf8))
    try folder.link("odd/link", to: "../nowhere")
    var profile = ImportProfile.unixfsV0x2015
    profile.includesHidden = true
    let added = try PathImport.add(folder.path + "/odd", profile: profile, to: DiscardingSink())
    #expect(added.cid.description == "QmY1Pzy7FDuFcCDKdXdhd7e7JUdkFz3k91bqsRkxjuLZmM")
  }

  static let thresholds: [(Int, String)] = [
    (4_095, "Qmbx5Awgs4VNNER2scyCqkwxGDy7m4AXqaXAQwU7H5Mh3g"),
    (4_096, "QmSWsRAmRiEkwExnMRqsVJu6mmzVfDZbnsX5UKF6ZfGgqP"),
    (4_097, "QmQtxuPsGFoEmcK1EEkpNsVfnMFgWKyGJzqH7i9TJRP9hr"),
  ]

  @Test(arguments: thresholds)
  func `a folder is sharded exactly where Kubo shards it`(_ count: Int, _ expected: String) throws {
    let empty = try Self.add([], .unixfsV0x2015)
    let items = (0..<count).map { index in
      let digits = String(index)
      return DirectoryImport.Item(name: String(repeating: "0", count: 30 - digits.count) + digits, entry: empty)
    }
    let added = try DirectoryImport.add(items.reversed(), profile: .unixfsV0x2015, to: DiscardingSink())
    #expect(added.cid.description == expected)
  }

  @Test func `a sharded folder of ten thousand files gets the CID that Kubo gives it`() throws {
    let items = try (0..<10_000).map { index in
      DirectoryImport.Item(
        name: "file-with-a-name-\(index).txt",
        entry: try Self.add(Array(String(index).utf8), .unixfsV0x2015, workers: 1))
    }
    let added = try DirectoryImport.add(items, profile: .unixfsV0x2015, to: DiscardingSink())
    #expect(added.cid.description == "QmV1LG4af3xigxvWeWtdb9G9KVcU2hA8XSyaU2ejtiTNzZ")
  }

  @Test func `content-defined cuts find the unchanged stretches again after an insertion`() throws {
    var random = SplitMix(state: 5)
    let before = random.bytes(8 << 20)
    let after = Array(before[..<3_000_000]) + [1, 2, 3] + before[3_000_000...]
    let first = MemoryBlocks()
    _ = try Self.add(before, .deduplicating, to: first)
    let both = MemoryBlocks()
    _ = try Self.add(before, .deduplicating, to: both)
    _ = try Self.add(after, .deduplicating, to: both)
    // The cut stretch, its neighbour and the root are new; the rest is shared.
    #expect(both.count - first.count <= 5)
    #expect(first.count > 16)
  }

  @Test func `mode and time are kept and read back`() throws {
    var entry = UnixFSEntry(kind: .file)
    entry.mode = 0o640
    entry.mtime = .init(seconds: -5, nanoseconds: 7)
    #expect(try UnixFSEntry(decoding: entry.encode()) == entry)
    let blocks = MemoryBlocks()
    let added = try Self.add(Self.pattern(10), .unixfsV1x2025, to: blocks, metadata: entry)
    let root = try UnixFSEntry(decoding: DagPB(decoding: blocks.bytes(of: added.cid)).data ?? [])
    #expect(root.mode == 0o640)
    #expect(root.mtime == entry.mtime)
  }

  @Test func `mutated UnixFS messages never trap`() throws {
    var random = SplitMix(state: 3)
    var entry = UnixFSEntry(kind: .file, data: [1, 2, 3], fileSize: 3)
    entry.blockSizes = [1, 2]
    entry.mode = 5
    entry.mtime = .init(seconds: 4, nanoseconds: 5)
    for _ in 0..<20_000 { _ = try? UnixFSEntry(decoding: random.mutated(entry.encode())) }
  }
}
