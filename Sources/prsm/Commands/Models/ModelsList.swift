import ArgumentParser
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import PRSMClient

/// `prsm models list`.
struct ModelsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the models there are.",
    discussion: """
      The models of the data folder; with --api or PRSM_API, those that the node there offers.

      EXAMPLES
        prsm models list
        prsm models list --json
        prsm models list --api http://other:8080
      """,
    aliases: ["ls"]
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let environment = ProcessInfo.processInfo.environment
    if node.api != nil || !environment["PRSM_API", default: ""].isEmpty {
      let place = try await NodeLocator(options: node, dataDir: configuration.dataDir).locate()
      guard case .node(let client) = place else { return }
      let source = try await AnswerSource.remote(client)
      show(source.models)
      return
    }
    let folder = try ModelFolder(
      DataFolder(path: configuration.dataDir), defaultModel: configuration.defaultModel, aliases: configuration.aliases)
    if let added = try await folder.adoptFetchedModel(environment: environment) {
      Output.note("added the model \(added.name), which was fetched before")
    }
    show(try await folder.models(), folder)
  }

  private func show(_ models: [ModelEntry], _ folder: ModelFolder) {
    if output.isJSON {
      Output.line(JSONValue.array(models.map { $0.json(folder.summary(of: $0)) }).text)
      return
    }
    guard !models.isEmpty else {
      Output.line("There are no models yet. These can be pulled by name:")
      for recipe in ModelRecipe.all { Output.line("  prsm models pull \(recipe.name)    \(recipe.summary)") }
      Output.line("Any GGUF file can be added: prsm models add FILE")
      return
    }
    var table = Table(["NAME", "SIZE", "WEIGHTS", "QUANT", "CONTEXT", "CHECKED"], rightAligned: [1, 2, 4])
    for model in models {
      let summary = folder.summary(of: model)
      table.add([
        ([model.name] + model.aliases).joined(separator: ", "), ByteCount.text(Int(clamping: model.size)),
        summary.map { ParameterCount.text(Int(clamping: $0.parameters)) } ?? "?", summary?.quantization ?? "?",
        summary.map { String($0.contextLength) } ?? "?", model.state,
      ])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }

  private func show(_ models: [ModelDescriptor]) {
    if output.isJSON {
      let rows = models.map { model -> JSONValue in
        [
          "name": .string(model.name), "provider": .string(model.provider),
          "aliases": .array(model.aliases.map { .string($0) }),
          "context_length": model.contextLength.map { .integer($0) } ?? .null,
          "parameters": model.parameterCount.map { .integer($0) } ?? .null,
          "quantization": model.quantization.map { .string($0) } ?? .null, "loaded": .bool(model.isLoaded),
        ]
      }
      Output.line(JSONValue.array(rows).text)
      return
    }
    var table = Table(["NAME", "PROVIDER", "WEIGHTS", "QUANT", "CONTEXT", "LOADED"], rightAligned: [2, 4])
    for model in models {
      table.add([
        model.name, model.provider, model.parameterCount.map(ParameterCount.text) ?? "?", model.quantization ?? "?",
        model.contextLength.map(String.init) ?? "?", model.isLoaded ? "yes" : "no",
      ])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}
