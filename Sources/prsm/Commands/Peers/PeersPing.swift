import ArgumentParser
import ModelInterface

/// `prsm peers ping`.
struct PeersPing: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping",
    abstract: "Measure the round trip to a peer.",
    discussion: """
      EXAMPLES
        prsm peers ping 12D3KooW…
        prsm peers ping /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW… --count 10
      """
  )

  @Argument(help: "The peer's id, or an address that ends in it.")
  var peer: String

  @Option(name: .shortAndLong, help: "How often, 1 to 100.")
  var count = 3

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func validate() throws {
    guard (1...100).contains(count) else { throw ValidationError("--count: expected 1 to 100, found \(count)") }
  }

  func run() async throws {
    let answer = try await PeersNode(node).call(
      "POST", "/ping", ["peer": .string(peer), "count": .integer(count)])
    if output.isJSON {
      Output.line(answer.text)
      return
    }
    for time in answer["milliseconds"]?.array ?? [] { Output.line(PeerText.milliseconds(time)) }
  }
}
