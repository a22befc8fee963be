import Content
import Foundation
import Multiformats
import Testing

/// The cases of gateway-conformance that can be judged without HTTP.
@Suite(.enabled(if: Fixtures.arePresent, "the shared fixtures are not beside the repository"))
struct GatewayTests {
  static func load(_ names: String...) throws -> (blocks: MemoryBlocks, roots: [CID]) {
    let blocks = MemoryBlocks()
    var roots: [CID] = []
    for name in names {
      roots += try CARTransfer.importing(path: Fixtures.ipfs.appending(path: name + ".car").path, to: blocks).roots
    }
    return (blocks, roots)
  }

  static func archive(
    _ root: CID, _ path: String, _ selection: CARSelection, _ source: any BlockSource
  ) async throws -> [Block] {
    var parser = CARParser()
    var blocks: [Block] = []
    for try await piece in try await CARResponse(
      root, segments: PathResolver.segments(path), selection: selection, from: source)
    {
      blocks += try parser.feed(piece)
    }
    try parser.finish()
    return blocks
  }

  static func text(_ root: CID, _ path: String, _ source: any BlockSource) async throws -> String {
    let cid = try await PathResolver.resolve(root, PathResolver.segments(path), from: source).cid
    return String(decoding: try await FileBytes(cid, from: source).collected(), as: UTF8.self)
  }

  @Test(arguments: [
    "path_gateway_unixfs/dir-with-files", "path_gateway_unixfs/dir-with-percent-encoded-filename",
    "dir_listing/fixtures",
  ])
  func `every file of a directory fixture is listed and read`(_ name: String) async throws {
    let (blocks, roots) = try Self.load(name)
    for root in roots {
      var pending = [root]
      var files = 0
      while let cid = pending.popLast() {
        for entry in try await DirectoryReader.list(cid, from: blocks) {
          let node = try await UnixFSNode.load(entry.cid, from: blocks)
          let found = try await PathResolver.resolve(cid, [entry.name], from: blocks)
          #expect(found.cid == entry.cid)
          if node.isDirectory {
            pending.append(entry.cid)
          } else if node.isFile {
            #expect(try await FileBytes(entry.cid, from: blocks).collected().count == Int(node.fileSize))
            files += 1
          }
        }
      }
      #expect(files > 0)
    }
  }

  @Test func `a symbolic link is read as its target`() async throws {
    let (blocks, roots) = try Self.load("path_gateway_unixfs/symlink")
    let root = try #require(roots.first)
    let cid = try await PathResolver.resolve(root, ["bar"], from: blocks).cid
    #expect(try await UnixFSNode.load(cid, from: blocks).symlinkTarget == "foo")
  }

  @Test func `paths lead through links of DAG-CBOR and DAG-JSON, and stop inside a block where they say so`()
    async throws
  {
    for name in ["dag-cbor-traversal", "dag-json-traversal"] {
      let (blocks, roots) = try Self.load("path_gateway_dag/" + name)
      let root = try #require(roots.first)
      let found = try await PathResolver.resolve(root, ["foo"], from: blocks)
      #expect(!found.remainder.isEmpty || found.cid != root)
      let link = try await PathResolver.resolve(root, ["foo", "link"], from: blocks)
      #expect(link.cid != root)
      #expect(link.blocks.count == 2)
      await #expect(throws: ContentError.self) { try await PathResolver.resolve(root, ["absent"], from: blocks) }
    }
  }

  @Test func `dag-pb converts to the DAG-JSON of the fixture`() async throws {
    let (blocks, roots) = try Self.load("path_gateway_dag/dag-pb")
    let json = try DagJSON.decode(Fixtures.bytes(Fixtures.ipfs.appending(path: "path_gateway_dag/dag-pb.json")))
    let root = try #require(roots.first)
    #expect(try Codec.decode(blocks.bytes(of: root), codec: .dagPB) == json)
  }

