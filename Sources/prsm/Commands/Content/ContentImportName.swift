import ArgumentParser
import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats

/// `prsm content import-name`.
struct ContentImportName: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import-name",
    abstract: "Keep the IPNS record of somebody else's name.",
    discussion: """
      The record is checked against the name, and a newer one that is here already stays. Gateways of this node follow the \
      name at once, for as long as the record holds: /ipns/NAME.

      EXAMPLES
        curl -s 'http://other:8080/ipns/k51…?format=ipns-record' | prsm content import-name - --name k51…
        prsm content import-name k51….ipns-record
      """
  )

  @Argument(help: "The record; `-` is standard input.", completion: .file(extensions: ["ipns-record"]))
  var file: String

  @Option(help: "The name that it is for (default: what the file is called, up to `_` or `.`).")
  var name: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let path = FilePath.expandingHome(file)
    let text = name ?? String(path.split(separator: "/").last?.prefix { $0 != "_" && $0 != "." } ?? "")
    guard let peer = NameResolver.peer(text) else {
      throw CommandFailure.usage(
        "`\(text)` is no IPNS name; give the one that the record is for with --name, such as k51… or 12D3KooW…")
    }
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    let isInput = file == "-"
    let (record, isNewest) = try await content { () async throws(ContentError) in
      let bytes = try Self.read(isInput ? nil : path)
      let record = try IPNSRecord(verifying: bytes, name: peer)
      guard record.isValid(at: ContentFolder.now()) else {
        throw ContentError(.corrupt, "the record held until \(record.validity); get a newer one")
      }
      // Records are files of their own, so that a node that runs finds them without being told.
      return (record, try RecordFolder(folder: folder.path + "/content/names").put(bytes, name: peer))
    }
    guard isNewest else {
      throw CommandFailure(.no, "a newer record of \(peer.cid) is here already, and stays")
    }
    if output.isJSON {
      let facts: JSONValue = [
        "name": .string("\(peer.cid)"), "value": .string(record.value), "valid_until": .string(record.validity),
      ]
      Output.line(facts.text)
    } else {
      Output.line("/ipns/\(peer.cid) -> \(record.value)")
    }
  }

  /// - Parameter path: nil for standard input.
  private static func read(_ path: String?) throws(ContentError) -> [UInt8] {
    let input = try InputFile(path)
    var bytes: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4_096, alignment: 16)
    defer { buffer.deallocate() }
    while bytes.count <= IPNSRecord.maximumSize {
      let count = try input.read(into: buffer)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    return bytes
  }
}
