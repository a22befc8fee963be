import ArgumentParser
import Foundation
import ModelInterface

/// `prsm peers why`.
struct PeersWhy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Tell what was tried to reach a peer, and where it failed.",
    discussion: """
      EXAMPLES
        prsm peers why 12D3KooW…
      """
  )

  @Argument(help: "The peer's id.")
  var peer: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let answer = try await PeersNode(node).call("GET", "/\(Self.encoded(peer))")
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    let connections = answer["connections"]?.array ?? []
    for connection in connections {
      let opener = connection["direction"]?.string == "inbound" ? "by the peer" : "by this node"
      Output.line(
        "connected at \(connection["address"]?.string ?? "?"), opened \(opener), round trip "
          + PeerText.milliseconds(connection["round_trip_ms"]))
    }
    if connections.isEmpty { Output.line("not connected") }
    let addresses = answer["addresses"]?.array ?? []
    Output.line(addresses.isEmpty ? "no address is known" : "known addresses:")
    for address in addresses { Output.line("  \(address.string ?? "")") }
    let history = answer["history"]?.array ?? []
    Output.line(history.isEmpty ? "nothing was tried since the node started" : "what was tried:")
    for entry in history {
      let seconds = Int(entry["time"]?.double ?? 0)
      let time = "\(Timestamp.text(seconds)):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)"
      let address = entry["address"]?.string ?? ""
      Output.line("  \(time)  \(address.isEmpty ? "" : address + "  ")\(entry["outcome"]?.string ?? "")")
    }
  }

  /// A path segment of a URL.
  static func encoded(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
  }
}
