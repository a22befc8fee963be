import Access
import ArgumentParser
import ModelInterface
import Multiformats

/// `prsm peers id`.
struct PeersID: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "id",
    abstract: "Show by what name peers know this node.",
    discussion: """
      The key is in the data folder and is made there where there is none yet.

      EXAMPLES
        prsm peers id
        prsm peers id --data-dir /srv/prsm --json
      """
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let configuration = try Configuration.load(path: node.config, flags: node.flags)
    let folder = DataFolder(path: configuration.dataDir)
    try folder.prepare()
    let identity: NodeIdentity
    do throws(AccessError) { identity = try NodeIdentity.loadOrCreate(in: configuration.dataDir) } catch {
      throw CommandFailure.unavailable(error.description)
    }
    if output.isJSON {
      let key: JSONValue = ["id": .string("\(identity.peerID)"), "name": .string("\(identity.peerID.cid)")]
      Output.line(key.text)
    } else {
      Output.line("\(identity.peerID)")
    }
  }
}
