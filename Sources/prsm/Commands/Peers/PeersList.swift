import ArgumentParser
import Foundation
import ModelInterface

/// `prsm peers list`.
struct PeersList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show who is connected.",
    discussion: """
      EXAMPLES
        prsm peers list
        prsm peers list --json
      """,
    aliases: ["ls"]
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let answer = try await PeersNode(node).call("GET", "")
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    let peers = answer["peers"]?.array ?? []
    guard !peers.isEmpty else {
      Output.line("No peer is connected. Others reach this node at:")
      for address in answer["addresses"]?.array ?? [] { Output.line("  \(address.string ?? "")") }
      return
    }
    var table = Table(
      ["PEER", "PROGRAM", "ADDRESS", "OPENED BY", "ROUND TRIP", "IN", "OUT", "STREAMS"], rightAligned: [4, 5, 6, 7])
    for peer in peers {
      for connection in peer["connections"]?.array ?? [] {
        table.add([
          peer["id"]?.string ?? "", peer["agent"]?.string ?? "?", connection["address"]?.string ?? "",
          connection["direction"]?.string == "inbound" ? "peer" : "this node",
          PeerText.milliseconds(connection["round_trip_ms"]), PeerText.bytes(connection["bytes_in"]),
          PeerText.bytes(connection["bytes_out"]), "\(connection["streams"]?.integer ?? 0)",
        ])
      }
    }
    Output.write(table.text(Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)))
  }
}
