import Content
import Foundation
import Multiformats
import Testing

@Suite struct PathExportTests {
  @Test func `a folder comes back as it was, with links, times and permissions`() async throws {
    let folder = try TemporaryFolder()
    try folder.makeFolder("in/sub/empty")
    try folder.write("in/a.txt", Array("a".utf8))
    var random = SplitMix(state: 3)
    let large = random.bytes(20_000_000)
    try folder.write("in/sub/large", large)
    try folder.link("in/link", to: "a.txt")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.path + "/in/a.txt")
    var profile = ImportProfile.unixfsV1x2025
    profile.keepsMode = true
    profile.keepsTime = true
    let blocks = MemoryBlocks()
    let added = try PathImport.add(folder.path + "/in", profile: profile, to: blocks)
    let written = try await PathExport.write(added.cid, to: folder.path + "/out", from: blocks)
    #expect(written.files == 3)
    #expect(written.bytes == 20_000_001)
    #expect(try folder.read("out/sub/large") == large)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path + "/out/link") == "a.txt")
    #expect(FileManager.default.fileExists(atPath: folder.path + "/out/sub/empty"))
    let again = try PathImport.add(folder.path + "/out", profile: profile, to: MemoryBlocks())
    #expect(again.cid == added.cid)
  }

  @Test func `nothing that is there is written over, and a missing block leaves nothing behind`() async throws {
    let folder = try TemporaryFolder()
    let blocks = MemoryBlocks()
    let bytes = [UInt8](repeating: 7, count: 3_000_000)
    let added = try UnixFSTests.add(bytes, .unixfsV1x2025, to: blocks)
    try folder.write("taken", [1])
    await #expect(throws: ContentError.self) {
      try await PathExport.write(added.cid, to: folder.path + "/taken", from: blocks)
    }
    #expect(try folder.read("taken") == [1])
    let leaf = try #require(try DagPB(decoding: blocks.bytes(of: added.cid)).links.last?.cid)
    blocks.remove(leaf)
    await #expect(throws: ContentError.self) {
      try await PathExport.write(added.cid, to: folder.path + "/part", from: blocks)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["taken"])
  }

  @Test(arguments: ["..", "a/b", "../x", ""])
  func `a name that leads out of its folder is refused`(_ name: String) async throws {
    let folder = try TemporaryFolder()
    let blocks = MemoryBlocks()
    let leaf = try Block([1], codec: .raw)
    try blocks.put(leaf)
    let root = try Block(
      DagPB(data: UnixFSEntry(kind: .directory).encode(), links: [.init(cid: leaf.cid, name: name, tsize: 1)]).encode(),
      codec: .dagPB)
    try blocks.put(root)
    await #expect(throws: ContentError.self) {
      try await PathExport.write(root.cid, to: folder.path + "/out", from: blocks)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func `an entry does not go through a link of the same archive`() async throws {
    let folder = try TemporaryFolder()
    let blocks = MemoryBlocks()
    let link = try DirectoryImport.addSymlink(to: folder.path, profile: .unixfsV1x2025, sink: blocks)
    let leaf = try Block([1], codec: .raw)
    try blocks.put(leaf)
    let inner = try Block(
      DagPB(data: UnixFSEntry(kind: .directory).encode(), links: [.init(cid: leaf.cid, name: "evil", tsize: 1)])
        .encode(),
      codec: .dagPB)
    try blocks.put(inner)
    let root = try Block(
      DagPB(
        data: UnixFSEntry(kind: .directory).encode(),
        links: [.init(cid: link.cid, name: "x", tsize: 1), .init(cid: inner.cid, name: "x", tsize: 1)]
      ).encode(), codec: .dagPB)
    try blocks.put(root)
    await #expect(throws: ContentError.self) {
      try await PathExport.write(root.cid, to: folder.path + "/out", from: blocks)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func `a few hundred bytes that claim to be more than the disk holds are refused before any is written`()
    async throws
  {
    let folder = try TemporaryFolder()
    let blocks = MemoryBlocks()
    var child = try Block([UInt8](repeating: 0, count: 1_024), codec: .raw)
    try blocks.put(child)
    var size: UInt64 = 1_024
    for _ in 0..<50 {
      var entry = UnixFSEntry(kind: .file, fileSize: 2 * size)
      entry.blockSizes = [size, size]
      let link = DagPB.Link(cid: child.cid, name: "", tsize: 1)
      child = try Block(DagPB(data: entry.encode(), links: [link, link]).encode(), codec: .dagPB)
      try blocks.put(child)
      size *= 2
    }
    let error = await #expect(throws: ContentError.self) {
      try await PathExport.write(child.cid, to: folder.path + "/bomb", from: blocks)
    }
    #expect(error?.code == .quota)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    // A stretch of it is read all the same.
    let middle = try await FileBytes(child.cid, range: (1 << 59)..<(1 << 59 + 10), from: blocks).collected()
    #expect(middle == [UInt8](repeating: 0, count: 10))
  }
}
