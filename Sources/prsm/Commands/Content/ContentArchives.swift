import ArgumentParser
import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats

/// `prsm content import`.
struct ContentImport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Put the blocks of CAR files here, and pin their roots.",
    discussion: """
      Versions 1 and 2 are read; every block is checked.

      EXAMPLES
        prsm content import site.car
        curl -s 'http://other:8080/ipfs/bafy…?format=car' | prsm content import -
      """
  )

  @Argument(help: "CAR files; `-` is standard input.", completion: .file(extensions: ["car"]))
  var files: [String]

  @Flag(help: "Do not pin the roots.")
  var noPin = false

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    var rows: [JSONValue] = []
    for file in files {
      let progress = Progress("importing \(file)")
      defer { progress.finish() }
      let done = ByteCounter()
      let roots: @Sendable (CARTransfer.Imported) -> [CID] = { $0.roots }
      let report = try await place.adding(pin: noPin ? nil : "", isWhole: false, roots: roots) {
        (sink) throws(ContentError) -> CARTransfer.Imported in
        let input = try InputFile(file == "-" ? nil : FilePath.expandingHome(file))
        return try CARTransfer.importing(to: sink) { (buffer) throws(ContentError) in
          let count = try input.read(into: buffer)
          progress.update(bytes: done.add(count), of: nil)
          return count
        }
      }
      progress.finish()
      if output.isJSON {
        rows.append([
          "file": .string(file), "roots": .array(report.roots.map { .string("\($0)") }),
          "blocks": .integer(report.blocks), "bytes": .integer(report.bytes),
        ])
      } else {
        for root in report.roots { Output.line("\(root)") }
        Output.note("\(report.blocks) blocks, \(ByteCount.text(Int(clamping: report.bytes))) from \(file)")
      }
    }
    if output.isJSON { Output.line(JSONValue.array(rows).text) }
  }
}

/// `prsm content export`.
struct ContentExport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write everything under a CID as a CAR file.",
    discussion: """
      EXAMPLES
        prsm content export bafy… --output site.car
        prsm content export bafy… | ssh other prsm content import -
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String

  @Option(name: .shortAndLong, help: ArgumentHelp("The file to write (default: standard output).", valueName: "file"))
  var output: String?

  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    if output == nil, isatty(STDOUT_FILENO) == 1 {
      throw CommandFailure.usage("an archive is no text for a terminal; give --output FILE, or send it on with a pipe")
    }
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let cid = try await place.resolve(path)
    let source = place.blocks
    let target = output.map { FilePath.expandingHome($0) }
    let progress = Progress("exporting \(cid)")
    defer { progress.finish() }
    let done = ByteCounter()
    try await content { () async throws(ContentError) in
      let file: OutputFile
      if let target { file = try OutputFile(creating: target + ".partial") } else { file = .standard }
      do throws(ContentError) {
        try await CARTransfer.exporting(cid, from: source) { (bytes) async throws(ContentError) in
          try file.write(bytes)
          progress.update(bytes: done.add(bytes.count), of: nil)
        }
        if let target { try file.finish(as: target) }
      } catch {
        if target != nil { file.remove() }
        throw error
      }
    }
  }
}
