import ArgumentParser
import ModelCatalog
import ModelInterface

/// `prsm models rm`.
struct ModelsRemove: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm",
    abstract: "Remove a model and its file.",
    discussion: """
      A file that was added with --in-place stays where it is.

      EXAMPLE
        prsm models rm gemma-3-270m
      """,
    aliases: ["remove"]
  )

  @Argument(help: "The model.")
  var name: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    let removed: ModelEntry
    do {
      removed = try await folder.catalog.remove(name)
    } catch {
      throw CommandFailure(adding: error)
    }
    if output.isJSON {
      Output.line(removed.json(nil).text)
    } else {
      Output.line(
        removed.placement == .inPlace
          ? "removed \(removed.name); its file stays at \(removed.path)"
          : "removed \(removed.name) and its file (\(ByteCount.text(Int(clamping: removed.size))))")
    }
  }
}
