import HummingbirdCore
import HummingbirdTLS
package import Logging
package import ModelInterface
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Where the gateway answers, once it does.
package struct ListeningAddress: Sendable, Equatable, CustomStringConvertible {
  /// Whether it speaks TLS.
  package var isSecure: Bool
  /// The host as it was configured.
  package var host: String
  /// The port, which the system may have chosen.
  package var port: Int

  /// The address as a URL.
  package var description: String {
    let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    return "\(isSecure ? "https" : "http")://\(name):\(port)"
  }
}

/// What the gateway needs from the rest of the node.
package struct GatewayServices: Sendable {
  /// Answers generation requests: the front of routing.
  package var provider: any ModelProvider
  /// Decides who may come in; nil lets everybody on this machine in.
  package var authenticator: (any RequestAuthenticator)?
  /// Keeps the account.
  package var meter: any RequestMeter
  /// Where metrics are registered, and read for `/metrics`.
  package var metrics: MetricsRegistry
  /// Takes spans; nil keeps no traces.
  package var tracer: (any SpanRecorder)?
  /// Why the node is not ready to answer, one sentence a reason; empty when it is.
  package var unreadiness: @Sendable () async -> [String]
  /// Routes of other rooms.
  package var modules: [any GatewayModule]
  /// Takes what is worth a line.
  package var logger: Logger
  /// Takes a line a request; nil hands them to the logger.
  package var requestLog: (any RequestLog)?
  /// Lets go of the gateway's event loops. Called once all answers have been given, before the loops end.
  package var leaveLoops: @Sendable () -> Void

  /// A provider with everything else left out.
  package init(provider: any ModelProvider, logger: Logger) {
    self.provider = provider
    self.logger = logger
    authenticator = nil
    meter = NoMeter()
    metrics = MetricsRegistry()
    tracer = nil
    unreadiness = { [] }
    modules = []
    leaveLoops = {}
  }
}

