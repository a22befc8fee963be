import Access
import Content
import Foundation
import Gateway
import Logging
import ModelInterface
import Multiformats
import PeerNetwork
import PeerProtocols
import ServiceLifecycle
import Synchronization
import Telemetry

/// The peers' part of a node: its host, bitswap over it, and what watches both. There is one only where the node is told to
/// listen to peers, or to know some.
struct PeersPart: Sendable {
  let host: LibP2PHost
  let bitswap: Bitswap
  let settings: PeersConfiguration
  let logger: Logger
  let search: PeerSearch

  /// - Parameters:
  ///   - secret: the node's Ed25519 seed.
  ///   - blocks: what peers are served from; what comes from them is put by whoever asked.
  /// - Throws: ``CommandFailure`` of status `usage` where the network key cannot be read.
  init(
    _ settings: PeersConfiguration, secret: [UInt8], blocks: any LocalBlocks, dataDir: String, resolver: DNSResolver,
    logger: Logger
  ) throws(CommandFailure) {
    var options = HostOptions()
    options.resolver = resolver
    options.listen = settings.listen
    options.announce = settings.announce
    options.allowed = settings.allowed.isEmpty ? nil : Set(settings.allowed)
    options.trimming = ConnectionTrimming(low: settings.lowWater, high: settings.highWater)
    options.addressBookFile = dataDir + "/peers.addresses"
    options.agentVersion = "prsm/\(PRSM.version)"
    if let file = settings.networkKeyFile {
      guard let data = FileManager.default.contents(atPath: file), data.count <= 4_096 else {
        throw .usage("peers.network-key: \(file) cannot be read")
      }
      do throws(PeerError) { options.networkKey = try NetworkKey.parse(Array(data)) } catch {
        throw .usage("peers.network-key: \(file): \(error.detail)")
      }
    }
    do throws(PeerError) {
      host = LibP2PHost(identity: try HostIdentity(secret: secret), options: options, logger: logger)
    } catch {
      throw .usage(error.detail)
    }
    bitswap = Bitswap(host: host, blocks: blocks, logger: logger)
    search = PeerSearch()
    self.settings = settings
    self.logger = logger
  }

  var service: any Service { PeersService(part: self) }
  var module: any GatewayModule { PeersModule(host: host, bitswap: bitswap, search: search) }

  /// Metrics by protocol, and of the host.
  func addMetrics(to metrics: MetricsRegistry) {
    let host = host
    let bitswap = bitswap
    func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double?) {
      metrics.add(.init(name, help: help, kind: .gauge, read: read))
    }
    gauge("prsm_peers_connected", "Peers with an open connection.") { Double(host.connectedPeers.count) }
    gauge("prsm_peers_unread_bytes", "Bytes from peers that wait to be read.") { Double(host.bufferedBytes) }
    gauge("prsm_bitswap_wants", "Blocks that this node waits for.") { Double(bitswap.wantedCIDs.count) }
    metrics.add(
      .init("prsm_bitswap_duplicates_total", help: "Blocks that came though nobody waited for them.", kind: .counter) {
        Double(bitswap.duplicates)
      })
    func byProtocol(
      _ name: String, _ help: String, _ read: @escaping @Sendable (ProtocolTraffic) -> (in: UInt64, out: UInt64)
    ) {
      metrics.add(
        MetricsRegistry.Readings(name, help: help, kind: .counter, labels: ["protocol", "direction"]) {
          host.traffic.flatMap { (name, traffic) -> [(values: [String], value: Double)] in
            let (incoming, outgoing) = read(traffic)
            return [
              (values: [name, "in"], value: Double(incoming)), (values: [name, "out"], value: Double(outgoing)),
            ]
          }
        })
    }
    byProtocol("prsm_peer_bytes_total", "Bytes of streams, by protocol.") {
      ($0.bytesIn.load(ordering: .relaxed), $0.bytesOut.load(ordering: .relaxed))
    }
    byProtocol("prsm_peer_streams_total", "Streams opened, by protocol and by who opened them.") {
      ($0.streamsIn.load(ordering: .relaxed), $0.streamsOut.load(ordering: .relaxed))
    }
  }
}

/// Ways to find the addresses of a peer, such as a DHT; added once they are up.
final class PeerSearch: Sendable {
  typealias Find = @Sendable (PeerID, ContinuousClock.Instant) async -> [Multiaddr]

  private let ways = Mutex<[(name: String, find: Find)]>([])

  func add(_ name: String, _ find: @escaping Find) { ways.withLock { $0.append((name, find)) } }

  /// Asks all ways, one after the other until one knows; gives the name of the one that did.
  func find(_ peer: PeerID, by deadline: ContinuousClock.Instant) async -> (addresses: [Multiaddr], by: String)? {
    for way in ways.withLock({ $0 }) {
      let found = await way.find(peer, deadline)
      if !found.isEmpty { return (found, way.name) }
    }
    return nil
  }
}

/// Runs the host and bitswap, and keeps connections to the peers that the configuration names.
struct PeersService: Service {
  let part: PeersPart

  func run() async throws {
    do throws(PeerError) { try await part.host.start() } catch {
      throw CommandFailure.unavailable("peers.listen: \(error.detail)")
    }
    for address in part.host.listenAddresses {
      Output.note("  to peers        \(address.appending(peer: part.host.id))")
    }
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await part.host.run() }
        group.addTask { await part.bitswap.run() }
        group.addTask { await keepFriends() }
        await group.waitForAll()
      }
    }
    try? await gracefulShutdown()
  }

  /// Connects to the configured peers, and again where a connection ends.
  private func keepFriends() async {
    let friends = part.settings.bootstrap.compactMap { address in address.peer.map { ($0, address) } }
    for (peer, _) in friends { part.host.protect(peer, "bootstrap") }
    var pause = Duration.seconds(1)
    while !Task.isCancelled {
      var isMissing = false
      for (peer, address) in friends where part.host.connections(of: peer).isEmpty {
        do throws(PeerError) {
          try await part.host.connect(to: peer, addresses: [address], deadline: .now + .seconds(15))
        } catch {
          isMissing = true
          part.logger.debug("bootstrap", metadata: ["peer": "\(peer)", "reason": "\(error.detail)"])
        }
      }
      pause = isMissing ? min(pause * 2, .seconds(60)) : .seconds(5)
      try? await Task.sleep(for: pause)
    }
  }
}

extension PeersPart {
  /// The peers of a node, or nil where its configuration wants none.
  ///
  /// - Parameters:
  ///   - store: what peers are served from.
  ///   - exchange: the place in the store's search where bitswap belongs.
  /// - Throws: ``CommandFailure``.
  static func open(
    _ configuration: Configuration, identity: NodeIdentity, store: any LocalBlocks, exchange: PeersExchange,
    metrics: MetricsRegistry, logger: Logger
  ) throws(CommandFailure) -> PeersPart? {
    guard configuration.peers.isOn else { return nil }
    let part = try PeersPart(
      configuration.peers, secret: identity.secret, blocks: store,
      dataDir: DataFolder(path: configuration.dataDir).path, resolver: DNSResolver(configuration), logger: logger)
    exchange.set(part.bitswap)
    part.addMetrics(to: metrics)
    return part
  }
}
