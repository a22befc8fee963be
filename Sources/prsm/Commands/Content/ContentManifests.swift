import Access
import ArgumentParser
import Content
import Foundation
import ModelInterface
import Multiformats

/// `prsm content manifest`.
struct ContentManifest: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manifest",
    abstract: "Show what a published model or data set is, who signed it, and under which terms.",
    discussion: """
      EXAMPLE
        prsm content manifest bafy…
      """
  )

  @Argument(help: "The manifest's CID.")
  var cid: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let wanted = try await place.resolve(cid)
    let source = place.blocks
    let (statement, publisher) = try await content { () async throws(ContentError) in
      try await Publishing.read(wanted, from: source)
    }
    let facts = Publishing.json(statement, publisher: publisher, wanted)
    if output.isJSON {
      Output.line(facts.text)
      return
    }
    var table = Table(["WHAT", "VALUE"])
    for (name, value) in facts.object?.members ?? [] where name != "files" {
      table.add([name.replacing("_", with: " "), value.string ?? value.text])
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
    for file in statement.files {
      let rows = file.rows.map { "  \($0) rows" } ?? ""
      Output.line("\(file.cid)  \(ByteCount.text(Int(clamping: file.size)))\(rows)  \(file.path)")
    }
  }
}

/// `prsm content publish-data`.
struct ContentPublishData: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish-data",
    abstract: "Put a data set's shards into the store, with a signed manifest of schema, origin and terms.",
    discussion: """
      Rows are counted where a row is a line (jsonl, csv with a head, tsv with a head, txt).

      EXAMPLE
        prsm content publish-data corpus part-*.jsonl --format jsonl --column text:string --column year:int64 \\
          --licence cc-by-4.0 --statement 'public filings, 2019 to 2024'
      """
  )

  @Argument(help: "What the data set is called.")
  var name: String

  @Argument(help: "Its shards, in order.", completion: .file())
  var files: [String]

  @Option(help: "What the shards are: jsonl, csv, tsv, parquet, txt, …")
  var format: String

  @Option(help: ArgumentHelp("A column; may be given again.", valueName: "name:type"))
  var column: [String] = []

  @Option(help: ArgumentHelp("Its licence, as SPDX has it.", valueName: "id"))
  var licence: String

  @Option(help: ArgumentHelp("A manifest that it was made from; may be given again.", valueName: "cid"))
  var from: [String] = []

  @Option(help: "Where it comes from and under which further terms, in words.")
  var statement = ""

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    var schema: [DataSetManifest.Column] = []
    for text in column {
      let parts = text.split(separator: ":", maxSplits: 1).map { String($0) }
      guard parts.count == 2 else { throw CommandFailure.usage("--column: expected NAME:TYPE, found `\(text)`") }
      schema.append(.init(name: parts[0], type: parts[1]))
    }
    let paths = files.map { FilePath.expandingHome($0) }
    for path in paths where !FileManager.default.isReadableFile(atPath: path) {
      throw CommandFailure.usage("\(path) cannot be read; give the data set's files")
    }
    let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }
    guard Set(names).count == names.count else {
      throw CommandFailure.usage("two shards have the same name; rename one of them")
    }
    let provenance = Provenance(
      licence: licence, derivedFrom: try Publishing.sources(from), statement: statement,
      publishedAt: UInt64(max(0, ContentFolder.now())))
    let identity = try NodeIdentity.of(node)
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let progress = Progress("publishing \(name)")
    defer { progress.finish() }
    let done = ByteCounter()
    let (format, columns, title) = (format, schema, name)
    let cid = try await place.adding(pin: "data \(name)", isWhole: false, roots: { (cid: CID) in [cid] }) {
      (sink) throws(ContentError) in
      var shards: [ManifestFile] = []
      for (path, name) in zip(paths, names) {
        let input = try InputFile(path)
        let lines = ByteCounter()
        let added = try FileImport.add(
          profile: .deduplicating, to: sink, progress: { progress.update(bytes: done.add($0), of: nil) }
        ) { (buffer) throws(ContentError) in
          let count = try input.read(into: buffer)
          _ = lines.add(buffer[..<count].reduce(0) { $0 + ($1 == 0x0a ? 1 : 0) })
          return count
        }
        let head = ["csv", "tsv"].contains(format) ? 1 : 0
        let isLines = ["jsonl", "csv", "tsv", "txt"].contains(format)
        shards.append(
          ManifestFile(
            path: name, cid: added.cid, size: added.fileSize,
            rows: isLines ? UInt64(max(0, lines.add(0) - head)) : nil))
      }
      let manifest = DataSetManifest(
        name: title, format: format, schema: columns, shards: shards, provenance: provenance)
      return try Publishing.publish(manifest.node, by: identity, to: sink)
    }
    progress.finish()
    if output.isJSON {
      Output.line((["cid": .string("\(cid)"), "publisher": .string("\(identity.peerID)")] as JSONValue).text)
    } else {
      Output.line("ipfs://\(cid)")
      Output.note("signed by \(identity.peerID), under \(licence)")
    }
  }
}