/// The HTTP door of a node: OpenAI's API and the node's own, over one listening address.
package struct Gateway: Service {
  private let configuration: GatewayConfiguration
  private let services: GatewayServices
  private let onListening: @Sendable (ListeningAddress) async -> Void
  private let responder: Responder
  private let lane: PassageLane?
  private let draining: Draining

  /// A gateway that does not listen yet.
  ///
  /// - Parameter onListening: called once connections are accepted.
  /// - Throws: ``GatewayStartError/unprotected(address:lacksKey:lacksTLS:)``.
  package init(
    configuration: GatewayConfiguration, services: GatewayServices,
    onListening: @escaping @Sendable (ListeningAddress) async -> Void = { _ in }
  ) throws(GatewayStartError) {
    if !configuration.isLoopback, !configuration.allowsInsecureExposure,
      services.authenticator == nil || configuration.tls == nil
    {
      throw .unprotected(
        address: "\(configuration.host):\(configuration.port)", lacksKey: services.authenticator == nil,
        lacksTLS: configuration.tls == nil)
    }
    self.configuration = configuration
    self.services = services
    self.onListening = onListening
    let draining = Draining()
    self.draining = draining
    let metrics = GatewayMetrics(services.metrics)
    let modules = Self.modules(configuration, services, metrics, draining)
    let responder = Responder(
      table: RouteTable(modules.flatMap(\.routes)),
      hosts: services.modules,
      authenticator: services.authenticator,
      origins: OriginPolicy(
        checksHost: services.authenticator == nil && configuration.isLoopback,
        hosts: Set(configuration.allowedHosts.map { $0.lowercased() }),
        origins: Set(configuration.allowedOrigins.map { $0.lowercased() })),
      metrics: metrics, tracer: services.tracer, logger: services.logger,
      log: services.requestLog ?? LoggerRequestLog(logger: services.logger),
      securityHeaders: [("x-content-type-options", "nosniff")])
    self.responder = responder
    lane = PassageLane(responder, services, configuration)
  }

  /// The routes that are served, for tests and for documentation.
  package var routes: [Route] { responder.table.routes }

  private static func modules(
    _ configuration: GatewayConfiguration, _ services: GatewayServices, _ metrics: GatewayMetrics, _ draining: Draining
  ) -> [any GatewayModule] {
    let generation = Generation(
      provider: services.provider, meter: services.meter, metrics: metrics, tracer: services.tracer,
      limits: configuration.requests)
    var modules: [any GatewayModule] = [
      ModelsModule(provider: services.provider),
      ChatModule(generation: generation),
      CompletionsModule(generation: generation),
      ResponsesModule(generation: generation),
      EmbeddingsModule(generation: generation),
      HealthModule(
        version: configuration.version, metrics: services.metrics,
        unreadiness: { (draining.isDraining ? ["the node is shutting down"] : []) + (await services.unreadiness()) }),
    ]
    modules += services.modules
    if configuration.servesPlayground { modules.append(PlaygroundModule()) }
    modules.append(
      OpenAPIModule(modules: modules, version: configuration.version, hasKeys: services.authenticator != nil))
    return modules
  }

  /// Listens and serves until shut down gracefully, which waits for the answers that are being given, within the
  /// configured time, or until cancelled.
  ///
  /// - Throws: ``GatewayStartError`` where it cannot listen.
  package func run() async throws {
    let cores = System.coreCount
    let group = MultiThreadedEventLoopGroup(
      numberOfThreads: max(1, configuration.threads ?? min(4, cores)))
    do {
      defer { services.leaveLoops() }
      try await serve(on: group)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
    try await group.shutdownGracefully()
  }

  private func serve(on group: MultiThreadedEventLoopGroup) async throws {
    let server = try makeServer(group)
    try await withThrowingTaskGroup(of: Bool.self) { tasks in
      tasks.addTask {
        do {
          try await server.run()
        } catch let error as IOError {
          throw GatewayStartError.listening(on: "\(configuration.host):\(configuration.port)", error.errnoCode)
        }
        return true
      }
      tasks.addTask {
        try? await gracefulShutdown()
        draining.begin()
        try? await Task.sleep(for: configuration.drainTime)
        return false
      }
      // Either the server has ended, or the time to drain is over; both end the other.
      _ = try await tasks.next()
      tasks.cancelAll()
      while try await tasks.next() != nil {}
    }
  }

  private func makeServer(_ group: MultiThreadedEventLoopGroup) throws -> any Service {
    let listening = ServerConfiguration(
      address: .hostname(configuration.host.filter { $0 != "[" && $0 != "]" }, port: configuration.port), backlog: 1024,
      availableConnectionsDelegate: MaximumAvailableConnections(
        configuration.maximumConnections, logger: services.logger))
    let channel = GatewayChannel(limits: configuration.limits, responder: responder, lane: lane)
    var quiet = services.logger
    quiet.logLevel = max(quiet.logLevel, .notice)
    let onRunning: @Sendable (any Channel) async -> Void = { channel in
      await onListening(
        ListeningAddress(
          isSecure: configuration.tls != nil, host: configuration.host,
          port: channel.localAddress?.port ?? configuration.port))
    }
    if let tls = configuration.tls {
      return try TLSChannel(channel, tlsConfiguration: Self.tlsConfiguration(tls)).server(
        configuration: listening, onServerRunning: onRunning, eventLoopGroup: group, logger: quiet)
    }
    return channel.server(
      configuration: listening, onServerRunning: onRunning, eventLoopGroup: group, logger: quiet)
  }

  private static func tlsConfiguration(_ tls: GatewayConfiguration.TLS) throws -> TLSConfiguration {
    let certificates: [NIOSSLCertificate]
    do {
      certificates = try NIOSSLCertificate.fromPEMFile(tls.certificateFile)
    } catch {
      throw GatewayStartError.certificate(file: tls.certificateFile, reason: "it is not a readable PEM certificate")
    }
    let key: NIOSSLPrivateKey
    do {
      key = try NIOSSLPrivateKey(file: tls.keyFile, format: .pem)
    } catch {
      throw GatewayStartError.certificate(file: tls.keyFile, reason: "it is not a readable PEM private key")
    }
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    return configuration
  }
}

/// Whether the node is shutting down.
final class Draining: Sendable {
  private let flag = Atomic<Bool>(false)

  var isDraining: Bool { flag.load(ordering: .relaxed) }

  func begin() {
    flag.store(true, ordering: .relaxed)
  }
}