  @Test func `the block, entity and all scopes hold the path and what they name`() async throws {
    let (blocks, roots) = try Self.load("trustless_gateway_car/subdir-with-two-single-block-files")
    let root = try #require(roots.first)
    let sub = try await PathResolver.resolve(root, ["subdir"], from: blocks).cid
    let file = try await PathResolver.resolve(root, ["subdir", "ascii.txt"], from: blocks).cid
    #expect(try await Self.archive(root, "subdir", .init(scope: .block), blocks).map(\.cid) == [root, sub])
    #expect(try await Self.archive(root, "subdir", .init(scope: .entity), blocks).map(\.cid) == [root, sub])
    #expect(try await Self.archive(root, "subdir", .init(scope: .all), blocks).count == 4)
    #expect(
      try await Self.archive(root, "subdir/ascii.txt", .init(scope: .all), blocks).map(\.cid) == [root, sub, file])
  }

  @Test func `a sharded directory as entity is its shards alone, and a file in it brings its proof`() async throws {
    let (blocks, roots) = try Self.load("trustless_gateway_car/single-layer-hamt-with-multi-block-files")
    let root = try #require(roots.first)
    let entries = try await DirectoryReader.list(root, from: blocks)
    #expect(entries.count > 100)
    let entity = try await Self.archive(root, "", .init(scope: .entity), blocks)
    for block in entity { #expect(try UnixFSNode(cid: block.cid, bytes: block.bytes).entry.kind == .hamtShard) }
    let name = try #require(entries.first { $0.name == "685.txt" }?.name)
    let all = try await Self.archive(root, name, .init(scope: .entity), blocks)
    #expect(all.first?.cid == root)
    #expect(all.count >= 3)
    // The archive proves itself: read from it alone, the file is whole.
    let alone = MemoryBlocks()
    for block in all { try alone.put(block) }
    #expect(try await Self.text(root, name, alone) == Self.text(root, name, blocks))
  }

  @Test func `a byte range brings the blocks that hold it, though others are missing`() async throws {
    let (blocks, roots) = try Self.load("trustless_gateway_car/file-3k-and-3-blocks-missing-block")
    let root = try #require(roots.first)
    for (range, count) in [("0:1000", 2), ("2200:*", 2), ("-100:*", 2), ("0:0", 2), ("2048:-1", 2)] {
      let selection = CARSelection(scope: .entity, entityBytes: .init(range))
      #expect(try await Self.archive(root, "", selection, blocks).count == count, "\(range)")
    }
    await #expect(throws: ContentError.self) { try await Self.archive(root, "", .init(scope: .all), blocks) }
    #expect(try await FileBytes(root, range: 0..<1_024, from: blocks).collected().count == 1_024)
    await #expect(throws: ContentError.self) { try await FileBytes(root, from: blocks).collected() }
  }

  @Test func `a file that is there twice is sent once, or twice where duplicates are asked for`() async throws {
    let (blocks, roots) = try Self.load("trustless_gateway_car/dir-with-duplicate-files")
    let root = try #require(roots.first)
    let once = try await Self.archive(root, "", .init(scope: .all), blocks)
    let again = try await Self.archive(root, "", .init(scope: .all, duplicates: true), blocks)
    #expect(Set(once.map(\.cid)).count == once.count)
    #expect(again.count > once.count)
    #expect(Set(again.map(\.cid)) == Set(once.map(\.cid)))
  }

  @Test func `an archive of everything holds mixed codecs`() async throws {
    for name in ["dir-with-dag-cbor-with-links", "subdir-with-mixed-block-files"] {
      let (blocks, roots) = try Self.load("trustless_gateway_car/" + name)
      let root = try #require(roots.first)
      #expect(try await Self.archive(root, "", .init(scope: .all), blocks).count == blocks.count)
    }
  }

  @Test func `byte ranges are read as the specification has them`() {
    let cases: [(String, UInt64, Range<UInt64>)] = [
      ("0:*", 10, 0..<10), ("2:4", 10, 2..<5), ("-3:*", 10, 7..<10), ("0:-2", 10, 0..<9), ("-100:*", 10, 0..<10),
      ("5:100", 10, 5..<10), ("20:30", 10, 0..<0), ("-9223372036854775808:9223372036854775807", 10, 0..<10),
      ("0:*", 0, 0..<0),
    ]
    for (text, size, range) in cases {
      #expect(CARSelection.ByteRange(text)?.offsets(in: size) == range, "\(text)")
    }
    for text in ["", ":", "a:b", "1", "5:2", "1:2:3", "*:1"] { #expect(CARSelection.ByteRange(text) == nil, "\(text)") }
  }

  @Test func `a TAR whose entries stay inside is written, one that leads out is refused`() async throws {
    let (inside, roots) = try Self.load("path_gateway_tar/inside-root")
    let root = try #require(roots.first)
    var bytes: [UInt8] = []
    for try await piece in TARArchive(root, name: root.description, from: inside) { bytes += piece }
    #expect(bytes.count % 512 == 0)
    #expect(String(decoding: bytes, as: UTF8.self).contains("Hello, world!"))
    let (outside, bad) = try Self.load("path_gateway_tar/outside-root")
    let evil = try #require(bad.first)
    await #expect(throws: ContentError.self) {
      for try await _ in TARArchive(evil, name: evil.description, from: outside) {}
    }
  }

  @Test func `a TAR unpacks to the files of the directory`() async throws {
    let (blocks, roots) = try Self.load("path_gateway_tar/fixtures")
    for root in roots {
      var bytes: [UInt8] = []
      for try await piece in TARArchive(root, name: "root", from: blocks) { bytes += piece }
      let folder = try TemporaryFolder()
      try folder.write("a.tar", bytes)
      let tar = Process()
      tar.executableURL = URL(filePath: "/usr/bin/env")
      tar.arguments = ["tar", "-xf", folder.path + "/a.tar", "-C", folder.path]
      try tar.run()
      tar.waitUntilExit()
      #expect(tar.terminationStatus == 0)
      #expect(FileManager.default.fileExists(atPath: folder.path + "/root"))
    }
  }

  @Test func `redirects of the fixture are followed as its rules say`() async throws {
    let (blocks, _) = try Self.load("redirects_file/redirects")
    let root = try CID("QmYBhLYDwVFvxos9h8CGU2ibaY66QNgv8hpfewxaQrPiZj")
    let rules = try Redirects(Array(try await Self.text(root, "_redirects", blocks).utf8))
    #expect(rules.target(for: "/redirect-one") == .init(location: "/one.html", status: 301))
    #expect(rules.target(for: "/302-redirect-two")?.status == 302)
    #expect(rules.target(for: "/200-index") == .init(location: "/index.html", status: 200))
    #expect(rules.target(for: "/posts/2022/01/01/hello-world")?.location == "/articles/2022/01/01/hello-world")
    #expect(rules.target(for: "/splat/one.html")?.location == "/redirected-splat/one.html")
    #expect(rules.target(for: "/not-found/has-no-redirects-entry") == .init(location: "/404.html", status: 404))
    #expect(rules.target(for: "/gone/x")?.status == 410)
    #expect(rules.target(for: "/unavail/x")?.status == 451)
    #expect(rules.target(for: "/anything")?.location == "/index.html")
    for bad in ["/a /b 999", "/a /b 301!", "a /b", "/a", "/*/x /b", "/a b", "/a ftp://b"] {
      #expect(throws: ContentError.self) { try Redirects(Array(bad.utf8)) }
    }
    #expect(throws: ContentError.self) { try Redirects([UInt8](repeating: 0x20, count: 65_537)) }
  }

  static let records: [(String, Bool)] = [
    ("k51qzi5uqu5dlkw8pxuw9qmqayfdeh4kfebhmreauqdc6a7c3y7d5i9fi8mk9w_v1-v2", true),
    ("k51qzi5uqu5dit2ku9mutlfgwyz8u730on38kd10m97m36bjt66my99hb6103f_v2", true),
    ("k51qzi5uqu5dilgf7gorsh9vcqqq4myo6jd4zmqkuy9pxyxi5fua3uf7axph4y_v1-v2-broken-signature-v1", true),
    ("k51qzi5uqu5dm4tm0wt8srkg9h9suud4wuiwjimndrkydqm81cqtlb5ak6p7ku_v1", false),
    ("k51qzi5uqu5diamp7qnnvs1p1gzmku3eijkeijs3418j23j077zrkok63xdm8c_v1-v2-broken-signature-v2", false),
    ("k51qzi5uqu5dlmit2tuwdvnx4sbnyqgmvbxftl0eo3f33wwtb9gr7yozae9kpw_v1-v2-broken-v1-value", false),
  ]

  @Test(arguments: records)
  func `an IPNS record is accepted exactly where its version 2 signature and fields hold`(
    _ file: String, _ isGood: Bool
  ) throws {
    let name = try PeerID(file.prefix { $0 != "_" })
    let bytes = try Fixtures.bytes(Fixtures.ipfs.appending(path: "ipns_records/\(file).ipns-record"))
    let record = try? IPNSRecord(verifying: bytes, name: name)
    #expect((record != nil) == isGood)
    if let record { #expect(record.value.hasPrefix("/ipfs/")) }
    #expect(throws: ContentError.self) {
      try IPNSRecord(verifying: bytes, name: PeerID("12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d"))
    }
  }
}
