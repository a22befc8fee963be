import Access
import Content
import Gateway
import Logging
import ServiceLifecycle

/// A node's content: the store that it holds, its gateway and its API.
struct ContentPart: Sendable {
  let folder: ContentFolder
  let identity: NodeIdentity
  let gateway: ContentGateway
  let api: ContentAPI

  /// What is here, for those who serve it to peers.
  var store: BlockStore { folder.store }
  /// What is here and what can be found; peers add themselves to it.
  var blocks: NetworkedBlocks { folder.blocks }
  /// Names; a place to look for records can be added to it.
  var names: NameResolver { folder.names }
  var modules: [any GatewayModule] { [gateway, api] }

  /// Opens the content of the data folder, which the caller holds.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable`.
  static func open(
    _ configuration: Configuration, peers: PeersExchange? = nil
  ) async throws(CommandFailure) -> ContentPart {
    let folder = try await ContentFolder.open(configuration, peers: peers)
    let identity: NodeIdentity
    do throws(AccessError) {
      identity = try NodeIdentity.loadOrCreate(in: DataFolder(path: configuration.dataDir).path)
    } catch {
      throw .unavailable(error.description)
    }
    var options = ContentGateway.Options(now: ContentFolder.now)
    options.hosts = Set(configuration.contentHosts.map { $0.lowercased() })
    options.domains = folder.links.domains
    options.access = configuration.contentIsOpen ? .open : .authenticated
    options.isSecure = configuration.certificate != nil
    options.onRead = { folder.keeper.uses.used($0, now: ContentFolder.now()) }
    return ContentPart(
      folder: folder, identity: identity,
      gateway: ContentGateway(blocks: folder.blocks, here: folder.store, names: folder.names, options: options),
      api: ContentAPI(
        keeper: folder.keeper, blocks: folder.blocks, names: folder.names, places: folder.places,
        now: ContentFolder.now))
  }

  /// Host names under which this part is reached, besides the node's own.
  var hosts: Set<String> {
    var hosts = folder.links.domains
    for host in gateway.hosts where host != "localhost" { hosts.formUnion([host, "*." + host]) }
    return hosts
  }
}

/// Keeps the store tidy while the node runs, and closes it when everything in front of it has ended.
struct ContentService: Service {
  let part: ContentPart
  let logger: Logger

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(60))
        await part.api.sweep()
        do throws(ContentError) {
          try part.folder.keeper.uses.write()
        } catch {
          logger.warning("the use of content was not written down", metadata: ["reason": "\(error)"])
        }
      }
    }
    part.folder.close()
  }
}
