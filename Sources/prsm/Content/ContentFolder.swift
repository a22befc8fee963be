import Access
import Content
import Foundation
import Synchronization

/// The content of a data folder, opened by whoever holds it: a node, or a command where no node runs.
struct ContentFolder: Sendable {
  let keeper: ContentKeeper
  let blocks: NetworkedBlocks
  let names: NameResolver
  let records: RecordFolder
  /// Gateways that missing blocks are fetched from.
  let places: [any BlockExchange]
  let links: FixedDomainLinks

  var store: BlockStore { keeper.store }

  /// How long a command waits while others are at work there, of which each holds it in turn.
  private static let patience: Duration = .seconds(60)

  /// Opens it, waiting where another command is at work there.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func open(
    _ configuration: Configuration, peers: PeersExchange? = nil
  ) async throws(CommandFailure) -> ContentFolder {
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    let path = folder.path + "/content"
    var options = BlockStore.Options()
    options.capacity = configuration.contentQuota.map { UInt64($0) }
    let deadline = ContinuousClock.now + patience
    while true {
      do throws(ContentError) {
        let store = try BlockStore(folder: path, options: options)
        let gateways = configuration.contentGateways.map { TrustlessGateway(url: $0, fetcher: HTTPFetcher()) }
        let places: [any BlockExchange] = (peers.map { [$0] } ?? []) + gateways
        let links = FixedDomainLinks(configuration.contentLinks)
        let domains: [any DomainLinkSource] =
          [links] + (configuration.contentDNSLink ? [DNSLink(DNSResolver(configuration))] : [])
        let records = try RecordFolder(folder: path + "/names")
        let keeper = ContentKeeper(store: store, uses: UseLedger(folder: path), quota: options.capacity)
        keeper.makeRoomForAdds(now: now)
        return ContentFolder(
          keeper: keeper, blocks: NetworkedBlocks(store, exchanges: places),
          names: NameResolver(records: [records], domains: DomainLinks(domains), now: now),
          records: records, places: places, links: links)
      } catch {
        guard error.code == .busy, ContinuousClock.now < deadline else { throw CommandFailure(error) }
      }
      do { try await Task.sleep(for: .milliseconds(Int.random(in: 10...30))) } catch { throw .unavailable("cancelled") }
    }
  }

  /// Seconds since 1970.
  static let now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

  /// Writes what would make the next opening slow, or would be forgotten.
  func close() {
    try? keeper.uses.write()
    try? store.close()
  }
}

extension CommandFailure {
  /// What a fault of content means for the shell.
  init(_ error: ContentError) {
    switch error.code {
    case .missing, .notFound, .wrongKind, .denied, .corrupt, .malformed, .unsupported, .tooLarge:
      self.init(.no, error.detail)
    case .quota, .storage, .busy, .timedOut: self.init(.unavailable, error.detail)
    }
  }
}

/// Runs what throws faults of content, and gives them as failures of the command.
func content<Value>(_ body: () async throws(ContentError) -> Value) async throws(CommandFailure) -> Value {
  do throws(ContentError) { return try await body() } catch { throw CommandFailure(error) }
}
