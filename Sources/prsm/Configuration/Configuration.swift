import Content
import Foundation
import Orchestration
import Providers

/// What a node is told to do.
struct Configuration: Sendable {
  var listen: ListenAddress
  var dataDir: String
  var certificate: String?
  var key: String?
  var apiKey: Secret?
  var databaseURL: Secret?
  var databaseLease: Duration
  var requiresKey: Bool?
  var allowedHosts: [String]
  var allowedOrigins: [String]
  var allowsAnonymous: Bool
  var allowsPlaintext: Bool
  var defaultModel: String?
  var preload: [String]
  var memory: Int?
  var cacheTokens: Int?
  var parallel: Int
  var threads: Int?
  var aliases: [String: String]
  var upstreams: [UpstreamConfiguration]
  var virtualModels: [VirtualModelConfiguration]
  var contentQuota: Int?
  var contentGateways: [String]
  var contentLinks: [String: String]
  var contentHosts: [String]
  var contentIsOpen: Bool
  var contentDNSLink: Bool
  var nameServers: [NameServer]
  var bodySize: Int
  var outputTokens: Int
  var requestTime: Duration
  var connections: Int
  var shutdownTime: Duration
  var logLevel: String
  var logFormat: String
  var traceEndpoint: String?
  var traceToken: Secret?
  var serviceName: String
  var cost: CostConfiguration
  var routing: RoutingConfiguration
  var mentionedModels = MentionedModels()
  var peers: PeersConfiguration
  var inference: InferenceConfiguration

  /// Puts the settings together and checks them as a whole.
  ///
  /// - Throws: ``ConfigurationProblems`` with everything that is wrong, not only the first thing.
  init(resolving sources: ConfigurationSources) throws(ConfigurationProblems) {
    var sources = sources
    sources.complainAboutUnknown(settings: Settings.all)
    listen = sources.value(Settings.listen)
    dataDir = sources.value(Settings.dataDir)
    certificate = sources.value(Settings.certificate)
    key = sources.value(Settings.key)
    apiKey = sources.value(Settings.apiKey)
    databaseURL = sources.value(Settings.databaseURL)
    databaseLease = sources.value(Settings.databaseLease)
    requiresKey = sources.value(Settings.requiresKey)
    allowedHosts = sources.value(Settings.allowedHosts)
    allowedOrigins = sources.value(Settings.allowedOrigins)
    allowsAnonymous = sources.value(Settings.allowsAnonymous)
    allowsPlaintext = sources.value(Settings.allowsPlaintext)
    defaultModel = sources.value(Settings.defaultModel)
    preload = sources.value(Settings.preload)
    memory = sources.value(Settings.memory)
    cacheTokens = sources.value(Settings.cacheTokens)
    parallel = sources.value(Settings.parallel)
    threads = sources.value(Settings.threads)
    aliases = sources.value(Settings.aliases)
    upstreams = sources.value(Settings.upstreams)
    virtualModels = sources.value(Settings.virtualModels)
    contentQuota = sources.value(Settings.contentQuota)
    contentGateways = sources.value(Settings.contentGateways)
    contentLinks = sources.value(Settings.contentLinks)
    contentHosts = sources.value(Settings.contentHosts)
    contentIsOpen = sources.value(Settings.contentIsOpen)
    contentDNSLink = sources.value(Settings.contentDNSLink)
    nameServers = sources.value(Settings.nameServers)
    bodySize = sources.value(Settings.bodySize)
    outputTokens = sources.value(Settings.outputTokens)
    requestTime = sources.value(Settings.requestTime)
    connections = sources.value(Settings.connections)
    shutdownTime = sources.value(Settings.shutdownTime)
    logLevel = sources.value(Settings.logLevel)
    logFormat = sources.value(Settings.logFormat)
    traceEndpoint = sources.value(Settings.traceEndpoint)
    traceToken = sources.value(Settings.traceToken)
    serviceName = sources.value(Settings.serviceName)
    cost = CostConfiguration(&sources)
    routing = RoutingConfiguration(&sources)
    mentionedModels = MentionedModels(routing, cost, in: sources)
    peers = PeersConfiguration(&sources)
    inference = InferenceConfiguration(&sources)
    checkTogether(&sources)
    guard sources.problems.isEmpty else { throw ConfigurationProblems(sources.problems) }
  }

