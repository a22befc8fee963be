import Multiformats
import PeerProtocols
import Testing

/// Every parser of what peers send reads thousands of changed messages: it answers or throws, and never traps.
@Suite struct ParserMutationTests {
  static let cid = CID(codec: .raw, multihash: Multihash(sha256: [1, 2, 3]))

  static func samples() throws -> [(name: String, bytes: [UInt8], parse: @Sendable ([UInt8]) throws -> Void)] {
    let key = PeerPublicKey(kind: .ed25519, data: [UInt8](repeating: 5, count: 32))
    let peer = try PeerID(publicKey: key, sha256: { _ in [] })
    let address = try Multiaddr("/ip4/192.0.2.1/tcp/4001")
    let record = PeerRecord(peer: peer, sequence: 7, addresses: [address])
    let envelope = SignedEnvelope(
      publicKey: key, payloadType: PeerRecord.payloadType, payload: record.bytes,
      signature: [UInt8](repeating: 9, count: 64))
    var identify = IdentifyMessage()
    identify.publicKey = key
    identify.listenAddresses = [address]
    identify.protocols = ["/ipfs/ping/1.0.0", "/ipfs/id/1.0.0"]
    identify.agentVersion = "prsm"
    identify.signedPeerRecord = envelope.bytes
    var bitswap = BitswapMessage()
    bitswap.entries = [.init(cid: cid, wantsHave: true, sendsDontHave: true), .init(cid: cid, isCancel: true)]
    bitswap.presences = [.init(cid: cid, isThere: false)]
    bitswap.pendingBytes = 100
    var writer = ProtobufWriter()
    bitswap.append(to: &writer)
    BitswapMessage.append(cid, [1, 2, 3, 4, 5], to: &writer)
    let payload = NoisePayload(identityKey: key, signature: [UInt8](repeating: 3, count: 64), muxers: ["/yamux/1.0.0"])
    return [
      ("identify", identify.bytes, { _ = try IdentifyMessage(decoding: $0) }),
      ("envelope", envelope.bytes, { _ = try SignedEnvelope(decoding: $0) }),
      ("record", record.bytes, { _ = try PeerRecord(decoding: $0) }),
      ("bitswap", writer.bytes, { _ = try BitswapMessage(decoding: $0) }),
      ("noise payload", payload.bytes, { _ = try NoisePayload(decoding: $0) }),
      (
        "multistream", Multistream.message(Multistream.header) + Multistream.message("/noise"),
        {
          var negotiation = MultistreamNegotiation(.listener(["/noise"]))
          _ = try negotiation.receive($0)
        }
      ),
      (
        "network key", Array("/key/swarm/psk/1.0.0/\n/base16/\n\(String(repeating: "0f", count: 32))\n".utf8),
        {
          _ = try NetworkKey.parse($0)
        }
      ),
    ]
  }

  @Test func unchangedSamplesAreRead() throws {
    for sample in try Self.samples() {
      #expect(throws: Never.self, "\(sample.name)") { try sample.parse(sample.bytes) }
    }
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func changedSamplesAreReadOrRefused(seed: UInt64) throws {
    var generator = Seeded(state: seed)
    for sample in try Self.samples() {
      for _ in 0..<300 {
        var bytes = sample.bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
          let index = Int.random(in: 0..<bytes.count, using: &generator)
          switch Int.random(in: 0..<5, using: &generator) {
          case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
          case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
          case 2: bytes.removeSubrange(index...)
          case 3: bytes.insert(UInt8.random(in: .min ... .max, using: &generator), at: index)
          default: bytes.replaceSubrange(index..<min(index + 5, bytes.count), with: [UInt8](repeating: 0xff, count: 9))
          }
        }
        try? sample.parse(bytes)
      }
    }
  }

  @Test func roundTripsKeepEverything() throws {
    let samples = try Self.samples()
    let identify = try IdentifyMessage(decoding: samples[0].bytes)
    #expect(identify.bytes == samples[0].bytes)
    let envelope = try SignedEnvelope(decoding: samples[1].bytes)
    #expect(envelope.bytes == samples[1].bytes)
    #expect(try PeerRecord(decoding: envelope.payload).sequence == 7)
    let bitswap = try BitswapMessage(decoding: samples[3].bytes)
    #expect(bitswap.entries.count == 2 && bitswap.entries[0].wantsHave && bitswap.entries[1].isCancel)
    #expect(bitswap.presences == [.init(cid: Self.cid, isThere: false)])
    #expect(bitswap.payloads.first.map { Array($0.bytes) } == [1, 2, 3, 4, 5])
    #expect(bitswap.payloads.first?.codec == .raw && bitswap.payloads.first?.digestLength == 32)
    #expect(bitswap.pendingBytes == 100)
  }

  /// What go-bitswap 1.2 writes for a want of a block with `sendDontHave`, field by field.
  @Test func aRecordedWantListIsRead() throws {
    let cidBytes = Self.cid.bytes
    var entry: [UInt8] = [0x0a, UInt8(cidBytes.count)] + cidBytes
    entry += [0x10, 0xff, 0xff, 0xff, 0xff, 0x07, 0x28, 0x01]
    let list: [UInt8] = [0x0a, UInt8(entry.count)] + entry + [0x10, 0x01]
    let message = try BitswapMessage(decoding: [0x0a, UInt8(list.count)] + list)
    #expect(message.isFull)
    #expect(message.entries == [.init(cid: Self.cid, priority: .max, sendsDontHave: true)])
  }
}
