import Foundation
import ModelInterface
import Providers

/// The upstream APIs of a node, and the connections to them.
struct Upstreams: Sendable {
  let providers: [UpstreamProvider]
  /// For each model, the position of its provider.
  let models: [String: Int]

  /// Opens no connection yet.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where a secret cannot be found.
  init(
    _ configurations: [UpstreamConfiguration], environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(CommandFailure) {
    var endpoints: [UpstreamEndpoint] = []
    for configuration in configurations {
      var keys: [String] = []
      for secret in configuration.apiKeys { keys.append(try secret.reveal(environment: environment)) }
      var endpoint = UpstreamEndpoint(
        name: configuration.name, kind: configuration.kind, baseURLs: configuration.urls, apiKeys: keys,
        models: configuration.models)
      endpoint.deadlines = configuration.deadlines
      endpoint.hedges = configuration.hedges
      endpoints.append(endpoint)
    }
    providers = endpoints.isEmpty ? [] : [UpstreamProvider(endpoints)]
    models = Dictionary(configurations.flatMap(\.models).map { ($0.name, 0) }) { first, _ in first }
  }

  /// Closes the connections.
  func close() async {
    for provider in providers { await provider.shutdown() }
  }
}
