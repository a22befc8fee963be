import Access
import Foundation
import Gateway
import LlamaEngine
import Logging
import ModelCatalog
import ModelInterface
import Orchestration
import Providers
import ServiceLifecycle
import Synchronization
import Telemetry
import UnixSignals

/// A node: all rooms wired together, from the configuration to the open port, until it is told to stop.
struct Node {
  let configuration: Configuration
  let origin: ConfigurationOrigin
  let environment: [String: String]
  /// Whether peers are given other words than the model said, to rehearse how they find out.
  var corruptsAnswersToPeers = false

  init(
    _ configuration: Configuration, origin: ConfigurationOrigin = ConfigurationOrigin(),
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.configuration = configuration
    self.origin = origin
    self.environment = environment
  }

  /// Serves until SIGTERM or SIGINT, and then until what was being written is finished.
  ///
  /// - Throws: ``CommandFailure``: `unavailable` where something that is needed is not there, `usage` where it would
  ///   serve others unprotected.
  func run() async throws {
    // A client that goes away must end its own answer only.
    signal(SIGPIPE, SIG_IGN)
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    let lock = try folder.hold()
    let (logger, lines) = NodeLog.make(configuration)
    defer { lines?.flush() }
    let models = try ModelFolder(folder, defaultModel: configuration.defaultModel, aliases: configuration.aliases)
    if let added = try await models.adoptFetchedModel(environment: environment) {
      Output.note("added the model \(added.name), which was fetched before")
    }
    try await checkNames(models)
    let store = try NodeStore.open(in: folder)
    let database = try await NodeDatabase.open(
      configuration, environment: environment, patience: .seconds(30))
    let ring = database.map { KeyRing($0.keys, now: NodeStore.now) } ?? KeyRing(store: store, now: NodeStore.now)
    let authenticator = try await authenticator(ring)
    warnLoudly(authenticator)
    // Told now, and not after a model has been loaded that nobody could ask.
    if configuration.listen.port != 0, let code = NetworkChecks.bindFailure(configuration.listen) {
      throw CommandFailure(GatewayStartError.listening(on: "\(configuration.listen)", code))
    }

    let engine = LocalModels(source: models, configuration: engineConfiguration)
    let upstreams = try Upstreams(configuration.upstreams, environment: environment) {
      logger.warning("\($0)")
    }
    let readiness = Readiness()
    let metrics = MetricsRegistry()
    let exporter = try TraceDelivery.exporter(
      configuration, environment: environment, metrics: metrics, logger: logger)
    let observation = Observation(metrics: metrics, exporter: exporter, logger: logger, lines: lines)
    let found = PeersExchange()
    let content = try await ContentPart.open(configuration, peers: configuration.peers.isOn ? found : nil)
    let peers = try PeersPart.open(
      configuration, identity: content.identity, store: content.store, exchange: found, metrics: metrics, logger: logger
    )
    let inference = try InferencePart.open(
      configuration, peers: peers, engine: engine, corrupts: corruptsAnswersToPeers, models: models, logger: logger)
    let virtual: VirtualModelsPart
    do {
      virtual = try await VirtualModelsPart(
        configuration, local: engine,
        real: NodeProviders.real(engine: engine, upstreams: upstreams, peers: inference?.provider),
        environment: environment, logger: logger)
    } catch {
      // Clients that are let go of open would end a debug build before it says what is wrong.
      await upstreams.close()
      throw error
    }
    let providers = NodeProviders(engine: engine, upstreams: upstreams, virtual: virtual, peers: inference?.provider)
    let account = try await AccountPart.open(
      configuration, origin: origin, environment: environment, folder: folder, ring: ring, store: store,
      database: database, providers: providers, virtual: virtual, upstreams: upstreams, metrics: metrics, logger: logger
    )
    let front = RoutedProvider(providers.all, routing: account.routing)
    virtual.members.use(
      account.meter, provider: front, prices: { account.metering.configuration.prices },
      judged: { account.routing.judged($0, question: $1, quality: $2) })
    providers.code.use(account.meter)
    let gateway = try gateway(
      providers, front, upstreams,
      [virtual.module] + (peers.map { [$0.module] } ?? []) + (inference.map { [$0.module] } ?? []),
      authenticator, readiness, account, database, observation, content
    ) { address in
      let usable = Self.usable(address)
      lock.write(address: usable)
      Self.announce(address, usable, authenticator != nil)
    }
    // Ended in reverse order: first the door, then what stands behind it.
    var services: [any Service] = database.map { [$0.service(logger: logger)] } ?? []
    services += exporter.map { [$0] } ?? []
    services += peers.map { [$0.service] } ?? []
    services += inference.map { [$0.service] } ?? []
    services += [
      account.service,
      ContentService(part: content, logger: logger),
      EngineService(models: engine, drainTime: configuration.shutdownTime),
      virtual.reviews,
      providers.code.service,
      PreloadService(models: engine, names: try await preloadNames(models), readiness: readiness, logger: logger),
      gateway,
      providers.code.haste,
    ]
    var group = ServiceGroupConfiguration(
      services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
      logger: NodeLog.quiet(logger))
    group.maximumGracefulShutdownDuration = configuration.shutdownTime + .seconds(10)
    do {
      try await ServiceGroup(configuration: group).run()
    } catch let error as GatewayStartError {
      await upstreams.close()
      throw CommandFailure(error)
    }
    await upstreams.close()
    withExtendedLifetime(lock) {}
  }

