import ArgumentParser
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface

/// `prsm models add`.
struct ModelsAdd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Add a GGUF file from this machine.",
    discussion: """
      The file is read and checked, and loaded once in a process of its own, before the node may use it. It is linked into \
      the data folder where the file system can, and copied otherwise.

      EXAMPLES
        prsm models add ~/Downloads/mistral-7b.Q4_K_M.gguf --name mistral
        prsm models add /srv/models/large.gguf --in-place --alias gpt-4o
      """
  )

  @Argument(help: "The GGUF file.", completion: .file(extensions: ["gguf"]))
  var file: String

  @Option(help: ArgumentHelp("What clients call it (default: after the file).", valueName: "name"))
  var name: String?

  @Option(help: ArgumentHelp("Another name for it; may be given again.", valueName: "name"))
  var alias: [String] = []

  @Flag(help: "Leave the file where it is.")
  var inPlace = false

  @Flag(help: "Copy the file even where it could be linked.")
  var copy = false

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    if inPlace, copy { throw ValidationError("--in-place and --copy contradict each other; give one of them") }
  }

  func run() async throws {
    let path = FilePath.expandingHome(file)
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    let summary = try ModelFileCheck.structure(of: path)
    let progress = Progress("adding \(URL(fileURLWithPath: path).lastPathComponent)")
    let total = Int(clamping: summary.fileBytes)
    let entry: ModelEntry
    do {
      let known = Set(try await folder.models().map(\.name))
      let added = try await folder.catalog.add(
        path: path, name: name, placing: inPlace ? .inPlace : copy ? .copy : .automatic, license: summary.license,
        aliases: alias
      ) { progress.update(bytes: Int(clamping: $0), of: total) }
      progress.update("trying it")
      do {
        entry = try await folder.check.admit(added.name)
      } catch {
        // What does not load is not kept, unless it was there before.
        if !known.contains(added.name) { _ = try? await folder.catalog.remove(added.name) }
        throw error
      }
    } catch {
      progress.finish()
      throw CommandFailure(adding: error)
    }
    progress.finish()
    if output.isJSON {
      Output.line(entry.json(summary).text)
    } else {
      Output.line(
        "added \(entry.name): \(ParameterCount.text(Int(clamping: summary.parameters))) weights, "
          + "\(summary.quantization), \(ByteCount.text(total)). Try: prsm chat --model \(entry.name)")
    }
  }
}
