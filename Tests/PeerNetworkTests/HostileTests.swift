import Content
import Logging
import Multiformats
import NIOCore
import NIOPosix
import PeerNetwork
import PeerProtocols
import Testing

/// A bare TCP connection to a host, for sending what no correct peer sends.
final class RawPeer: Sendable {
  private let channel: any Channel

  init(_ address: Multiaddr) async throws {
    let port = try #require(address.value(of: "tcp").flatMap { Int($0) })
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: "127.0.0.1", port: port).get()
  }

  func send(_ bytes: [UInt8]) async { try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

  /// Waits until the host has closed the connection.
  func closed() async { try? await channel.closeFuture.get() }
  func close() async { try? await channel.close().get() }
}

@Suite(.serialized, .timeLimit(.minutes(2))) struct HostileTests {
  static let header = Multistream.message(Multistream.header)

  /// Bytes that must each end the connection, at every layer that comes before a peer has proven who it is.
  @Test(
    arguments: [
      Array("GET / HTTP/1.1\r\n\r\n".utf8),
      [UInt8](repeating: 0xff, count: 64),
      Multistream.message("/multistream/9.0.0"),
      // A handshake message of 60 kB, one that is empty, one that is too short, one that is no curve point's.
      header + Multistream.message("/noise") + [0xf0, 0x00],
      header + Multistream.message("/noise") + [0x00, 0x00],
      header + Multistream.message("/noise") + [0x00, 0x05, 1, 2, 3, 4, 5],
      header + Multistream.message("/noise") + [0x00, 0x20] + [UInt8](repeating: 0, count: 32),
    ] as [[UInt8]])
  func malformedBytesEndTheConnection(bytes: [UInt8]) async throws {
    let pair = try await HostPair()
    let raw = try await RawPeer(try #require(pair.listener.listenAddresses.first))
    await raw.send(bytes)
    await raw.closed()
    #expect(pair.listener.connectedPeers.isEmpty)
    try await pair.connect()
    await pair.stop()
  }

  @Test func aPeerThatSaysNothingIsLetGo() async throws {
    let pair = try await HostPair { $0.upgradeTime = .milliseconds(200) }
    let raw = try await RawPeer(try #require(pair.listener.listenAddresses.first))
    await raw.send(Self.header)
    await raw.closed()
    await pair.stop()
  }

  @Test func aCrowdThatSaysNothingDoesNotKeepOthersOut() async throws {
    let pair = try await HostPair {
      $0.limits.pending = 16
      $0.upgradeTime = .seconds(60)
    }
    let address = try #require(pair.listener.listenAddresses.first)
    var crowd: [RawPeer] = []
    for _ in 0..<100 { crowd.append(try await RawPeer(address)) }
    try await pair.connect()
    // Whoever came first is let go to make room.
    await crowd[0].closed()
    for raw in crowd { await raw.close() }
    await pair.stop()
  }

  @Test func peersBeyondTheLimitAreRefused() async throws {
    var options = HostOptions()
    options.listen = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    options.limits.inbound = 4
    let listener = LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "listener"))
    try await listener.start()
    var dialers: [LibP2PHost] = []
    for _ in 0..<8 {
      let dialer = LibP2PHost(identity: try .generate(), logger: Logger(label: "dialer"))
      try? await dialer.connect(
        to: listener.id, addresses: listener.listenAddresses, deadline: .now + .seconds(20))
      dialers.append(dialer)
    }
    while listener.connectedPeers.count < 4 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(listener.connectedPeers.count == 4)
    for dialer in dialers { await dialer.stop() }
    await listener.stop()
  }

  @Test func aPeerThatOpensStreamsWithoutEndIsRefusedThem() async throws {
    let pair = try await HostPair()
    pair.listener.handle("/test/hold/1.0.0", limits: ProtocolLimits(streams: 100, streamsPerPeer: 10)) { stream in
      _ = try await stream.read(upTo: 1)
    }
    try await pair.connect()
    var refused = 0
    var held: [any PeerStream] = []
    for _ in 0..<40 {
      let stream = try await pair.dialer.openStream(
        to: pair.listener.id, protocols: ["/test/hold/1.0.0"], deadline: .now + .seconds(20))
      held.append(stream)
    }
    for stream in held {
      stream.setTimeout(.milliseconds(300))
      do { _ = try await stream.read(upTo: 1) } catch {
        if error.code == .reset { refused += 1 }
      }
    }
    #expect(refused >= 30)
    await pair.stop()
  }

  @Test func aHandlerThatFindsAPeerAtFaultDisconnectsIt() async throws {
    let pair = try await HostPair()
    pair.listener.handle("/test/strict/1.0.0") { stream in
      _ = try await stream.readMessage(maximum: 16)
    }
    try await pair.connect()
    let stream = try await pair.dialer.openStream(
      to: pair.listener.id, protocols: ["/test/strict/1.0.0"], deadline: .now + .seconds(20))
    let events = pair.dialer.events()
    try await stream.write([0xff, 0xff, 0x7f])
    for await event in events { if case .disconnected = event { break } }
    #expect(pair.dialer.connectedPeers.isEmpty)
    await pair.stop()
  }

  @Test func theWrongKeyIsNotBelieved() async throws {
    let pair = try await HostPair()
    let stranger = try HostIdentity.generate().peer
    do {
      try await pair.dialer.connect(
        to: stranger, addresses: pair.listener.listenAddresses, deadline: .now + .seconds(20))
      Issue.record("connected to \(stranger)")
    } catch { #expect(error.detail.contains("expected")) }
    #expect(pair.dialer.dialHistory(of: stranger).count == 1)
    await pair.stop()
  }

  @Test func anAllowListKeepsOthersOutOnBothSides() async throws {
    let friend = try HostIdentity.generate()
    var options = HostOptions()
    options.listen = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    options.allowed = [friend.peer]
    let listener = LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "listener"))
    try await listener.start()
    let guest = LibP2PHost(identity: friend, logger: Logger(label: "friend"))
    try await guest.connect(to: listener.id, addresses: listener.listenAddresses, deadline: .now + .seconds(20))
    _ = try await guest.ping(listener.id, deadline: .now + .seconds(20))
    let stranger = LibP2PHost(identity: try .generate(), logger: Logger(label: "stranger"))
    let events = stranger.events()
    do {
      try await stranger.connect(
        to: listener.id, addresses: listener.listenAddresses, deadline: .now + .seconds(20))
      // The dialer may be through before the listener has seen who it is; the connection ends at once.
      for await event in events { if case .disconnected = event { break } }
    } catch {}
    #expect(stranger.connectedPeers.isEmpty)
    #expect(listener.connectedPeers == [friend.peer])
    await #expect(throws: PeerError.self) {
      try await listener.connect(to: stranger.id, addresses: [], deadline: .now + .seconds(1))
    }
    for host in [listener, guest, stranger] { await host.stop() }
  }

  @Test func aPrivateNetworkIsClosedToThoseWithoutItsKey() async throws {
    let key = [UInt8](repeating: 0x42, count: 32)
    let pair = try await HostPair { $0.networkKey = key }
    try await pair.connect()
    _ = try await pair.dialer.ping(pair.listener.id, deadline: .now + .seconds(20))
    for other in [nil, [UInt8](repeating: 0x43, count: 32)] as [[UInt8]?] {
      var options = HostOptions()
      options.networkKey = other
      options.upgradeTime = .milliseconds(500)
      let stranger = LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "stranger"))
      await #expect(throws: PeerError.self) {
        try await stranger.connect(
          to: pair.listener.id, addresses: pair.listener.listenAddresses, deadline: .now + .seconds(5))
      }
      await stranger.stop()
    }
    await pair.stop()
  }
}
