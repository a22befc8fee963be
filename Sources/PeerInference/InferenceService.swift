package import ModelInterface
internal import Multiformats
package import PeerProtocols
internal import Synchronization

/// A node's part in answering for others, and in being answered by them.
package final class InferenceService: Sendable {
  /// How the part is played.
  package struct Options: Sendable {
    package var asking = AskingOptions()
    package var serving = InferenceServer.Limits()
    package var auditing = Auditor.Options()
    /// Whether this node answers for others.
    package var serves = true
    /// Where the node stands, as told to others.
    package var region: String?
    /// How often the offer is renewed where nothing changes.
    package var offerInterval: Duration = .seconds(15)

    package init() {}
  }

  /// Where offers go around.
  package static let offerTopic = "/prsm/offers/1"
  /// Peers that are asked for their offers at one time.
  private static let parallelQuestions = 16

  package let asker: PeerAsker
  package let server: InferenceServer
  package let auditor: Auditor
  private let host: any PeerHost
  private let options: Options
  private let topics: (any TopicExchange)?
  private let directory: (any ProviderDirectory)?
  /// This node's models, with weights and prices, without measurements.
  private let catalog: @Sendable () async -> [ModelOffer]
  private let clock: @Sendable () -> Int
  /// What the DHT was told.
  private let announced = Mutex<Set<Multihash>>([])
  private let box: OfferBox
  private let receipts: ReceiptStore?
  /// Peers that are being asked for their offers.
  private let questions = Mutex(0)

  /// - Parameters:
  ///   - local: this node's own engine.
  ///   - catalog: what this node offers.
  ///   - clock: milliseconds since 1970.
  ///   - log: takes a sentence about a peer's conduct.
  package init(
    host: any PeerHost, local: any ModelProvider, options: Options, topics: (any TopicExchange)?,
    directory: (any ProviderDirectory)?, receipts: ReceiptStore?, catalog: @escaping @Sendable () async -> [ModelOffer],
    clock: @escaping @Sendable () -> Int, log: @escaping @Sendable (String) -> Void
  ) {
    self.host = host
    self.options = options
    self.topics = topics
    self.directory = directory
    self.catalog = catalog
    self.clock = clock
    self.receipts = receipts
    let asking = PeerAsker(host: host, options: options.asking, directory: directory, receipts: receipts, log: log)
    asker = asking
    let terms: @Sendable (String) async -> ModelOffer? = { name in
      await catalog().first { $0.name == name || $0.aliases.contains(name) }
    }
    let own = OfferBox()
    server = InferenceServer(
      host: host, local: local, limits: options.serving, receipts: receipts, terms: terms,
      serves: options.serves,
      offers: { (own.value().map { [$0] } ?? []) + asking.signedOffers(limit: InferenceFrame.maximumOffers - 1) },
      clock: clock)
    auditor = Auditor(
      asker: asking, host: host, options: options.auditing, topics: topics, receipts: receipts, local: local,
      localOffer: terms, hour: { clock() / 3_600_000 })
    box = own
    // Before the host tells anybody what this node speaks.
    server.start()
  }

  /// The signed offer that the server hands out; set once this node knows what it has.
  private final class OfferBox: Sendable {
    private let signed = Mutex<[UInt8]?>(nil)
    func value() -> [UInt8]? { signed.withLock { $0 } }
    func set(_ value: [UInt8]) { signed.withLock { $0 = value } }
  }

  /// Whether this node answers for others.
  package var serves: Bool { options.serves }

  /// The models of other nodes.
  package var provider: PeerModelProvider { PeerModelProvider(asker: asker) }

  /// Plays the part until cancelled.
  package func run() async {
    let events = host.events()
    await renew()
    topics?.follow(Self.offerTopic) { [asker] message in
      asker.judge(message)
    } deliver: { _ in
    }
    await withDiscardingTaskGroup { group in
      group.addTask { await self.follow(events) }
      group.addTask { await self.keepOffering() }
      group.addTask { await self.auditor.run() }
      if let receipts { group.addTask { await Self.keepWriting(receipts) } }
    }
    server.stop()
  }

  private func follow(_ events: AsyncStream<PeerEvent>) async {
    await withDiscardingTaskGroup { group in
      func ask(_ peer: PeerID) {
        let isAllowed = questions.withLock { count in
          guard count < Self.parallelQuestions else { return false }
          count += 1
          return true
        }
        // Whoever is not asked now is heard of by gossip.
        guard isAllowed else { return }
        group.addTask {
          await self.question(peer)
          self.questions.withLock { $0 -= 1 }
        }
      }
      for peer in host.connectedPeers where host.protocols(of: peer).contains(InferenceFrame.protocolName) { ask(peer) }
      for await event in events {
        if case .identified(let peer, let protocols) = event, protocols.contains(InferenceFrame.protocolName) {
          ask(peer)
        }
      }
    }
  }

  /// Asks a peer what it offers, and again where it has only just started and does not know yet.
  private func question(_ peer: PeerID) async {
    for _ in 0..<6 {
      do throws(PeerError) {
        try await asker.askForOffers(peer)
      } catch {
        return
      }
      guard !asker.offers.contains(where: { $0.peer == peer }) else { return }
      guard (try? await Task.sleep(for: .milliseconds(300))) != nil else { return }
    }
  }

  /// Writes receipts that the disk has refused, once there is room again.
  private static func keepWriting(_ receipts: ReceiptStore) async {
    while (try? await Task.sleep(for: .seconds(5))) != nil { receipts.retry() }
  }

  private func keepOffering() async {
    var lastLoad = 0
    var last = ContinuousClock.now
    publish()
    while (try? await Task.sleep(for: .milliseconds(500))) != nil {
      let load = server.running
      let elapsed = ContinuousClock.now - last
      // A change of load is worth a word, but not many a second.
      guard elapsed >= options.offerInterval || (load != lastLoad && elapsed >= .seconds(2)) else { continue }
      lastLoad = load
      last = ContinuousClock.now
      await renew()
      publish()
    }
  }

  private func publish() {
    guard options.serves, let signed = box.value() else { return }
    try? topics?.publish(signed, topic: Self.offerTopic)
  }

  /// Makes the offer anew, and announces what is new of it in the DHT.
  private func renew() async {
    guard options.serves else { return }
    var models = await catalog()
    for index in models.indices { models[index].tokensPerSecond = server.speed(of: models[index].name) }
    let made = PeerOffer(
      peer: host.id, sequence: UInt64(clock()), models: models, region: options.region, running: server.running,
      capacity: server.capacity, addresses: host.announcedAddresses)
    if let signed = try? made.signed(by: host) { box.set(signed) }
    let keys = Set(models.flatMap(PeerOffer.keys))
    let (new, old) = announced.withLock { known in
      defer { known = keys }
      return (keys.subtracting(known), known.subtracting(keys))
    }
    for key in new { directory?.announce(key) }
    for key in old { directory?.withdraw(key) }
  }
}
