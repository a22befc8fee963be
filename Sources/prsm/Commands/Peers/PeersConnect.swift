import ArgumentParser
import ModelInterface

/// `prsm peers connect`.
struct PeersConnect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Connect to a peer.",
    discussion: """
      Exits with 1 where the peer cannot be reached; `prsm peers why` then tells each attempt.

      EXAMPLES
        prsm peers connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…
        prsm peers connect 12D3KooW…
      """
  )

  @Argument(help: "An address that ends in `/p2p/` and the peer's id, or the id alone where its addresses are known.")
  var peer: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let answer = try await PeersNode(node).call("POST", "/connect", ["peer": .string(peer)])
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    let address = answer["connections"]?.array?.first?["address"]?.string ?? "?"
    Output.line("connected to \(answer["id"]?.string ?? peer) at \(address)")
  }
}

/// `prsm peers find`.
struct PeersFind: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "find",
    abstract: "Look for a peer's addresses.",
    discussion: """
      Exits with 1 where nobody knows one.

      EXAMPLES
        prsm peers find 12D3KooW…
      """
  )

  @Argument(help: "The peer's id.")
  var peer: String

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    let answer = try await PeersNode(node).call("GET", "/\(PeersWhy.encoded(peer))/find")
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    for address in answer["addresses"]?.array ?? [] { Output.line(address.string ?? "") }
  }
}
