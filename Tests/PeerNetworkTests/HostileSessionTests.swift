import Logging
import Multiformats
import NIOCore
import NIOPosix
import PeerNetwork
import PeerProtocols
import Testing

/// A peer that proves who it is as any other does, and then sends whatever it likes.
private struct ProvenPeer {
  private typealias Bytes = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Connects, proves itself, sends what `attack` gives, and waits until the host has closed the connection.
  ///
  /// - Parameter attack: plaintexts, each for a frame of its own; nil for a frame that fails authentication.
  /// - Returns: who it proved to be.
  static func attack(_ address: Multiaddr, _ attack: [[UInt8]?]) async throws -> PeerID {
    let identity = try HostIdentity.generate()
    let port = try #require(address.value(of: "tcp").flatMap { Int($0) })
    let channel: Bytes = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture { try Bytes(wrappingChannelSynchronously: channel) }
      }
    try await channel.executeThenClose { inbound, outbound in
      var iterator = inbound.makeAsyncIterator()
      var received: [UInt8] = []
      func read(_ count: Int) async throws -> [UInt8] {
        while received.count < count {
          guard let more = try await iterator.next(isolation: #isolation) else {
            throw PeerError(.closed, "the host ended the connection before anything was wrong")
          }
          received += Array(more.readableBytesView)
        }
        defer { received.removeFirst(count) }
        return Array(received.prefix(count))
      }
      func send(_ bytes: [UInt8]) async throws { try await outbound.write(ByteBuffer(bytes: bytes)) }
      func frame(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes }

      let greeting = Multistream.message(Multistream.header) + Multistream.message("/noise")
      try await send(greeting)
      let answer = try await read(greeting.count)
      #expect(answer == greeting)
      let cryptography = NoiseCryptography()
      let key = cryptography.generateKeyPair()
      var handshake = NoiseHandshake(isInitiator: true, primitives: cryptography, staticKey: key)
      try await send(frame(try handshake.write([])))
      let length = try await read(2)
      _ = try handshake.read(try await read(Int(length[0]) << 8 | Int(length[1])))
      let payload = NoisePayload(
        identityKey: identity.publicKey, signature: try identity.sign(NoisePayload.signaturePrefix + key.publicKey),
        muxers: ["/yamux/1.0.0"])
      try await send(frame(try handshake.write(payload.bytes)))
      let keys = try handshake.keys()
      for (number, plaintext) in attack.enumerated() {
        let sealed = try cryptography.seal(
          plaintext ?? [1], key: keys.sending, nonce: UInt64(number), associated: [])
        // A host that has had enough may be gone before all is sent.
        do {
          try await send(frame(plaintext == nil ? sealed.map { $0 ^ 1 } : sealed))
        } catch { break }
      }
      do { while try await iterator.next(isolation: #isolation) != nil {} } catch {}
    }
    return identity.peer
  }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct HostileSessionTests {
  private static func header(
    _ kind: YamuxHeader.Kind, _ flags: YamuxHeader.Flags, _ stream: UInt32, _ value: Int
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    YamuxHeader(kind, flags: flags, stream: stream, value: UInt32(value)).append(to: &bytes)
    return bytes
  }

  /// A stream opened with these bytes on it.
  private static func stream(_ bytes: [UInt8]) -> [UInt8] { header(.data, .syn, 1, bytes.count) + bytes }

  /// A stream on which a protocol is asked for, with bytes behind it.
  private static func speaking(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
    stream(Multistream.message(Multistream.header) + Multistream.message(name) + bytes)
  }

  private static let attacks: [(name: String, frames: [[UInt8]?])] = {
    var attacks: [(name: String, frames: [[UInt8]?])] = []
    func add(_ name: String, _ frames: [UInt8]?...) { attacks.append((name, frames)) }
    let ping = header(.ping, .syn, 0, 1)
    let open = header(.windowUpdate, .syn, 1, 0)
    add("a frame that fails authentication", nil)
    add("another version of yamux", [1] + Array(ping.dropFirst()))
    add("a frame of no kind", [0, 9] + Array(ping.dropFirst(2)))
    add("data for the session", header(.data, [], 0, 5))
    add("a stream of the other side's numbers", header(.windowUpdate, .syn, 2, 0))
    add("a stream opened twice", open + open)
    add("more than the window", header(.data, .syn, 1, 300_000))
    add("a window beyond all numbers", open, header(.windowUpdate, [], 1, 0xffff_ffff))
    let ended = stream([19]) + header(.data, .fin, 1, 0)
    add("data after the end", ended + header(.data, [], 1, 1) + [0])
    attacks.append(("pings without end", (0..<300).map { header(.ping, .syn, 0, $0) }))
    attacks.append(("streams without end", (0..<6_000).map { header(.windowUpdate, .syn, UInt32(2 * $0 + 1), 0) }))
    add("a stream that speaks HTTP", stream([UInt8](repeating: UInt8(ascii: "G"), count: 200)))
    let proposals: [UInt8] = (0..<70).flatMap { Multistream.message("/none/\($0)") }
    add("proposals without end", stream(Multistream.message(Multistream.header) + proposals))
    let push = "/ipfs/id/push/1.0.0"
    add("an identity of a gigabyte", speaking(push, [0x80, 0x80, 0x80, 0x80, 0x04]))
    add("an identity that is none", speaking(push, [4, 0xff, 0xff, 0xff, 0xff]) + header(.data, .fin, 1, 0))
    add("a length of ten bytes", speaking(push, [UInt8](repeating: 0xff, count: 10)))
    return attacks
  }()

  @Test(arguments: attacks.indices)
  func `whoever breaks the rules after proving who it is is let go, and others are served`(index: Int) async throws {
    let attack = Self.attacks[index]
    let pair = try await HostPair()
    let address = try #require(pair.listener.listenAddresses.first)
    let attacker = try await ProvenPeer.attack(address, attack.frames)
    while pair.listener.dialHistory(of: attacker).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    #expect(pair.listener.connectedPeers.isEmpty, "\(attack.name)")
    // It answers no pings, and is let go for that a minute later whatever it did.
    let reason = try #require(pair.listener.dialHistory(of: attacker).last?.outcome)
    #expect(!reason.contains("answered a ping"), "\(attack.name): \(reason)")
    #expect(pair.listener.bufferedBytes == 0, "\(attack.name)")
    try await pair.connect()
    _ = try await pair.dialer.ping(pair.listener.id, deadline: .now + .seconds(20))
    await pair.stop()
  }
}
