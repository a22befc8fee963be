package import Multiformats

/// A place in the DHT's space of 256 bits: the SHA2-256 of whatever it is the place of
/// (https://github.com/libp2p/specs/tree/master/kad-dht, "Distance").
package struct KademliaKey: Hashable, Comparable, Sendable {
  // Most significant word first.
  let first: UInt64
  let second: UInt64
  let third: UInt64
  let fourth: UInt64

  /// A place by its words, most significant first.
  package init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
    self.first = first
    self.second = second
    self.third = third
    self.fourth = fourth
  }

  /// The place of `bytes`: a multihash for providers, the whole key for records, a peer id's bytes for peers.
  package init(hashing bytes: [UInt8]) {
    let digest = KeyHash.sha256(bytes)
    func word(_ index: Int) -> UInt64 {
      digest[(8 * index)..<(8 * index + 8)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    self.init(word(0), word(1), word(2), word(3))
  }

  /// The place of a peer.
  package init(_ peer: PeerID) { self.init(hashing: peer.bytes) }

  /// The XOR distance to another place, a number of 256 bits.
  package func distance(to other: KademliaKey) -> KademliaKey {
    KademliaKey(first ^ other.first, second ^ other.second, third ^ other.third, fourth ^ other.fourth)
  }

  /// How many leading bits are zero, 0 to 256; of a distance, how many bits two places share.
  package var leadingZeroBits: Int {
    if first != 0 { return first.leadingZeroBitCount }
    if second != 0 { return 64 + second.leadingZeroBitCount }
    if third != 0 { return 128 + third.leadingZeroBitCount }
    return 192 + fourth.leadingZeroBitCount
  }

  /// How many leading bits two places share.
  package func commonPrefix(with other: KademliaKey) -> Int { distance(to: other).leadingZeroBits }

  /// By size, as distances are compared.
  package static func < (left: KademliaKey, right: KademliaKey) -> Bool {
    if left.first != right.first { return left.first < right.first }
    if left.second != right.second { return left.second < right.second }
    if left.third != right.third { return left.third < right.third }
    return left.fourth < right.fourth
  }

  /// The size as a share of the whole space, 0 to 1.
  package var share: Double { Double(first) * 0x1p-64 }

  /// A place that shares exactly `bits` leading bits with this one, drawn at random beyond them.
  package func neighbor(sharing bits: Int, using random: inout some RandomNumberGenerator) -> KademliaKey {
    var words = [first, second, third, fourth]
    for index in 0..<4 {
      let noise = UInt64.random(in: .min ... .max, using: &random)
      let kept = min(max(bits - 64 * index, 0), 64)
      let mask: UInt64 = kept == 0 ? .max : kept == 64 ? 0 : UInt64.max >> UInt64(kept)
      words[index] = words[index] & ~mask | noise & mask
    }
    if bits < 256 {
      let (index, bit) = (bits / 64, UInt64(63 - bits % 64))
      let original = [first, second, third, fourth][index]
      words[index] = words[index] & ~(1 << bit) | ~original & (1 << bit)
    }
    return KademliaKey(words[0], words[1], words[2], words[3])
  }
}
