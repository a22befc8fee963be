import ArgumentParser
import Foundation
import ModelInterface

struct ModelsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Show the models there are.",
    discussion: """
      EXAMPLE
        prsm models list --json
      """,
    aliases: ["ls"]
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    let source = try await ModelSource.open(node, preferring: nil)
    Output.line("\(source.models.map(\.name))")
  }
}
