import ArgumentParser

struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check this machine and say what to do.",
    discussion: """
      EXAMPLE
        prsm doctor --json
      """
  )

  @OptionGroup var output: OutputOptions
  @OptionGroup var node: NodeOptions

  func run() async throws {
    Output.line("ok")
  }
}
