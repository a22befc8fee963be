import Foundation
import PeerNetwork
import PeerProtocols
import Testing

@Suite struct NoiseTests {
  /// The vectors of `Noise_XX_25519_ChaChaPoly_SHA256` that Noise libraries test each other with: fixed keys, payloads of
  /// both sides in turn, and what must come of them.
  static let initiatorStatic = [UInt8](0x00...0x1f)
  static let listenerStatic = [UInt8](0x01...0x20)
  static let initiatorEphemeral = [UInt8](0x20...0x3f)
  static let listenerEphemeral = [UInt8](0x41...0x60)

  static let empty: [(String, String)] = [
    ("", "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"),
    (
      "",
      "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2f58911a816d6e8346d4ea17a6f2a0bb4ef"
        + "4ed56c133cff4560a34e36ea82109f26cf2e5a5caf992b608d55c747f615e5a3425a7a19eefb8f"
    ),
    (
      "",
      "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d97e5ea11b16f3968710b23a3be3202dc1b5e1ce3c963347491e"
        + "74f5c0768a9b42"
    ),
    ("79656c6c6f777375626d6172696e65", "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"),
    ("7375626d6172696e6579656c6c6f77", "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"),
  ]

  static let full: [(String, String)] = [
    (
      "746573745f6d73675f30",
      "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254746573745f6d73675f30"
    ),
    (
      "746573745f6d73675f31",
      "64b101b1d0be5a8704bd078f9895001fc03e8e9f9522f188dd128d9846d484663414af878d3e46a2f58911a816d6e8346d4ea17a6f2a0bb4ef"
        + "4ed56c133cff4572e7a2ba5123ac30618b3d205f5c2d17f50cbca216483ac56bcc78e33bf520303278db641e5e731b2e3a"
    ),
    (
      "746573745f6d73675f32",
      "87f864c11ba449f46a0a4f4e2eacbb7b0457784f4fca1937f572c93603e9c4d9f27e318e43ba630594c4d08eeb3b36d97c7377a2f4f9144b2f"
        + "0c8095ad92140505b2ab53eff244b14138"
    ),
    ("79656c6c6f777375626d6172696e65", "a52ef02ba60e12696d1d6b9ef4245c88fca757b6134ad6e76b56e310a6adf6"),
    ("7375626d6172696e6579656c6c6f77", "2445aa438ebd649281c636cc7269ca82f1d9023d72520943aeabf909cdf521"),
  ]

  @Test(arguments: [empty, full])
  func recordedHandshakesComeOutByteForByte(messages: [(String, String)]) throws {
    let primitives = NoiseCryptography()
    func pair(_ secret: [UInt8]) throws -> NoiseKeyPair { try #require(NoiseCryptography.keyPair(secret: secret)) }
    var initiator = NoiseHandshake(
      isInitiator: true, primitives: primitives, staticKey: try pair(Self.initiatorStatic),
      ephemeralKey: try pair(Self.initiatorEphemeral))
    var listener = NoiseHandshake(
      isInitiator: false, primitives: primitives, staticKey: try pair(Self.listenerStatic),
      ephemeralKey: try pair(Self.listenerEphemeral))
    for (index, (payload, expected)) in messages.prefix(3).enumerated() {
      let payload = hex(payload)
      let message = index % 2 == 0 ? try initiator.write(payload) : try listener.write(payload)
      #expect(message == hex(expected))
      let read = index % 2 == 0 ? try listener.read(message) : try initiator.read(message)
      #expect(read == payload)
    }
    let first = try initiator.keys()
    let second = try listener.keys()
    #expect(first.sending == second.receiving && first.receiving == second.sending)
    #expect(first.transcript == second.transcript)
    #expect(
      try primitives.seal(hex(messages[3].0), key: first.sending, nonce: 0, associated: []) == hex(messages[3].1))
    #expect(
      try primitives.seal(hex(messages[4].0), key: second.sending, nonce: 0, associated: []) == hex(messages[4].1))
    #expect(initiator.remoteStatic == (try pair(Self.listenerStatic)).publicKey)
  }

  @Test func aChangedByteAnywhereEndsTheHandshake() throws {
    let primitives = NoiseCryptography()
    for flipped in stride(from: 0, to: 150, by: 7) {
      var initiator = NoiseHandshake(isInitiator: true, primitives: primitives, staticKey: primitives.generateKeyPair())
      var listener = NoiseHandshake(isInitiator: false, primitives: primitives, staticKey: primitives.generateKeyPair())
      _ = try listener.read(try initiator.write([]))
      var message = try listener.write([UInt8](repeating: 7, count: 54))
      message[flipped % message.count] ^= 0x40
      #expect(throws: PeerError.self) {
        _ = try initiator.read(message)
      }
    }
  }

  @Test func truncatedMessagesAndMessagesOutOfTurnAreRefused() throws {
    let primitives = NoiseCryptography()
    var initiator = NoiseHandshake(isInitiator: true, primitives: primitives, staticKey: primitives.generateKeyPair())
    var listener = NoiseHandshake(isInitiator: false, primitives: primitives, staticKey: primitives.generateKeyPair())
    #expect(throws: PeerError.self) { _ = try listener.write([]) }
    #expect(throws: PeerError.self) { _ = try listener.read([1, 2, 3]) }
    let first = try initiator.write([])
    #expect(throws: PeerError.self) { _ = try initiator.write([]) }
    _ = try listener.read(first)
    let second = try listener.write([])
    for count in stride(from: 0, to: second.count, by: 11) {
      var copy = initiator
      #expect(throws: PeerError.self) { _ = try copy.read(Array(second.prefix(count))) }
    }
  }

  @Test func `a key that is kept gives the frames of one that is set up each time`() throws {
    var random = SplitMix64(seed: 5)
    let keyBytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
    let key = FrameKey(keyBytes)
    let cryptography = NoiseCryptography()
    let sizes = [0, 1, 15, 16, 63, 64, 65, 100, 1_000, 65_519]
    let counters: [UInt64] = [0, 1, 255, 1 << 32, .max - 1, 2, 3, 4, 5, 6]
    for (size, counter) in zip(sizes, counters) {
      let plain = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
      let expected = try cryptography.seal(plain, key: keyBytes, nonce: counter, associated: [])
      var sealed = [UInt8](repeating: 0, count: size + 16)
      let written = sealed.withUnsafeMutableBytes { room in
        plain.withUnsafeBytes { key.seal($0, counter, into: room) }
      }
      #expect(written == size + 16)
      #expect(sealed == expected)
      #expect(sealed.withUnsafeBytes { key.open($0, counter) }.map { Array($0) } == plain)
      #expect(sealed.withUnsafeBytes { key.open($0, counter &+ 1) } == nil)
      for _ in 0..<8 {
        var damaged = sealed
        damaged[Int.random(in: damaged.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
        #expect(damaged.withUnsafeBytes { key.open($0, counter) } == nil)
      }
      // Too little room is no place for half a frame.
      var small = [UInt8](repeating: 0, count: size + 15)
      #expect(small.withUnsafeMutableBytes { room in plain.withUnsafeBytes { key.seal($0, 0, into: room) } } == nil)
    }
  }
}

/// Bytes of a hexadecimal text.
func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
