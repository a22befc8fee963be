import ArgumentParser
import LlamaEngine

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
    await ModelLoadCheck.performInChild(path: file)
  }
}
