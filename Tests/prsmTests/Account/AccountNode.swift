import Access
import AsyncHTTPClient
import Foundation
import Gateway
import Logging
import Metering
import ModelInterface
import NIOCore
import NIOHTTP1
import Providers
import Routing
import ScriptedProvider
import ServiceLifecycle
import Storage
import Synchronization
import Telemetry
import Testing

@testable import prsm

/// A gateway on a free port with a real account and real routing, in front of a scripted provider.
struct AccountNode {
  let port: Int
  let provider: ScriptedProvider
  let metering: NodeMetering
  let routing: NodeRouting
  let store: any UsageStore
  let meter: NodeMeter

  /// A model of the scripted provider.
  static func model(_ name: String, contextLength: Int? = 8_192) -> ModelDescriptor {
    var model = ModelDescriptor(name: name, provider: "test")
    model.contextLength = contextLength
    model.isLoaded = true
    model.canEmbed = true
    return model
  }

  static func configuration(_ yaml: String) throws -> Configuration {
    try Configuration(
      resolving: ConfigurationSources(file: try ConfigurationFile(name: "prsm.yaml", text: yaml)))
  }

  /// Runs a node for as long as `body` runs.
  ///
  /// - Parameter folder: kept between two nodes by whoever hands it in.
  static func with(
    _ yaml: String, models: [String] = ["weak", "strong"], folder: AccountFolder = AccountFolder(),
    script: @escaping ScriptedProvider.Script = ScriptedProvider.echo,
    payers: [String: Account] = [:], authenticator: (any RequestAuthenticator)? = nil,
    _ body: (AccountNode) async throws -> Void
  ) async throws {
    let configuration = try configuration(yaml)
    let provider = ScriptedProvider(models: models.map { model($0) }, script: script)
    let database = try Store(path: folder.path + "/prsm.sqlite", migrations: NodeStore.migrations)
    let store = SQLiteUsageStore(database)
    let metering = try await NodeMetering.open(
      configuration, store: store, isShared: false, folder: DataFolder(path: folder.path),
      payer: { name in
        payers[name].map { .init(user: $0.user, project: $0.project, organization: $0.organization) }
      })
    let upstreams = UpstreamProvider([])
    let source = CandidateSource(provider: provider, upstreams: upstreams, isVirtual: { _ in false })
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let kept = try RoutingStateStore(store: database).load()
    let routing = try NodeRouting(
      configuration.routing, source: source, metering: metering, usualMaximum: configuration.outputTokens, kept: kept,
      logger: logger)
    await routing.refresh()
    var settings = GatewayConfiguration()
    settings.port = 0
    settings.threads = 1
    settings.drainTime = .seconds(5)
    settings.requests.outputTokens = configuration.outputTokens
    var services = GatewayServices(provider: RoutedProvider(provider, routing: routing), logger: logger)
    let meter = NodeMeter(metering: metering, routing: routing) { request throws(GenerationError) in
      try await provider.embed(request)
    }
    services.meter = meter
    services.modules = [UsageModule(metering: metering), RoutesModule(routing: routing)]
    services.authenticator = authenticator
    let (ports, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
    let gateway = try Gateway(configuration: settings, services: services) { continuation.yield($0.port) }
    let group = ServiceGroup(configuration: .init(services: [.init(service: gateway)], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask {
        defer { continuation.finish() }
        try await group.run()
      }
      let port = try #require(await ports.first { _ in true }, "the gateway did not start")
      let node = AccountNode(
        port: port, provider: provider, metering: metering, routing: routing, store: store, meter: meter)
      var failure: (any Error)?
      do { try await body(node) } catch { failure = error }
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
      await metering.meter.close()
      try await RoutingStateStore(store: database).save(routing.kept())
      await upstreams.shutdown()
      if let failure { throw failure }
    }
  }

  /// Lets a model appear to be up or down, as the breakers of upstreams do.
  func setHealth(_ health: Candidate.Health, of model: String) {
    routing.state.withLock { state in
      for index in state.candidates.indices where state.candidates[index].name == model {
        state.candidates[index].health = health
      }
    }
  }

  struct Answer {
    var status: Int
    var headers: HTTPHeaders
    var body: String

    var json: JSONValue { (try? JSONValue.parse(body)) ?? .null }
    /// The text of a streamed or whole chat answer.
    var text: String {
      if let text = json["choices"]?[0]?["message"]?["content"]?.string { return text }
      return body.split(separator: "\n").compactMap { line in
        guard line.hasPrefix("data: {") else { return nil }
        return (try? JSONValue.parse(String(line.dropFirst(6))))?["choices"]?[0]?["delta"]?["content"]?.string
      }.joined()
    }
  }

  func ask(
    _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil, headers: [(String, String)] = []
  ) async throws -> Answer {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = method
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if let body {
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(body.bytes)
    }
    let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let bytes = try await response.body.collect(upTo: 16 << 20)
    return Answer(status: Int(response.status.code), headers: response.headers, body: String(buffer: bytes))
  }

  /// A chat request of one turn.
  func chat(
    _ text: String, model: String = "weak", _ members: [(String, JSONValue)] = [], headers: [(String, String)] = []
  ) async throws -> Answer {
    let common: [(String, JSONValue)] = [
      ("model", .string(model)), ("messages", [["role": "user", "content": .string(text)]]),
    ]
    return try await ask(.POST, "/v1/chat/completions", .object(JSONObject(common + members)), headers: headers)
  }

  /// All events, once they have reached the store.
  func events() async throws -> [UsageEvent] {
    await metering.meter.flush()
    return try await store.events(from: UTCTime(seconds: 0), to: UTCTime(microseconds: .max), limit: 1_000_000)
  }
}

/// A folder that goes when the test ends.
final class AccountFolder: Sendable {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("prsm-account-\(UUID().uuidString)").path

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}

/// Whoever shows a name is that tenant.
struct NamedTenants: RequestAuthenticator {
  func authenticate(_ credentials: Credentials) async throws(AuthenticationFailure) -> Principal {
    guard let name = credentials.token else { throw .missing }
    return Principal(tenant: name, permissions: name == "root" ? ["admin"] : ["inference"])
  }
}

extension JSONValue {
  /// An element of an array.
  subscript(index: Int) -> JSONValue? {
    guard let array, array.indices.contains(index) else { return nil }
    return array[index]
  }
}
