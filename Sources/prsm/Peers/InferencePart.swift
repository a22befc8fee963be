import Foundation
import Gateway
import LlamaEngine
import Logging
import ModelCatalog
import ModelInterface
import Multiformats
import PeerInference
import PeerNetwork
import PeerProtocols
import PeerServices
import ServiceLifecycle
import Synchronization

/// What a node does with its peers beyond exchanging blocks: the DHT, gossip, multicast DNS, and inference.
struct InferencePart: Sendable {
  let host: LibP2PHost
  let configuration: InferenceConfiguration
  let tables: [KademliaService]
  /// Who provides what, by the DHTs.
  let directory: CombinedDirectory
  let gossip: GossipService
  let inference: InferenceService
  let receipts: ReceiptStore
  private let mdns: MDNSService?
  let reachability: ReachabilityPart

  /// - Parameters:
  ///   - local: what answers for peers; only this machine's own models.
  /// - Throws: ``CommandFailure`` of status `unavailable` where the data folder cannot be written.
  init(
    host: LibP2PHost, configuration: InferenceConfiguration, local: any ModelProvider, models: ModelFolder,
    dataDir: String, logger: Logger
  ) throws(CommandFailure) {
    self.host = host
    self.configuration = configuration
    let now: @Sendable () -> Int = { Int(Date().timeIntervalSince1970 * 1_000) }
    let validators: [any RecordValidator] = [
      PublicKeyValidator(), IPNSValidator(now: { Int64(Date().timeIntervalSince1970) }),
    ]
    let mode: Kademlia.Mode = configuration.dhtMode == "server" ? .server : .client
    let protocols =
      configuration.dhtMode == "off" ? [] : [KademliaMessage.publicProtocol, KademliaMessage.localProtocol]
    tables = protocols.map { name in
      KademliaService(
        host: host, protocolName: name, mode: mode, validators: validators, seed: .random(in: 0...UInt64.max))
    }
    gossip = GossipService(
      host: host, firstSequence: UInt64(max(0, now())) &* 1_000_000, seed: .random(in: 0...UInt64.max))
    do throws(PeerError) {
      receipts = try ReceiptStore(
        path: dataDir + "/peers.receipts", report: { sentence in logger.warning("\(sentence)") })
    } catch {
      throw .unavailable(error.detail)
    }
    directory = CombinedDirectory(tables)
    let catalog = OfferCatalog(
      models: models, promptPrice: UInt64(configuration.promptPrice),
      completionPrice: UInt64(configuration.completionPrice))
    inference = InferenceService(
      host: host, local: local, options: configuration.options, topics: gossip, directory: directory,
      receipts: receipts, catalog: { await catalog.offers() }, clock: now,
      log: { sentence in logger.notice("\(sentence)") })
    let seconds: @Sendable () -> UInt64 = { UInt64(max(0, Date().timeIntervalSince1970)) }
    reachability = ReachabilityPart(host: host, configuration: configuration, seconds: seconds, logger: logger)
    mdns = configuration.usesMDNS ? MDNSService(host: host, logger: logger) : nil
  }

  /// Nil where the node has no peers.
  static func open(
    _ configuration: Configuration, peers: PeersPart?, engine: LocalModels, corrupts: Bool, models: ModelFolder,
    logger: Logger
  ) throws(CommandFailure) -> InferencePart? {
    guard let peers else { return nil }
    let local: any ModelProvider = corrupts ? CorruptingProvider(honest: engine) : engine
    let part = try InferencePart(
      host: peers.host, configuration: configuration.inference, local: local, models: models,
      dataDir: configuration.dataDir, logger: logger)
    peers.search.add("DHT") { peer, _ in await part.find(peer) }
    return part
  }

  /// The models of peers; nil where they are not to be asked.
  var provider: PeerModelProvider? { configuration.isOn ? inference.provider : nil }

  var module: any GatewayModule { InferenceModule(part: self) }

  /// Looks for a peer in the DHT.
  func find(_ peer: PeerID) async -> [Multiaddr] {
    for table in tables {
      if let contact = try? await table.find(peer) {
        return contact.addresses.isEmpty ? host.addressBook.addresses(of: peer) : contact.addresses
      }
    }
    return []
  }

  var service: any Service { InferencePartService(part: self) }

  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for table in tables { group.addTask { await table.run() } }
      group.addTask { await gossip.run() }
      group.addTask { await inference.run() }
      group.addTask { await reachability.run() }
      if let mdns { group.addTask { await mdns.run() } }
      await group.waitForAll()
    }
  }
}

/// Runs the part until the node stops.
private struct InferencePartService: Service {
  let part: InferencePart

  func run() async throws {
    await cancelWhenGracefulShutdown { await part.run() }
    try? await gracefulShutdown()
  }
}

/// What this node offers of its catalogue, remembered for a moment.
private final class OfferCatalog: Sendable {
  private static let lifetime = Duration.seconds(2)

  private let models: ModelFolder
  private let promptPrice: UInt64
  private let completionPrice: UInt64
  private let known = Mutex<(at: ContinuousClock.Instant, offers: [ModelOffer])?>(nil)

  init(models: ModelFolder, promptPrice: UInt64, completionPrice: UInt64) {
    self.models = models
    self.promptPrice = promptPrice
    self.completionPrice = completionPrice
  }

  func offers() async -> [ModelOffer] {
    if let known = known.withLock({ $0 }), ContinuousClock.now - known.at < Self.lifetime { return known.offers }
    let checksums = Dictionary(((try? await models.models()) ?? []).map { ($0.name, $0.sha256) }) { first, _ in first }
    let offers = await models.entries().map { entry in
      var offer = ModelOffer(name: entry.name)
      offer.aliases = entry.aliases.filter { $0 != ModelFolder.defaultName }
      offer.weights = checksums[entry.name].flatMap(Self.weights)
      offer.contextLength = entry.contextLength
      offer.parameterCount = entry.parameterCount
      offer.quantization = entry.quantization
      offer.architecture = entry.architecture
      offer.promptPrice = promptPrice
      offer.completionPrice = completionPrice
      return offer
    }
    known.withLock { $0 = (.now, offers) }
    return offers
  }

  /// The CID of a file of that SHA2-256, as one raw block would have it.
  private static func weights(_ hex: String) -> CID? {
    let digits = Array(hex.utf8)
    guard digits.count == 64 else { return nil }
    var digest: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
        return nil
      }
      digest.append(byte)
    }
    return CID(codec: .raw, multihash: Multihash(sha256: digest))
  }
}
