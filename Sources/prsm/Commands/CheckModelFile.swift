import ArgumentParser
import LlamaEngine
import ModelInterface

/// `prsm check-model-file`: loads a model file once and ends. A file that makes llama.cpp abort ends this process and not
/// the node that started it.
struct CheckModelFile: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-model-file",
    abstract: "Load a model file once, in a process of its own.",
    shouldDisplay: false
  )

  @Argument(help: "The file.")
  var file: String

  func run() async throws {
    _ = try ModelFileCheck.structure(of: file)
    var configuration = LocalModels.Configuration()
    configuration.engine.cacheTokens = 256
    configuration.engine.maximumActive = 1
    configuration.engine.extraSequences = 0
    configuration.engine.threads = 1
    let models = LocalModels(
      source: FixedModelSource([ModelFileEntry(name: "candidate", path: file)]), configuration: configuration)
    do throws(GenerationError) {
      try await models.preload("candidate")
    } catch {
      throw CommandFailure.no("\(file) cannot be loaded as a model: \(error.message)")
    }
    await models.shutdown(by: .now + .seconds(5))
  }
}