  /// How a node lets itself be watched.
  private struct Observation {
    let metrics: MetricsRegistry
    let exporter: SpanExporter?
    let logger: Logger
    let lines: LogLines?
  }

  private var engineConfiguration: LocalModels.Configuration {
    var local = LocalModels.Configuration()
    local.engine.maximumActive = configuration.parallel
    local.engine.cacheTokens = configuration.cacheTokens
    local.engine.threads = configuration.threads
    local.memoryBudget = configuration.memory ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 4 * 3)
    return local
  }

  /// A default model, an alias or a model to preload that does not exist is a mistake that should not wait for the first
  /// request.
  private func checkNames(_ models: ModelFolder) async throws(CommandFailure) {
    let known =
      try await models.models().flatMap { [$0.name] + $0.aliases }
      + configuration.upstreams.flatMap { $0.models.map(\.name) } + configuration.virtualModels.map(\.model.name)
    let wanted =
      [(Settings.defaultModel.path, configuration.defaultModel)]
      + configuration.preload.map { (Settings.preload.path, Optional($0)) }
      + configuration.aliases.sorted { $0.key < $1.key }.map { (Settings.aliases.path, Optional($0.value)) }
    for (path, name) in wanted {
      guard let name, !known.contains(name) else { continue }
      let advice =
        NearestName.find(name, among: known).map { "did you mean `\($0)`?" }
        ?? (ModelRecipe.all.contains { $0.name == name }
          ? "get it with `prsm models pull \(name)`" : "`prsm models list` shows what there is")
      throw .usage("\(path): there is no model `\(name)` in \(configuration.dataDir); \(advice)")
    }
  }

  /// Nil where nobody is asked for a key.
  private func authenticator(_ ring: KeyRing) async throws(CommandFailure) -> KeyRingAuthenticator? {
    if let secret = configuration.apiKey {
      let key = try secret.reveal(environment: environment)
      guard key.utf8.count >= 16 else {
        throw .usage("access.api-key: expected at least 16 characters, found fewer; make one with `prsm keys create`")
      }
      ring.accept(configured: key)
    }
    let hasKeys: Bool
    do throws(AccessError) { hasKeys = try await ring.hasKeys() } catch { throw KeyFailure.translated(error) }
    let isRequired = configuration.requiresKey ?? (hasKeys || !configuration.listen.isLoopback)
    if configuration.allowsAnonymous, configuration.requiresKey != true { return nil }
    guard isRequired else { return nil }
    guard hasKeys else {
      let folder =
        FilePath.expandingHome("~/.prsm") == configuration.dataDir ? "" : " --data-dir \(configuration.dataDir)"
      throw .usage(
        "\(configuration.listen) is to ask for API keys, and there are none yet; "
          + "make one with `prsm keys create NAME\(folder)`")
    }
    return KeyRingAuthenticator(ring: ring)
  }

  private func warnLoudly(_ authenticator: KeyRingAuthenticator?) {
    guard !configuration.listen.isLoopback else { return }
    let style = Style(descriptor: STDERR_FILENO, environment: environment)
    if authenticator == nil {
      Output.note(
        style.bold(style.red("INSECURE: "))
          + "anybody who reaches \(configuration.listen) can use this node without a key")
    }
    if configuration.certificate == nil {
      Output.note(
        style.bold(style.red("INSECURE: "))
          + "\(configuration.listen) is served without TLS; keys and prompts can be read on the way")
    }
  }

  private func preloadNames(_ models: ModelFolder) async throws(CommandFailure) -> [String] {
    let first = try await models.models().first.map { [$0.name] } ?? []
    return first + configuration.preload.filter { !first.contains($0) }
  }

  private func gateway(
    _ providers: NodeProviders, _ front: RoutedProvider, _ upstreams: Upstreams, _ modules: [any GatewayModule],
    _ authenticator: KeyRingAuthenticator?,
    _ readiness: Readiness, _ account: AccountPart, _ database: NodeDatabase?, _ observation: Observation,
    _ content: ContentPart,
    onListening: @escaping @Sendable (ListeningAddress) async -> Void
  ) throws(CommandFailure) -> Gateway {
    var settings = GatewayConfiguration()
    settings.host = configuration.listen.host
    settings.port = configuration.listen.port
    if let certificate = configuration.certificate, let key = configuration.key {
      settings.tls = .init(certificateFile: certificate, keyFile: key)
    }
    // What is missing was asked for by name, one by one, when the configuration was checked.
    settings.allowsInsecureExposure = configuration.allowsAnonymous || configuration.allowsPlaintext
    settings.maximumConnections = configuration.connections
    settings.limits.bodyBytes = configuration.bodySize
    settings.requests.outputTokens = configuration.outputTokens
    settings.requests.time = configuration.requestTime
    settings.drainTime = configuration.shutdownTime
    settings.version = PRSM.version
    settings.allowedHosts = Set(configuration.allowedHosts)
    settings.allowedOrigins = Set(configuration.allowedOrigins)
    let all = providers.all
    var services = GatewayServices(provider: front, logger: observation.logger)
    services.leaveLoops = { upstreams.provider.leaveLoops() }
    services.meter = OuterMeter(meter: account.meter, isVirtual: providers.isVirtual)
    services.modules += account.modules + providers.code.modules + modules
    services.metrics = observation.metrics
    services.tracer = observation.exporter
    services.requestLog = observation.lines
    EngineMetrics.add(to: observation.metrics, engine: providers.engine)
    services.authenticator = authenticator
    services.modules += content.modules
    settings.allowedHosts.formUnion(content.hosts)
    services.metrics.addProcessMetrics()
    services.unreadiness = {
      let reasons = readiness.reasons + [database?.unreadiness].compactMap(\.self)
      return await all.models().isEmpty
        ? ["there is no model yet; get one with `prsm models pull smollm2-135m-instruct`"] : reasons
    }
    do throws(GatewayStartError) {
      return try Gateway(configuration: settings, services: services, onListening: onListening)
    } catch {
      throw CommandFailure(error)
    }
  }

  /// Where programs on this machine reach the node: an address that stands for all addresses is none to connect to.
  private static func usable(_ address: ListeningAddress) -> String {
    var usable = address
    if ["0.0.0.0", "::", "[::]"].contains(usable.host) { usable.host = "127.0.0.1" }
    return "\(usable)"
  }

  private static func announce(_ address: ListeningAddress, _ usable: String, _ needsKey: Bool) {
    Output.line("listening on \(address)")
    Output.note(
      """
        in a browser    \(usable)/
        in OpenAI's SDK base_url="\(usable)/v1"\(needsKey ? " and a key from `prsm keys create`" : ", any key")
        in a terminal   prsm chat
      """)
  }
}

extension CommandFailure {
  init(_ error: GatewayStartError) {
    switch error {
    case .unprotected, .certificate: self.init(.usage, error.description)
    case .address: self.init(.unavailable, error.description)
    }
  }
}
