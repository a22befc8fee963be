import ArgumentParser
import Foundation
import ModelInterface
import PRSMClient

/// `prsm peers`: who this node knows.
struct Peers: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "peers",
    abstract: "Show, find and connect to other nodes.",
    discussion: """
      A node has peers where it is told to listen to them: `prsm serve --peer-listen /ip4/0.0.0.0/tcp/4001`, or \
      `peers.listen` in prsm.yaml. All but `prsm peers id` need such a node.

      EXAMPLES
        prsm peers id
        prsm peers list
        prsm peers connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…
        prsm peers why 12D3KooW…
      """,
    subcommands: [
      PeersID.self, PeersList.self, PeersConnect.self, PeersFind.self, PeersPing.self, PeersWhy.self,
    ]
  )
}

/// The node that the commands of peers ask.
struct PeersNode {
  private let client: PRSMClient

  init(_ options: NodeOptions) async throws {
    let configuration = try Configuration.load(path: options.config, flags: options.flags)
    let place = try await NodeLocator(options: options, dataDir: configuration.dataDir).locate()
    guard case .node(let client) = place else {
      throw CommandFailure.unavailable(
        "no node is running; start one with `prsm serve --peer-listen /ip4/0.0.0.0/tcp/4001`")
    }
    self.client = client
  }

  /// Asks the node.
  ///
  /// - Throws: ``CommandFailure``: `unavailable` where it has no peers, `no` where a peer cannot be found or reached.
  func call(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws(CommandFailure) -> JSONValue {
    do throws(PRSMClientError) {
      return try await patient.call(method, "/v1/prsm/peers" + path, body)
    } catch {
      switch error.status {
      case 404 where error.code == "peer_not_found": throw .no(error.message)
      case 404:
        throw .unavailable(
          "this node takes no part in the network of peers; start it with `--peer-listen /ip4/0.0.0.0/tcp/4001`")
      case 502: throw .no(error.message)
      default: throw CommandFailure(error)
      }
    }
  }

  /// What the node has experienced with a peer's answers; nil where it keeps no account of that.
  func experience(of peer: String) async -> JSONValue? {
    try? await patient.call("GET", "/v1/prsm/inference/peers/\(PeersWhy.encoded(peer))", nil)
  }

  private var patient: PRSMClient {
    var client = client
    client.retry = .never
    client.timeout = .seconds(60)
    return client
  }
}

/// How the commands write what they found.
enum PeerText {
  static func percent(_ value: JSONValue?) -> String {
    value?.double.map { "\(Decimals.text($0 * 100, 0)) %" } ?? "?"
  }

  static func bytes(_ value: JSONValue?) -> String { ByteCount.text(value?.integer ?? 0) }

  static func milliseconds(_ value: JSONValue?) -> String {
    guard let value = value?.double else { return "?" }
    return "\(Decimals.text(value, value < 10 ? 2 : 0)) ms"
  }
}
