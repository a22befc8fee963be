import Multiformats
import PeerNetwork
import PeerProtocols
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(2))) struct StreamTimingTests {
  private static let silent = "/test/silent/1.0.0"

  /// Two hosts, of which one reads what comes and never answers.
  private func open(_ body: (any PeerStream) async throws -> Void) async throws {
    let pair = try await HostPair()
    pair.listener.handle(Self.silent) { stream in while try await stream.read(upTo: 1_024) != nil {} }
    try await pair.connect()
    let stream = try await pair.dialer.openStream(
      to: pair.listener.id, protocols: [Self.silent], deadline: .now + .seconds(20))
    try await body(stream)
    await pair.stop()
  }

  /// How long it takes until a read that nobody answers is given up.
  private func waited(
    _ stream: any PeerStream, since began: ContinuousClock.Instant = .now
  ) async throws -> Duration {
    let error = await #expect(throws: PeerError.self) { _ = try await stream.read(upTo: 1) }
    #expect(error?.code == .timedOut)
    return ContinuousClock.now - began
  }

  @Test func aDeadlineThatMovesOnHoldsAtItsLastPlace() async throws {
    try await open { stream in
      let began = ContinuousClock.now
      for step in 1...200 { stream.setTimeout(.milliseconds(100 + 2 * step)) }
      // The first would have been at 102 ms.
      let took = try await waited(stream, since: began)
      #expect(took >= .milliseconds(500))
    }
  }

  @Test func aDeadlineThatComesNearerHoldsSooner() async throws {
    try await open { stream in
      stream.setTimeout(.seconds(100))
      stream.setTimeout(.milliseconds(50))
      let took = try await waited(stream)
      #expect(took < .seconds(50))
    }
  }

  @Test func aDeadlineThatIsTakenBackHoldsNoLonger() async throws {
    try await open { stream in
      stream.setTimeout(.milliseconds(20))
      stream.setDeadline(nil)
      try await Task.sleep(for: .milliseconds(100))
      try await stream.write([1])
      stream.setTimeout(.milliseconds(50))
      let took = try await waited(stream)
      #expect(took < .seconds(50))
    }
  }

  @Test func aTaskMayRunWhereTheBytesComeAndGo() async throws {
    let pair = try await HostPair()
    let name = "/test/near/1.0.0"
    pair.listener.handle(name) { stream in
      try await withTaskExecutorPreference(stream.executor) {
        while let bytes = try await stream.read(upTo: 100_000) { try await stream.write(bytes) }
      }
      try await stream.closeWrite()
    }
    try await pair.connect()
    let stream = try await pair.dialer.openStream(
      to: pair.listener.id, protocols: [name], deadline: .now + .seconds(20))
    #expect(stream.executor != nil)
    // Beyond every window and buffer, so that both sides wait for each other.
    let sent = (0..<(6 << 20)).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
    let writer = Task {
      try await stream.write(sent)
      try await stream.closeWrite()
    }
    let received = try await withTaskExecutorPreference(stream.executor) { try await stream.readExactly(sent.count) }
    #expect(received == sent)
    try await writer.value
    await pair.stop()
  }

  @Test func whoComesAndGoesIsToldInOrder() async throws {
    let pair = try await HostPair()
    let (here, there) = (pair.dialer.events(), pair.listener.events())
    let rounds = 40
    for _ in 0..<rounds {
      try await pair.connect()
      // The other side may hear of the end while it still tells of the beginning.
      pair.dialer.disconnect(pair.listener.id, reason: "the test goes on")
      while !pair.dialer.connectedPeers.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    }
    await pair.stop()
    for events in [here, there] {
      var isConnected = false
      var arrivals = 0
      for await event in events {
        switch event {
        case .connected:
          #expect(!isConnected)
          isConnected = true
          arrivals += 1
        case .identified: #expect(isConnected)
        case .disconnected:
          #expect(isConnected)
          isConnected = false
        default: break
        }
      }
      #expect(arrivals > 0)
    }
  }
}
