import Access
import ArgumentParser
import Content
import Foundation
import LlamaEngine
import ModelCatalog
import ModelInterface
import Multiformats

/// `prsm models publish`.
struct ModelsPublish: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish",
    abstract: "Put a model into the content store, with a signed manifest, for others to pull.",
    discussion: """
      The file is cut by its content, so that quantisations and versions which share stretches share blocks. The manifest \
      says what the model is, what it was made from and under which terms, and is signed with this data folder's key.

      Several models go under one manifest in the order in which they are named, such as quantisations, the smallest first: \
      whoever pulls them can use each as soon as it is whole, while the others still arrive.

      EXAMPLES
        prsm models publish mistral
        prsm models publish mistral-q4 mistral-q8
        prsm models publish tuned --licence apache-2.0 --from bafy… --metric humaneval=0.41 --statement 'tuned on our logs'
      """
  )

  @Argument(help: "The model to publish, or several under one manifest, which is named after the first.")
  var names: [String]

  @Option(help: ArgumentHelp("Its licence, as SPDX has it (default: the one in the file).", valueName: "id"))
  var licence: String?

  @Option(
    help: ArgumentHelp(
      "The manifest of a model or data set that it was made from; may be given again.", valueName: "cid"))
  var from: [String] = []

  @Option(help: ArgumentHelp("A score, such as humaneval=0.41; may be given again.", valueName: "name=value"))
  var metric: [String] = []

  @Option(help: "Where it comes from and under which further terms, in words.")
  var statement = ""

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    var metrics: [String: Double] = [:]
    for text in metric {
      let parts = text.split(separator: "=", maxSplits: 1).map { String($0) }
      guard parts.count == 2, !parts[0].isEmpty, let value = Double(parts[1]), value.isFinite else {
        throw CommandFailure.usage("--metric: expected NAME=NUMBER, found `\(text)`")
      }
      metrics[parts[0]] = value
    }
    let sources = try Publishing.sources(from)
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = try ModelFolder(DataFolder(path: configuration.dataDir))
    var entries: [ModelEntry] = []
    for name in names {
      do throws(CatalogError) {
        entries.append(try await folder.catalog.resolve(name))
      } catch {
        throw CommandFailure(error)
      }
    }
    guard Set(entries.map(\.name)).count == entries.count else {
      throw CommandFailure.usage("the same model is named twice; name each once")
    }
    let (entry, files) = (entries[0], entries)
    let summary = try ModelFileCheck.structure(of: entry.path)
    guard let licence = licence ?? entry.license ?? summary.license else {
      throw CommandFailure.usage("the file says nothing of its licence; say under which terms with --licence")
    }
    let identity = try NodeIdentity.of(node)
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let progress = Progress("publishing \(entry.name)")
    defer { progress.finish() }
    let done = ByteCounter()
    let (total, metricsGiven) = (entries.reduce(0) { $0 + Int(clamping: $1.size) }, metrics)
    let provenance = Provenance(
      licence: licence, derivedFrom: sources, statement: statement, publishedAt: UInt64(max(0, ContentFolder.now())))
    let cid = try await place.adding(pin: "model \(entry.name)", isWhole: false, roots: { (cid: CID) in [cid] }) {
      (sink) throws(ContentError) in
      var published: [ManifestFile] = []
      for file in files {
        // The catalogue's file may be a link of its own; what it leads to is what is published.
        let input = try InputFile(file.path)
        let added = try FileImport.add(
          profile: .deduplicating, to: sink, progress: { progress.update(bytes: done.add($0), of: total) }
        ) { (buffer) throws(ContentError) in try input.read(into: buffer) }
        published.append(ManifestFile(path: file.name + ".gguf", cid: added.cid, size: added.fileSize))
      }
      let manifest = ModelManifest(
        name: entry.name, architecture: summary.architecture, parameters: summary.parameters,
        files: published, metrics: metricsGiven, provenance: provenance)
      return try Publishing.publish(manifest.node, by: identity, to: sink)
    }
    progress.finish()
    if output.isJSON {
      let object: JSONValue = [
        "cid": .string("\(cid)"), "url": .string("ipfs://\(cid)"), "publisher": .string("\(identity.peerID)"),
      ]
      Output.line(object.text)
    } else {
      Output.line("ipfs://\(cid)")
      Output.note("signed by \(identity.peerID), under \(licence). Others get it with: prsm models pull ipfs://\(cid)")
    }
  }
}
