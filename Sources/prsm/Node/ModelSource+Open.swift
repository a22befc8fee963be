import PRSMClient

extension ModelSource {
  /// A node where one answers; otherwise the models of the data folder, in this process.
  static func open(_ node: NodeOptions, preferring model: String?) async throws(CommandFailure) -> ModelSource {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client): return try await remote(client)
    case .here: throw .unavailable("local models are not wired yet")
    }
  }
}
