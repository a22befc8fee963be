import AsyncHTTPClient
import Foundation
import ModelInterface
import NIOCore
import Providers

/// The upstream APIs of a node, and the connections to them.
struct Upstreams: Sendable {
  let providers: [OpenAIUpstream]
  /// For each model, the position of its provider.
  let models: [String: Int]
  private let client: HTTPClient

  /// Opens no connection yet.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where a secret cannot be found.
  init(
    _ configurations: [UpstreamConfiguration], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(CommandFailure) {
    var settings = HTTPClient.Configuration()
    settings.timeout = .init(connect: .seconds(5), read: .seconds(60))
    settings.connectionPool = .init(idleTimeout: .seconds(30), concurrentHTTP1ConnectionsPerHostSoftLimit: 256)
    settings.redirectConfiguration = .disallow
    var endpoints: [UpstreamEndpoint] = []
    for configuration in configurations {
      endpoints.append(
        UpstreamEndpoint(
          name: configuration.name, baseURL: configuration.url,
          apiKey: try configuration.apiKey?.reveal(environment: environment),
          models: configuration.models.map {
            .init(name: $0.name, upstreamName: $0.upstreamName, contextLength: $0.contextLength, canEmbed: true)
          }))
    }
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    self.client = client
    providers = endpoints.map { OpenAIUpstream(endpoint: $0, client: client) }
    var models: [String: Int] = [:]
    for (index, configuration) in configurations.enumerated() {
      for model in configuration.models { models[model.name] = index }
    }
    self.models = models
  }

  /// Closes the connections.
  func close() async {
    try? await client.shutdown()
  }
}
