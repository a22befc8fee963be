import Multiformats
import Testing

/// Parsers face bytes of strangers: whatever comes, they answer with a value or a typed error.
@Suite struct MutationTests {
  struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }

  static func mutated(_ seed: [UInt8], _ random: inout SplitMix) -> [UInt8] {
    var bytes = seed
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      switch Int.random(in: 0..<4, using: &random) {
      case 0 where !bytes.isEmpty:
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      case 1 where !bytes.isEmpty: bytes.remove(at: Int.random(in: 0..<bytes.count, using: &random))
      case 2:
        bytes.insert(UInt8.random(in: 0...255, using: &random), at: Int.random(in: 0...bytes.count, using: &random))
      default: bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
      }
    }
    return bytes
  }

  @Test func `mutated bytes and texts never trap, and what is accepted is canonical`() throws {
    var random = SplitMix(state: 7)
    let address = try Multiaddr(
      "/ip6/fe80::1/tcp/1/ws/p2p/12D3KooWLQzUv2FHWGVPXTXSZpdHs7oHbXub2G5WC8Tx4NQhyd2d/p2p-circuit/unix/a/b")
    let cid = try CID("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
    let key = PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: 3, count: 32)).bytes
    var accepted = [0, 0, 0, 0, 0]
    /// Notes that bytes or text of this kind were read.
    func accept<Value>(_ kind: Int, _ value: Value?) -> Value? {
      if value != nil { accepted[kind] += 1 }
      return value
    }
    for _ in 0..<20_000 {
      let bytes = Self.mutated(address.bytes, &random)
      if let value = accept(0, try? Multiaddr(bytes: bytes)) { #expect(value.bytes == bytes) }
      let identifier = Self.mutated(cid.bytes, &random)
      if let value = accept(1, try? CID(bytes: identifier)) { #expect(value.bytes == identifier) }
      let message = Self.mutated(key, &random)
      if let value = accept(2, try? PeerPublicKey(bytes: message)) { #expect(value.bytes == message) }
      let text = String(decoding: Self.mutated(Array(address.description.utf8), &random), as: UTF8.self)
      if let value = accept(3, try? Multiaddr(text)) { #expect(try Multiaddr(bytes: value.bytes) == value) }
      let other = String(decoding: Self.mutated(Array(cid.description.utf8), &random), as: UTF8.self)
      if let value = accept(4, try? CID(other)) { #expect(try CID(value.description) == value) }
    }
    #expect(!accepted.contains(0), "\(accepted)")
  }
}
