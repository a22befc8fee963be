import ArgumentParser
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface

/// `prsm models inspect`.
struct ModelsInspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Show what a model is, without loading it.",
    discussion: """
      EXAMPLES
        prsm models inspect smollm2-135m-instruct --verify
        prsm models inspect ~/Downloads/other.gguf
      """
  )

  @Argument(help: "A model, or a GGUF file.", completion: .file(extensions: ["gguf"]))
  var model: String

  @Flag(help: "Read the whole file and compare its checksum; load it once if that was never done.")
  var verify = false

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let path = FilePath.expandingHome(model)
    if path.contains("/") || path.hasSuffix(".gguf"), FileManager.default.fileExists(atPath: path) {
      let summary = try ModelFileCheck.structure(of: path)
      show(nil, summary, path)
      return
    }
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    var entry: ModelEntry
    do {
      entry = try await folder.catalog.resolve(model)
    } catch {
      throw CommandFailure(error)
    }
    if verify {
      let progress = Progress("verifying \(entry.name)")
      let total = Int(clamping: entry.size)
      defer { progress.finish() }
      entry = try await folder.check.admit(entry.name) { progress.update(bytes: Int(clamping: $0), of: total) }
    }
    show(entry, try ModelFileCheck.structure(of: entry.path), entry.path)
  }

  private func show(_ entry: ModelEntry?, _ summary: GGUFSummary, _ path: String) {
    if output.isJSON {
      Output.line((entry?.json(summary) ?? ["path": .string(path), "file": summary.json]).text)
      return
    }
    var rows: [(String, String)] = []
    if let entry {
      rows += [
        ("name", ([entry.name] + entry.aliases).joined(separator: ", ")), ("file", entry.path),
        ("checksum", entry.sha256), ("from", entry.source), ("licence", entry.license ?? "–"),
        ("added", Timestamp.text(Int(entry.added.timeIntervalSince1970))), ("checked", entry.state),
      ]
    } else {
      rows.append(("file", path))
    }
    rows += summary.rows
    let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
    let width = rows.map(\.0.count).max() ?? 0
    for (name, value) in rows {
      Output.line(style.dim(name) + String(repeating: " ", count: width + 2 - name.count) + value)
    }
  }
}
