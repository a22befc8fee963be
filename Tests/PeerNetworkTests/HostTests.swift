import Content
import Logging
import Multiformats
import PeerNetwork
import PeerProtocols
import Testing

/// Two hosts on loopback.
struct HostPair {
  let dialer: LibP2PHost
  let listener: LibP2PHost

  init(_ change: (inout HostOptions) -> Void = { _ in }) async throws {
    var options = HostOptions()
    change(&options)
    dialer = LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "dialer"))
    options.listen = [try Multiaddr("/ip4/127.0.0.1/tcp/0")]
    listener = LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: "listener"))
    try await listener.start()
  }

  func connect() async throws {
    try await dialer.connect(
      to: listener.id, addresses: listener.listenAddresses, deadline: .now + .seconds(20))
  }

  func stop() async {
    await dialer.stop()
    await listener.stop()
  }
}

@Suite(.timeLimit(.minutes(2))) struct HostTests {
  @Test func twoHostsConnectIdentifyAndPing() async throws {
    let pair = try await HostPair()
    let events = pair.dialer.events()
    try await pair.connect()
    let roundTrip = try await pair.dialer.ping(pair.listener.id, deadline: .now + .seconds(20))
    #expect(roundTrip > .zero)
    var spoken: Set<String>?
    for await event in events {
      if case .identified(let peer, let protocols) = event {
        #expect(peer == pair.listener.id)
        spoken = protocols
        break
      }
    }
    #expect(spoken?.contains("/ipfs/ping/1.0.0") == true)
    #expect(pair.dialer.connectedPeers == [pair.listener.id])
    #expect(pair.dialer.connections(of: pair.listener.id).count == 1)
    await pair.stop()
  }

  @Test func bytesArriveInOrderBothWaysBeyondEveryWindow() async throws {
    let pair = try await HostPair()
    pair.listener.handle("/test/echo/1.0.0") { stream in
      while let bytes = try await stream.read(upTo: 100_000) { try await stream.write(bytes) }
      try await stream.closeWrite()
    }
    try await pair.connect()
    let stream = try await pair.dialer.openStream(
      to: pair.listener.id, protocols: ["/test/none/1.0.0", "/test/echo/1.0.0"], deadline: .now + .seconds(20))
    #expect(stream.protocolName == "/test/echo/1.0.0")
    let sent = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8 ^ $0 >> 16) }
    let writer = Task {
      var offset = 0
      while offset < sent.count {
        let count = min(300_000, sent.count - offset)
        try await stream.write(Array(sent[offset..<(offset + count)]))
        offset += count
      }
      try await stream.closeWrite()
    }
    let received = try await stream.readExactly(sent.count)
    #expect(received == sent)
    #expect(try await stream.read(upTo: 1) == nil)
    try await writer.value
    await pair.stop()
  }

  @Test func `bytes that nobody reads are held as long as their stream, and no longer`() async throws {
    let pair = try await HostPair()
    let (released, release) = AsyncStream.makeStream(of: Void.self)
    pair.listener.handle("/test/deaf/1.0.0") { stream in
      try await stream.closeWrite()
      for await _ in released {}
    }
    try await pair.connect()
    let stream = try await pair.dialer.openStream(
      to: pair.listener.id, protocols: ["/test/deaf/1.0.0"], deadline: .now + .seconds(20))
    try await stream.write([UInt8](repeating: 7, count: 1_000))
    try await stream.closeWrite()
    #expect(try await stream.read(upTo: 1) == nil)
    // What was sent before the ping has come when it is answered: both sides of the stream have ended.
    _ = try await pair.dialer.ping(pair.listener.id, deadline: .now + .seconds(20))
    #expect(pair.listener.bufferedBytes >= 1_000)
    release.finish()
    while pair.listener.bufferedBytes > 0 { try await Task.sleep(for: .milliseconds(5)) }
    await pair.stop()
  }
}
