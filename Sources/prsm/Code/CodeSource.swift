import CodeGeneration
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import PRSMClient

/// Where `prsm code` gets its programs: a node that answers, or the models and the sandbox of this process.
struct CodeSource: Sendable {
  /// What a search came to, as the API says it.
  typealias Answer = JSONValue

  /// The model that writes.
  let model: String
  /// Searches, and tells what happens: an event's name and its data. Where the hurry begins, the search ends with what it has
  /// found.
  let generate:
    @Sendable (CodeRequest, Hurry, @escaping @Sendable (String, JSONValue) async -> Void) async throws(CommandFailure)
      -> Answer
  /// Gives back what was taken.
  let close: @Sendable () async -> Void

  /// A node where one answers; otherwise this process.
  static func open(_ node: NodeOptions, model: String?) async throws(CommandFailure) -> CodeSource {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    switch try await NodeLocator(options: node, dataDir: configuration.dataDir).locate() {
    case .node(let client):
      let source = try await AnswerSource.remote(client)
      let name = try source.model(named: model)
      let remote = RemoteCode(client: client)
      return CodeSource(
        model: name,
        generate: { (request, hurry, report) async throws(CommandFailure) in
          var request = request
          request.model = name
          return try await remote.generate(request, hurry, report)
        }, close: {})
    case .here: return try await local(configuration, model)
    }
  }

  private static func local(
    _ configuration: Configuration, _ model: String?
  ) async throws(CommandFailure) -> CodeSource {
    let (engine, name) = try await LocalEngine.open(configuration, model: model)
    let service = CodeService(engine: engine)
    do throws(GenerationError) {
      _ = try await service.openSandbox()
    } catch {
      await engine.shutdown(by: .now)
      throw CommandFailure(error)
    }
    return CodeSource(
      model: name,
      generate: { (request, hurry, report) async throws(CommandFailure) in
        do throws(GenerationError) {
          let result = try await service.generate(
            request, model: name, context: RequestContext(requestID: "code"), hurry: hurry
          ) { event in
            if case .search(let event) = event { await report(event.name, event.json) }
          }
          return result.json
        } catch {
          throw CommandFailure(error)
        }
      },
      close: {
        await service.shutdown()
        await engine.shutdown(by: .now + .seconds(2))
      })
  }
}

/// The models of the data folder in this process.
enum LocalEngine {
  /// Loads a model; the default one where none is named.
  static func open(
    _ configuration: Configuration, model: String?, cacheTokens: Int? = nil
  ) async throws(CommandFailure) -> (engine: LocalModels, model: String) {
    let folder = try ModelFolder(
      DataFolder(path: configuration.dataDir), defaultModel: configuration.defaultModel, aliases: configuration.aliases)
    if let added = try await folder.adoptFetchedModel(environment: ProcessInfo.processInfo.environment) {
      Output.note("added the model \(added.name), which was fetched before")
    }
    var settings = LocalModels.Configuration()
    settings.engine.maximumActive = 1
    settings.engine.threads = configuration.threads
    settings.engine.cacheTokens = configuration.cacheTokens ?? cacheTokens
    let engine = LocalModels(source: folder, configuration: settings)
    let source = AnswerSource(
      provider: engine, place: "in this process", models: await engine.models(), close: {})
    let name = try source.model(named: model)
    let progress = Progress("loading \(name)")
    defer { progress.finish() }
    progress.update("")
    do throws(GenerationError) {
      try await engine.preload(name)
    } catch {
      throw CommandFailure(error)
    }
    return (engine, name)
  }
}
