import Foundation
import PRSMClient

/// Finds the node that a command should talk to, if there is one.
struct NodeLocator {
  /// What to talk to.
  enum Place {
    /// A node that answers.
    case node(PRSMClient)
    /// None: the command does the work itself.
    case here
  }

  let options: NodeOptions
  let environment: [String: String]
  let dataDir: String

  init(
    options: NodeOptions, dataDir: String,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.options = options
    self.environment = environment
    self.dataDir = dataDir
  }

  private var apiKey: String? { environment["PRSM_API_KEY"].flatMap { $0.isEmpty ? nil : $0 } }

  /// The node that was asked for by --api or PRSM_API; or else the one that holds the data folder; or else one that
  /// answers at the usual address.
  ///
  /// - Throws: ``CommandFailure`` of status `unavailable` where the node that was asked for does not answer.
  func locate() async throws(CommandFailure) -> Place {
    if let asked = options.api ?? environment["PRSM_API"].flatMap({ $0.isEmpty ? nil : $0 }) {
      let client = PRSMClient(baseURL: asked, apiKey: apiKey)
      do {
        _ = try await quick(client).health()
      } catch {
        throw .unavailable("\(error.message)\nStart one with `prsm serve`, or leave out --api and PRSM_API.")
      }
      return .node(client)
    }
    if let holder = DataFolder(path: dataDir).holder {
      guard let address = holder.address else {
        throw .unavailable(
          "the node that holds \(dataDir) (process \(holder.process)) is still starting; try again in a moment")
      }
      return .node(PRSMClient(baseURL: address, apiKey: apiKey))
    }
    // Somebody who names a folder means that folder, not whichever node happens to answer.
    guard options.dataDir == nil, environment["PRSM_DATA_DIR", default: ""].isEmpty else { return .here }
    let usual = PRSMClient(baseURL: "http://\(Settings.listen.standard)", apiKey: apiKey)
    if let health = try? await quick(usual).health(), health.isReady { return .node(usual) }
    return .here
  }

  private func quick(_ client: PRSMClient) -> PRSMClient {
    var client = client
    client.timeout = .seconds(2)
    return client
  }
}

extension CommandFailure {
  /// What a node's refusal means for the shell.
  init(_ error: PRSMClientError) {
    switch error.kind {
    case .invalidRequest: self.init(.usage, error.message)
    case .notFound: self.init(.no, error.message + "; `prsm models list` shows what there is")
    case .unauthorized: self.init(.unavailable, error.message + "\nPut a key into PRSM_API_KEY.")
    default: self.init(.unavailable, error.message)
    }
  }
}
