import Foundation
import ModelInterface
import Providers

/// The upstream APIs of a node, and the connections to them. There is always one provider of them, which may have no model,
/// so that a configuration that is read again can bring some.
struct Upstreams: Sendable {
  let provider: UpstreamProvider

  /// Opens no connection yet.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where a secret cannot be found.
  init(
    _ configurations: [UpstreamConfiguration], environment: [String: String] = ProcessInfo.processInfo.environment,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(CommandFailure) {
    provider = UpstreamProvider(try Self.endpoints(configurations, environment: environment), report: report)
  }

  /// What the configuration says, with its secrets.
  ///
  /// - Throws: ``CommandFailure`` of status `usage` where a secret cannot be found.
  static func endpoints(
    _ configurations: [UpstreamConfiguration], environment: [String: String]
  ) throws(CommandFailure) -> [UpstreamEndpoint] {
    var endpoints: [UpstreamEndpoint] = []
    for configuration in configurations {
      var keys: [String] = []
      for secret in configuration.apiKeys {
        let key = try secret.reveal(environment: environment)
        guard key.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
          throw .usage(
            "\(secret), the key of the upstream `\(configuration.name)`, has a blank, a line end or a control character in it"
          )
        }
        keys.append(key)
      }
      var endpoint = UpstreamEndpoint(
        name: configuration.name, kind: configuration.kind, baseURLs: configuration.urls, apiKeys: keys,
        models: configuration.models)
      endpoint.deadlines = configuration.deadlines
      endpoint.hedges = configuration.hedges
      endpoints.append(endpoint)
    }
    return endpoints
  }

  /// Closes the connections.
  func close() async {
    await provider.shutdown()
  }
}
