import ArgumentParser

/// The root of the command line.
struct PRSM: AsyncParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    commandName: "prsm",
    abstract: "One machine, or many, as a single AI service that its owners run themselves.",
    usage: "prsm <command> [options]",
    discussion: """
      EXAMPLES
        prsm serve                          start a node, with the OpenAI API and a page to chat on
        prsm chat                           talk to a model from the terminal
        prsm complete 'Once upon a time'    continue a text
        prsm code 'Write …' --test 'assert …'    write a program that passes tests
        prsm doctor                         check this machine and say what to do

      EXIT CODES
        0 done   1 the answer is no   2 wrong usage   3 unavailable

      Settings come from flags, then from the environment (PRSM_…), then from an optional prsm.yaml.
      """,
    version: version,
    groupedSubcommands: [
      CommandGroup(
        name: "Node:", subcommands: [Serve.self, Doctor.self, Keys.self, Peers.self, Cost.self, Cache.self]),
      CommandGroup(name: "Models:", subcommands: [Models.self, Chat.self, Complete.self, Code.self, Route.self]),
      CommandGroup(name: "Content:", subcommands: [ContentCommand.self]),
      CommandGroup(
        name: "Tools:",
        subcommands: [
          Run.self, Bench.self, Completions.self, CheckModelFile.self, MockUpstream.self, ServeFaulty.self,
          PeerWorker.self,
        ]),
    ]
  )
}