  /// What is right by itself and wrong beside another.
  private func checkTogether(_ sources: inout ConfigurationSources) {
    func place(_ setting: Setting<some Sendable>) -> String {
      sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName)
    }
    if certificate != nil, key == nil {
      sources.complain(
        place(Settings.certificate), "a certificate needs its private key; give `tls.key` (--tls-key) too")
    }
    if key != nil, certificate == nil {
      sources.complain(
        place(Settings.key), "a private key needs its certificate; give `tls.certificate` (--tls-certificate) too")
    }
    for (path, setting) in [(certificate, Settings.certificate), (key, Settings.key)] {
      if let path, !FileManager.default.isReadableFile(atPath: path) {
        sources.complain(place(setting), "\(path) cannot be read; expected a PEM file")
      }
    }
    for (alias, model) in aliases.sorted(by: { $0.key < $1.key }) where alias == model || aliases[model] != nil {
      sources.complain(
        place(Settings.aliases), "`\(alias)` stands for `\(model)`, which is an alias itself; name the model")
    }
    checkNames(&sources, place(Settings.virtualModels))
    for origin in allowedOrigins where origin != "*" && !Self.isOrigin(origin) {
      sources.complain(
        place(Settings.allowedOrigins),
        "`\(origin)` is no origin; expected a scheme and a host, such as `https://chat.example`, without a path")
    }
    guard !listen.isLoopback else { return }
    if certificate == nil, !allowsPlaintext {
      sources.complain(
        place(Settings.listen),
        """
        \(listen) can be reached from other machines, and nothing is served there without TLS; give \
        --tls-certificate and --tls-key, or listen on 127.0.0.1, or (behind a proxy that has TLS) pass \
        --insecure-allow-plaintext
        """)
    }
    if requiresKey == false, !allowsAnonymous {
      sources.complain(
        place(Settings.requiresKey),
        """
        \(listen) can be reached from other machines, and nothing is served there without API keys; leave \
        `access.require-key` out, or pass --insecure-allow-anonymous
        """)
    }
  }

  /// Names that stand for a choice must not hide models, nor virtual models such names.
  private func checkNames(_ sources: inout ConfigurationSources, _ place: String) {
    for name in virtualModels.map(\.model.name) where name == "auto" || name.hasPrefix("auto:") {
      sources.complain(place, "`\(name)`: names that begin with `auto` are the node's own; choose another")
    }
    let models = Set(upstreams.flatMap { $0.models.map(\.name) } + virtualModels.map(\.model.name))
    for (setting, names) in routing.namesBySetting {
      let place = sources.place(of: setting.path, flag: setting.flag, environmentName: setting.environmentName)
      for name in names where models.contains(name) || aliases[name] != nil {
        sources.complain(
          place, "`\(setting.path).\(name)`: `\(name)` is the name of a model already; choose another")
      }
    }
  }

  /// Whether a text is an origin as browsers send it (RFC 6454, section 6.2).
  private static func isOrigin(_ text: String) -> Bool {
    guard let scheme = text.firstRange(of: "://"), scheme.lowerBound > text.startIndex else { return false }
    let rest = text[scheme.upperBound...]
    return !rest.isEmpty && !rest.contains { "/?# ".contains($0) }
  }

  /// Reads the file, if there is one, and puts it together with flags and environment.
  ///
  /// - Parameters:
  ///   - path: the file that was asked for; nil takes `PRSM_CONFIG`, or else `prsm.yaml` in the working directory.
  /// - Throws: ``CommandFailure`` of status `usage`.
  static func load(
    path: String?, flags: [String: String], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(CommandFailure) -> Configuration {
    let asked = path ?? environment["PRSM_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    var file: ConfigurationFile?
    let name = FilePath.expandingHome(asked ?? "prsm.yaml")
    if asked != nil || FileManager.default.fileExists(atPath: name) {
      guard let data = FileManager.default.contents(atPath: name) else {
        throw .usage("the configuration file \(name) cannot be read; check the path and its permissions")
      }
      guard let text = String(validating: data, as: UTF8.self) else {
        throw .usage("\(name): is not UTF-8 text; expected YAML")
      }
      do {
        file = try ConfigurationFile(name: name, text: text)
      } catch {
        throw .usage(error.description)
      }
    }
    let sources = ConfigurationSources(flags: flags, environment: environment, file: file)
    for warning in sources.strangeVariables(settings: Settings.all) { Output.complain("warning: " + warning) }
    do {
      return try Configuration(resolving: sources)
    } catch {
      throw .usage(error.description)
    }
  }
}
