import ArgumentParser
import Foundation
import ModelInterface

/// `prsm peers why`.
struct PeersWhy: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Tell what was tried to reach a peer, where it failed, and how it kept its word.",
    discussion: """
      Of a peer that answers for this node, it also says how reliable it was, what it offers, and what it did wrong.

      EXAMPLES
        prsm peers why 12D3KooW…
      """
  )

  @Argument(help: "The peer's id.")
  var peer: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let asked = try await PeersNode(node)
    var answer = try await asked.call("GET", "/\(Self.encoded(peer))")
    if let experience = await asked.experience(of: answer["id"]?.string ?? peer), var all = answer.object {
      all["answers"] = experience
      answer = .object(all)
    }
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
    if let experience = answer["answers"] { Self.tell(experience) }
  }

  /// How reliable its answers were, what it offers, and what went wrong.
  private static func tell(_ experience: JSONValue) {
    Output.line(
      "as one who answers: reliability \(PeerText.percent(experience["reliability"])), score in gossip "
        + "\(Decimals.text(experience["gossip_score"]?.double ?? 0, 1))")
    if let offer = experience["offer"], let models = offer["models"]?.array {
      let names = models.compactMap { $0["name"]?.string }.joined(separator: ", ")
      let region = offer["region"]?.string.map { ", region \($0)" } ?? ""
      Output.line(
        "  offers \(names.isEmpty ? "no model" : names), \(offer["running"]?.integer ?? 0) of "
          + "\(offer["capacity"]?.integer ?? 0) places taken\(region)")
    } else {
      Output.line("  offers nothing")
    }
    for lie in experience["false_answers"]?.array ?? [] {
      Output.line("  answered falsely, and is not asked again: \(lie.string ?? "")")
    }
    let history = experience["history"]?.array ?? []
    if !history.isEmpty { Output.line("  of late:") }
    for line in history { Output.line("    \(line.string ?? "")") }
  }

  /// A path segment of a URL.
  static func encoded(_ text: String) -> String {
    text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
  }
}
