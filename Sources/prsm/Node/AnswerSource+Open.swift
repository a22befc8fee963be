import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import PRSMClient

extension AnswerSource {
  /// A node where one answers; otherwise the models of the data folder, in this process.
  ///
  /// - Throws: ``CommandFailure``.
  static func open(_ node: NodeOptions, preferring model: String?) async throws(CommandFailure) -> AnswerSource {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client): return try await remote(client)
    case .here: return try await local(configuration, preferring: model)
    }
  }

  /// The models of the data folder. The one that will be asked is checked here, where there is somebody to tell.
  private static func local(
    _ configuration: Configuration, preferring model: String?
  ) async throws(CommandFailure) -> AnswerSource {
    let environment = ProcessInfo.processInfo.environment
    let folder = try ModelFolder(
      DataFolder(path: configuration.dataDir), defaultModel: configuration.defaultModel, aliases: configuration.aliases)
    if let added = try await folder.adoptFetchedModel(environment: environment) {
      Output.note("added the model \(added.name), which was fetched before")
    }
    var settings = LocalModels.Configuration()
    settings.engine.maximumActive = 1
    settings.engine.threads = configuration.threads
    settings.engine.cacheTokens = configuration.cacheTokens
    let engine = LocalModels(source: folder, configuration: settings)
    let source = AnswerSource(
      provider: engine, place: "in this process", models: await engine.models(),
      close: { await engine.shutdown(by: .now + .seconds(2)) })
    let name = try source.model(named: model)
    let progress = Progress("loading \(name)")
    defer { progress.finish() }
    progress.update("")
    do throws(GenerationError) {
      try await engine.preload(name)
    } catch {
      throw CommandFailure(error)
    }
    return source
  }
}
