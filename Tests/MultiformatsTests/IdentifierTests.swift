import Multiformats
import Testing

@Suite struct IdentifierTests {
  static let written: [(UInt64, [UInt8])] = [
    (0, [0x00]), (1, [0x01]), (127, [0x7f]), (128, [0x80, 0x01]), (255, [0xff, 0x01]), (300, [0xac, 0x02]),
    (16_384, [0x80, 0x80, 0x01]), (UInt64(Int64.max), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
  ]
  static let refused: [([UInt8], MultiformatError.Code)] = [
    ([], .truncated), ([0x80], .truncated), ([0x81, 0x00], .notCanonical),
    ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .tooLarge),
  ]

  @Test(arguments: written)
  func `a varint is written in its shortest form and read back`(_ value: UInt64, _ bytes: [UInt8]) throws {
    #expect(Varint.encode(value) == bytes)
    #expect(Varint.length(of: value) == bytes.count)
    var offset = 0
    #expect(try Varint.decode(bytes.span.bytes, at: &offset) == value)
    #expect(offset == bytes.count)
  }

  @Test(arguments: refused)
  func `a varint cut off, padded or too long is refused`(_ bytes: [UInt8], _ code: MultiformatError.Code) {
    let error = #expect(throws: MultiformatError.self) {
      var offset = 0
      _ = try Varint.decode(bytes.span.bytes, at: &offset)
    }
    #expect(error?.code == code)
  }

  @Test func `a CID of each version keeps its text`() throws {
    let v0 = try CID("QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n")
    #expect(v0.version == .v0)
    #expect(v0.codec == .dagPB)
    #expect(v0.description == "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n")
    #expect(v0.asV1.description == "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
    #expect(v0.byteCount == v0.bytes.count)
    let v1 = try CID("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
    #expect(v1.codec == .raw)
    #expect(try CID(v1.text(in: .base58btc)) == v1)
    #expect(try CID(bytes: v1.bytes) == v1)
    #expect(v1.byteCount == v1.bytes.count)
  }

  @Test(arguments: [
    "", "Qm", "b", "bafy", "zQmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n", "hello world", "f00551220",
  ])
  func `text that is no CID is refused`(_ text: String) {
    #expect(throws: MultiformatError.self) { try CID(text) }
  }

  @Test func `peer ids of each key type are the published ones`() throws {
    let ed25519 = try #require(
      try? Multibase.base16.decodeBody("080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"))
    let key = try PeerPublicKey(bytes: ed25519)
    #expect(key.kind == .ed25519)
    #expect(key.bytes == ed25519)
    let peer = try PeerID(publicKey: key) { _ in [] }
    #expect(peer.publicKey == key)
    #expect(peer.description.hasPrefix("12D3KooW"))
    #expect(try PeerID(peer.description) == peer)
    #expect(try PeerID(peer.cid.description) == peer)
    let secp = try Multibase.base16.decodeBody(
      "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99")
    #expect(try PeerPublicKey(bytes: secp).kind == .secp256k1)
    #expect(throws: MultiformatError.self) { try PeerPublicKey(bytes: Array(secp.dropLast())) }
    #expect(throws: MultiformatError.self) { try PeerID("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy") }
  }

  @Test func `a long key is hashed, a short one kept`() throws {
    let rsa = PeerPublicKey(kind: .rsa, data: [UInt8](repeating: 7, count: 294))
    let peer = try PeerID(publicKey: rsa) { _ in [UInt8](repeating: 9, count: 32) }
    #expect(peer.multihash.function == .sha256)
    #expect(peer.publicKey == nil)
    #expect(peer.description.hasPrefix("Qm"))
  }
}
