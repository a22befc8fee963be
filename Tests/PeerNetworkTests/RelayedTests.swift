import Logging
import Multiformats
import PeerNetwork
import PeerProtocols
import PeerServices
import Testing

/// A relay, a node that can be reached through it alone, and one that calls it: real hosts on loopback.
@Suite(.timeLimit(.minutes(2))) struct RelayedTests {
  private static let seconds: @Sendable () -> UInt64 = { 1_700_000_000 }

  private final class Network: Sendable {
    let relay: LibP2PHost
    let hidden: LibP2PHost
    let caller: LibP2PHost
    let server: RelayServer
    let hiddenClient: RelayClient
    let callerClient: RelayClient
    let keeper: RelayKeeper
    let hiddenPuncher: HolePuncher?
    let callerPuncher: HolePuncher?
    private let running: [Task<Void, Never>]

    /// - Parameter upgrades: whether the two make direct connections of relayed ones.
    init(hiddenListens: Bool, callerListens: Bool, upgrades: Bool) async throws {
      func host(_ listens: Bool, _ name: String) throws -> LibP2PHost {
        var options = HostOptions()
        options.listen = listens ? [try Multiaddr("/ip4/127.0.0.1/tcp/0")] : []
        return LibP2PHost(identity: try .generate(), options: options, logger: Logger(label: name))
      }
      let relay = try host(true, "relay")
      let hidden = try host(hiddenListens, "hidden")
      let caller = try host(callerListens, "caller")
      self.relay = relay
      self.hidden = hidden
      self.caller = caller
      server = RelayServer(host: relay, seconds: RelayedTests.seconds)
      hiddenClient = RelayClient(host: hidden, seconds: RelayedTests.seconds)
      callerClient = RelayClient(host: caller, seconds: RelayedTests.seconds)
      hidden.addTransport(hiddenClient)
      caller.addTransport(callerClient)
      keeper = RelayKeeper(host: hidden, client: hiddenClient, isNeeded: { true })
      hiddenPuncher = upgrades ? HolePuncher(host: hidden) : nil
      callerPuncher = upgrades ? HolePuncher(host: caller) : nil
      for host in [relay, hidden, caller] { try await host.start() }
      let keeper = self.keeper
      let punchers = [hiddenPuncher, callerPuncher].compactMap(\.self)
      running = [Task { await keeper.run() }] + punchers.map { puncher in Task { await puncher.run() } }
      hidden.handle("/test/echo/1.0.0") { stream in
        while let bytes = try await stream.read(upTo: 1_000) { try await stream.write(bytes) }
        try await stream.closeWrite()
      }
      try await hidden.connect(to: relay.id, addresses: relay.listenAddresses, deadline: .now + .seconds(20))
      while keeper.held.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// The addresses by which the hidden node tells others to reach it, without its own.
    var circuits: [Multiaddr] {
      hidden.announcedAddresses.filter { $0.value(of: "p2p-circuit") != nil }
    }

    func echo(_ text: String) async throws -> String {
      let stream = try await caller.openStream(
        to: hidden.id, protocols: ["/test/echo/1.0.0"], deadline: .now + .seconds(20))
      try await stream.write(Array(text.utf8))
      try await stream.closeWrite()
      let bytes = try await stream.readExactly(text.utf8.count)
      return String(decoding: bytes, as: UTF8.self)
    }

    func stop() async {
      for task in running { task.cancel() }
      for host in [caller, hidden, relay] { await host.stop() }
    }
  }

  @Test func `a node that cannot be reached is called through the relay where it has a place`() async throws {
    let network = try await Network(hiddenListens: false, callerListens: false, upgrades: false)
    #expect(network.keeper.held == [network.relay.id])
    let circuit = try #require(network.circuits.first)
    #expect(circuit.value(of: "p2p") == "\(network.relay.id)")
    try await network.caller.connect(
      to: network.hidden.id, addresses: [circuit], deadline: .now + .seconds(20))
    let connection = try #require(network.caller.connections(of: network.hidden.id).first)
    #expect(connection.isRelayed && connection.isLimited)
    #expect(try await network.echo("through the relay") == "through the relay")
    // The relay passes on what it cannot read, and stays within its bounds.
    let much = String(repeating: "x", count: 200_000)
    await #expect(throws: (any Error).self) { try await network.echo(much) }
    await network.stop()
  }

  @Test func `whoever calls through a relay and can be dialled is dialled`() async throws {
    let network = try await Network(hiddenListens: false, callerListens: true, upgrades: true)
    try await network.caller.connect(
      to: network.hidden.id, addresses: network.circuits, deadline: .now + .seconds(20))
    while !network.caller.connections(of: network.hidden.id).contains(where: { !$0.isRelayed }) {
      try await Task.sleep(for: .milliseconds(10))
    }
    // New streams take the direct way.
    #expect(try await network.echo("directly") == "directly")
    while network.hiddenPuncher?.counts.dialled == 0 { try await Task.sleep(for: .milliseconds(10)) }
    #expect(network.hiddenPuncher?.counts.failed == 0)
    await network.stop()
  }

  @Test func `who cannot be dialled is told when to dial, and comes through`() async throws {
    let network = try await Network(hiddenListens: true, callerListens: false, upgrades: true)
    try await network.caller.connect(
      to: network.hidden.id, addresses: network.circuits, deadline: .now + .seconds(20))
    while !network.hidden.connections(of: network.caller.id).contains(where: { !$0.isRelayed }) {
      try await Task.sleep(for: .milliseconds(10))
    }
    while network.hiddenPuncher?.counts.punched == 0 { try await Task.sleep(for: .milliseconds(10)) }
    #expect(try await network.echo("directly") == "directly")
    await network.stop()
  }

  @Test func `a place ends with the connection to the relay, and nobody is told of it any more`() async throws {
    let network = try await Network(hiddenListens: false, callerListens: false, upgrades: false)
    #expect(!network.circuits.isEmpty)
    network.hidden.disconnect(network.relay.id, reason: "the test ends it")
    while !network.circuits.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    #expect(network.keeper.held.isEmpty)
    // Whoever is called at a relay where it has no place cannot be reached, and the error says so.
    let circuit = try Multiaddr("\(network.relay.listenAddresses[0])/p2p/\(network.relay.id)/p2p-circuit")
    let error = await #expect(throws: PeerError.self) {
      try await network.caller.connect(
        to: network.hidden.id, addresses: [circuit], deadline: .now + .seconds(20))
    }
    #expect(error?.detail.contains("noReservation") == true)
    await network.stop()
  }
}
