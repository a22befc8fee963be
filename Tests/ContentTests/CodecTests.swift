import Content
import Foundation
import Multiformats
import Testing

@Suite struct CodecTests {
  @Test(.enabled(if: Fixtures.arePresent, "the shared fixtures are not beside the repository"))
  func `every codec fixture decodes, re-encodes to the same bytes, and crosses over to its siblings`() throws {
    var files = 0
    for folder in try Fixtures.names(in: Fixtures.ipld) {
      let url = Fixtures.ipld.appending(path: folder)
      var nodes: [Node] = []
      let names = try Fixtures.names(in: url)
      for name in names {
        let parts = name.split(separator: ".")
        let expected = try CID(parts[0])
        let codec = try #require(Multicodec(name: String(parts[1])))
        let bytes = try Fixtures.bytes(url.appending(path: name))
        let node = try Codec.decode(bytes, codec: codec)
        #expect(try Codec.encode(node, codec: codec) == bytes, "\(folder)/\(name)")
        #expect(try Block(bytes, codec: codec).cid == expected, "\(folder)/\(name)")
        nodes.append(node)
        files += 1
      }
      // The same value under another codec gives that codec's fixture.
      for name in names {
        let parts = name.split(separator: ".")
        let codec = try #require(Multicodec(name: String(parts[1])))
        for node in nodes {
          #expect(try Block(Codec.encode(node, codec: codec), codec: codec).cid == CID(parts[0]), "\(folder)/\(name)")
        }
      }
    }
    #expect(files > 250)
  }

  static let refusedCBOR: [String] = [
    "", "1800", "190001", "1a00000001", "1b0000000000000001", "5f", "9f00ff", "bf", "f7", "f90000", "fa00000000",
    "fb7ff0000000000000",
    "fb7ff8000000000000", "a2616200616100", "a2616100616100", "a10000", "c000", "d82a00", "d82a4101", "d82a5825015512",
    "61ff", "0000",
    "9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "7b7fffffffffffffff", "e0", "f814",
  ]

  @Test(arguments: refusedCBOR) func `DAG-CBOR that is not canonical is refused`(_ hex: String) throws {
    let bytes = try Multibase.base16.decodeBody(hex)
    #expect(throws: ContentError.self) { try DagCBOR.decode(bytes) }
  }

  static let refusedJSON: [String] = [
    "", "nul", "01", "1.", "-", "+1", "\"", "\"\\x\"", "\"\\ud800\"", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "1 1",
    "{\"/\":1}",
    "{\"/\":\"nope\"}", "{\"/\":{\"bytes\":1}}", "{\"/\":\"x\",\"a\":1}", "18446744073709551616",
    "-18446744073709551617", "1e999", "[",
    "\"\u{1}\"",
  ]

  @Test(arguments: refusedJSON) func `DAG-JSON that is malformed is refused`(_ text: String) {
    #expect(throws: ContentError.self) { try DagJSON.decode(Array(text.utf8)) }
  }

  static let refusedPB: [String] = [
    "0a", "0a0101010a00", "1200", "12020a00", "1a00", "0affffffffffffffffff01", "0800", "120308ff01",
  ]

  @Test(arguments: refusedPB) func `DAG-PB that is malformed is refused`(_ hex: String) throws {
    let bytes = try Multibase.base16.decodeBody(hex)
    #expect(throws: ContentError.self) { try DagPB(decoding: bytes) }
  }

  @Test func `nesting beyond the bound is refused without deep recursion`() {
    #expect(throws: ContentError.self) { try DagCBOR.decode([UInt8](repeating: 0x81, count: 1_000_000)) }
    #expect(throws: ContentError.self) { try DagJSON.decode([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)) }
    #expect(throws: ContentError.self) { try DagCBOR.decode([UInt8](repeating: 0xd8, count: 1_000_000)) }
  }

  @Test func `mutated blocks never trap, and canonical codecs accept canonical bytes alone`() throws {
    var random = SplitMix(state: 11)
    let cid = try CID("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
    let value = Node.map([
      "a": .list([.int(-5), .float(1.5), .null, .bool(true)]), "link": .link(cid), "bytes": .bytes([1, 2, 3]),
      "map": .map(["": .string("ü")]), "n": .unsigned(.max),
    ])
    let cbor = try DagCBOR.encode(value)
    let json = try DagJSON.encode(value)
    let pb = DagPB(data: [8, 1], links: [.init(cid: cid, name: "a", tsize: 4), .init(cid: cid, name: "b")]).encode()
    for _ in 0..<20_000 {
      let bytes = random.mutated(cbor)
      if let node = try? DagCBOR.decode(bytes) { #expect(try DagCBOR.encode(node) == bytes) }
      _ = try? DagCBOR.decodeLenient(bytes)
      if let node = try? DagJSON.decode(random.mutated(json)) {
        #expect(try DagJSON.decode(DagJSON.encode(node)) == node)
      }
      if let node = try? DagPB(decoding: random.mutated(pb)) {
        #expect(try DagPB(decoding: node.encode()).links.count == node.links.count)
        #expect(node.encodedLength == node.encode().count)
      }
    }
  }
}
