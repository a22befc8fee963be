import Content
import Foundation
import Multiformats
import Testing

@Suite struct CARTests {
  static func archive() throws -> (roots: [CID], blocks: [Block], bytes: [UInt8]) {
    let blocks = try (0..<5).map { try BlockStoreTests.block($0, size: $0 * 100) }
    let roots = [blocks[1].cid, blocks[4].cid]
    return (roots, blocks, try CARWriter.header(roots: roots) + blocks.flatMap { CARWriter.section($0.cid, $0.bytes) })
  }

  @Test(arguments: [1, 7, 100_000]) func `an archive is read back in pieces of any size`(_ piece: Int) throws {
    let (roots, blocks, bytes) = try Self.archive()
    var parser = CARParser()
    var read: [Block] = []
    for start in stride(from: 0, to: bytes.count, by: piece) {
      read += try parser.feed(bytes[start..<min(bytes.count, start + piece)])
    }
    try parser.finish()
    #expect(read == blocks)
    #expect(parser.roots == roots)
  }

  @Test func `version 2 is read around its index`() throws {
    let (roots, blocks, inner) = try Self.archive()
    func number(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    let pragma: [UInt8] = [0x0a, 0xa1, 0x67] + Array("version".utf8) + [0x02]
    let header = [UInt8](repeating: 0, count: 16) + number(61) + number(inner.count) + number(61 + inner.count + 3)
    var parser = CARParser()
    var read: [Block] = []
    for byte in pragma + header + [UInt8](repeating: 0, count: 10) + inner + [9, 9, 9, 9] {
      read += try parser.feed([byte])
    }
    try parser.finish()
    #expect(read == blocks)
    #expect(parser.roots == roots)
  }

  @Test func `a block that does not hash to its name, a cut and a bomb are refused`() throws {
    let (_, blocks, bytes) = try Self.archive()
    var forged = bytes
    forged[forged.count - 1] ^= 1
    let error = #expect(throws: ContentError.self) {
      var parser = CARParser()
      _ = try parser.feed(forged)
    }
    #expect(error?.code == .corrupt)
    #expect(error?.cid == blocks.last?.cid)
    #expect(throws: ContentError.self) {
      var parser = CARParser()
      _ = try parser.feed(bytes.dropLast())
      try parser.finish()
    }
    #expect(throws: ContentError.self) {
      var parser = CARParser()
      _ = try parser.feed([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0])
    }
  }

  @Test(.enabled(if: Fixtures.arePresent, "the shared fixtures are not beside the repository"))
  func `every archive of the gateway fixtures is read, and written again is the same`() throws {
    var count = 0
    let enumerator = FileManager.default.enumerator(at: Fixtures.ipfs, includingPropertiesForKeys: nil)
    for case let url as URL in try #require(enumerator) where url.pathExtension == "car" {
      let bytes = try Fixtures.bytes(url)
      var parser = CARParser()
      let blocks = try parser.feed(bytes)
      try parser.finish()
      #expect(!blocks.isEmpty)
      let roots = try #require(parser.roots)
      #expect(try CARWriter.header(roots: roots) + blocks.flatMap { CARWriter.section($0.cid, $0.bytes) } == bytes)
      count += 1
    }
    #expect(count >= 20)
  }

  @Test func `mutated archives never trap`() throws {
    let bytes = try Self.archive().bytes
    var random = SplitMix(state: 21)
    for _ in 0..<5_000 {
      var parser = CARParser()
      _ = try? parser.feed(random.mutated(bytes))
      try? parser.finish()
    }
  }
}
