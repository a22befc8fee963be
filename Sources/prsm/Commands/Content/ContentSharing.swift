import Access
import ArgumentParser
import Content
import Foundation
import Gateway
import ModelInterface
import Multiformats

/// `prsm content identity`.
struct ContentIdentity: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identity",
    abstract: "Print who this data folder is: the key to publish by, and the key to be sent private content by.",
    discussion: """
      Others seal content for you with the reader's key: prsm content add FILE --encrypt-for KEY.

      EXAMPLES
        prsm content identity
        prsm content identity --json
      """
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let identity = try NodeIdentity.of(node)
    let reader = try identity.reader.text
    if output.isJSON {
      let object: JSONValue = [
        "peer": .string("\(identity.peerID)"), "name": .string("\(identity.peerID.cid)"), "reader": .string(reader),
      ]
      Output.line(object.text)
    } else {
      Output.line("reader     \(reader)")
      Output.line("publisher  \(identity.peerID)")
      Output.line("name       \(identity.peerID.cid)")
    }
  }
}

/// `prsm content revoke`.
struct ContentRevoke: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Take readers off private content; prints the new CID to hand out.",
    discussion: """
      The content's key is wrapped anew for those who stay. Who has read it may have kept a copy or the key: to keep later \
      versions from them, add those anew.

      EXAMPLE
        prsm content revoke bafy… --reader z6LS…
      """
  )

  @Argument(help: "The private content's CID, as `add --encrypt-for` printed it.")
  var cid: String

  @Option(help: ArgumentHelp("A reader to take off; may be given again.", valueName: "key"))
  var reader: [String]

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let old = try ContentAddress.cid(cid)
    let gone = Set(try reader.map { try ReaderKey($0).bytes })
    guard !gone.isEmpty else { throw CommandFailure.usage("--reader: name at least one reader to take off") }
    let identity = try NodeIdentity.of(node)
    let own = try identity.reader.bytes
    guard !gone.contains(own) else {
      throw CommandFailure.usage("that reader is you; without you, nobody here could wrap the key again")
    }
    let place = try await ContentAddress.place(node)
    defer { place.close() }
    let source = place.blocks
    let block = try await content { () async throws(ContentError) in
      guard let envelope = try await PrivateContent.envelope(old, from: source) else {
        throw ContentError(.wrongKind, "\(old) is not private content", cid: old)
      }
      let missing = gone.subtracting(envelope.readers)
      guard missing.isEmpty else {
        throw ContentError(
          .notFound, "\(ReaderKey(bytes: missing.first ?? []).text) is not among its \(envelope.readers.count) readers")
      }
      let left = envelope.readers.filter { !gone.contains($0) }
      let wrapped = try envelope.rewrapped(for: left, secret: ReaderKey.secret(of: identity))
      return try Block(DagCBOR.encode(wrapped.node), codec: .dagCBOR)
    }
    _ = try await place.adding(pin: "private", isWhole: false, roots: { (_: Bool) in [block.cid] }) {
      (sink) throws(ContentError) in
      try sink.put(block)
      return true
    }
    try? await place.unpin(old)
    if output.isJSON {
      Output.line((["cid": .string("\(block.cid)"), "was": .string("\(old)")] as JSONValue).text)
    } else {
      Output.line("\(block.cid)")
    }
  }
}

/// `prsm content publish-name`.
struct ContentPublishName: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "publish-name",
    abstract: "Let this data folder's IPNS name lead to content.",
    discussion: """
      The name is the folder's own key (see `prsm content identity`); the record is signed with it. Gateways of this node \
      follow it at once: /ipns/NAME.

      EXAMPLE
        prsm content publish-name bafy… --lifetime 7d
      """
  )

  @Argument(help: "A CID, with a path below it or without.")
  var path: String

  @Option(help: ArgumentHelp("How long the record holds (default: 2d).", valueName: "time"))
  var lifetime = "2d"

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    guard let duration = DurationText.parse(lifetime), duration >= .seconds(60) else {
      throw CommandFailure.usage("--lifetime: expected a time of at least a minute, such as `2d`, found `\(lifetime)`")
    }
    let address = try ContentAddress(path)
    guard case .content(let root) = address.root else {
      throw CommandFailure.usage("a name leads to a CID, perhaps with a path; found `\(path)`")
    }
    let identity = try NodeIdentity.of(node)
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let value = "/ipfs/\(root)" + address.segments.map { "/" + $0 }.joined()
    let now = ContentFolder.now()
    let name = try await content { () async throws(ContentError) in
      // Records are files of their own, so that a node that runs finds them without being told.
      let folder = try RecordFolder(folder: DataFolder(path: configuration.dataDir).path + "/content/names")
      let known = try folder.record(of: identity.peerID).flatMap {
        try? IPNSRecord(verifying: $0, name: identity.peerID)
      }
      let made = try IPNSRecord.make(
        value: value, sequence: (known?.sequence).map { $0 + 1 } ?? 0,
        validUntil: now + duration.components.seconds, secret: identity.secret)
      try folder.put(made.record.bytes, name: made.name)
      return made.name
    }
    if output.isJSON {
      Output.line((["name": .string("\(name.cid)"), "value": .string(value)] as JSONValue).text)
    } else {
      Output.line("/ipns/\(name.cid) -> \(value)")
    }
  }
}
