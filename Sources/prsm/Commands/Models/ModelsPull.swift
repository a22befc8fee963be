import ArgumentParser
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface

/// `prsm models pull`.
struct ModelsPull: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Download a model by its name.",
    discussion: """
      Every part is checked by its checksum. A pull that was interrupted goes on where it stopped. Without a name, shows \
      what can be pulled.

      EXAMPLES
        prsm models pull smollm2-135m-instruct
        prsm models pull gemma-3-270m --accept-terms
        prsm models pull ipfs://bafy… --publisher 12D3KooW…
      """
  )

  @Argument(help: "The model to get: a name, or ipfs://CID of what somebody has published.")
  var name: String?

  @Flag(help: "Accept the model's terms, where it comes under any, without being shown them.")
  var acceptTerms = false

  @Option(help: ArgumentHelp("Who must have signed it, for ipfs://.", valueName: "peer"))
  var publisher: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    guard let name else {
      listRecipes()
      return
    }
    if name.hasPrefix("ipfs://") || name.hasPrefix("/ipfs/") { return try await pullContent(name) }
    let recipe: ModelRecipe
    do throws(CatalogError) {
      recipe = try ModelRecipe.named(name)
    } catch {
      throw CommandFailure(error)
    }
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let data = DataFolder(path: configuration.dataDir)
    let folder = try ModelFolder(data)
    try checkSpace(recipe, data)
    let cache = CacheFolder.path(environment: ProcessInfo.processInfo.environment) + "/pulls"
    let progress = Progress(recipe.name)
    let accepts = acceptTerms
    let entry: ModelEntry
    do {
      let pulled = try await ModelPull(cacheFolder: cache).pull(recipe, into: folder.catalog) { terms in
        progress.finish()
        return accepts || Self.ask(terms)
      } progress: { step in
        switch step {
        case .downloading(_, _, let bytes, let total):
          progress.update(bytes: Int(clamping: bytes), of: Int(clamping: total))
        case .assembling(let bytes, let total):
          progress.update(
            "putting together  \(ByteCount.text(Int(clamping: bytes))) of \(ByteCount.text(Int(clamping: total)))")
        }
      }
      progress.update("trying it")
      entry = try await folder.check.admit(pulled.name)
    } catch {
      progress.finish()
      throw CommandFailure(adding: error)
    }
    progress.finish()
    if output.isJSON {
      Output.line(entry.json(folder.summary(of: entry)).text)
    } else {
      Output.line(
        "\(entry.name) is ready (\(ByteCount.text(Int(clamping: entry.size)))). Try: prsm chat --model \(entry.name)")
    }
  }

  private func listRecipes() {
    if output.isJSON {
      let rows = ModelRecipe.all.map { recipe -> JSONValue in
        [
          "name": .string(recipe.name), "summary": .string(recipe.summary), "license": .string(recipe.license),
          "size": .integer(recipe.size), "download_size": .integer(recipe.downloadSize),
        ]
      }
      Output.line(JSONValue.array(rows).text)
      return
    }
    var table = Table(["NAME", "SIZE", "LICENCE", "WHAT IT IS"], rightAligned: [1])
    for recipe in ModelRecipe.all {
      table.add([recipe.name, ByteCount.text(Int(clamping: recipe.size)), recipe.license, recipe.summary])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
    Output.line("Any other GGUF file comes in with `prsm models add FILE`.")
  }

  /// A download takes room for its parts, for the whole, and for the catalogue's own copy.
  private func checkSpace(_ recipe: ModelRecipe, _ data: DataFolder) throws(CommandFailure) {
    let needed = Int(clamping: recipe.downloadSize) + 2 * Int(clamping: recipe.size)
    guard let free = data.freeSpace, free < needed else { return }
    throw .unavailable(
      "\(recipe.name) needs \(ByteCount.text(needed)) while it is pulled, and \(ByteCount.text(free)) are free at "
        + "\(data.path); make room, or choose another folder with --data-dir")
  }

  /// Shows terms to a person and asks; nobody there means no.
  private static func ask(_ terms: ModelPull.TermsText) -> Bool {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return false }
    Output.note("\n\(terms.text)\n\n\(terms.title): \(terms.address)")
    Output.sideWrite("Do you accept these terms? [y/N] ")
    let answer = readLine()?.lowercased() ?? ""
    return answer == "y" || answer == "yes"
  }
}
