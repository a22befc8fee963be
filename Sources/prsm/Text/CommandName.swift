import ArgumentParser

/// Catches mistyped commands before the argument parser takes them for stray arguments.
enum CommandName {
  /// - Throws: ``CommandFailure`` of status `usage` where a word stands in the place of a command and is not one.
  static func check(_ arguments: [String]) throws {
    var command: any ParsableCommand.Type = PRSM.self
    var path = "prsm"
    for argument in arguments {
      if argument.hasPrefix("-") {
        // An option's value may follow, and only leaf commands take options other than --help and --version.
        guard ["-h", "--help", "--version", "--help-hidden"].contains(argument) else { return }
        continue
      }
      let subcommands = command.configuration.subcommands
      guard !subcommands.isEmpty else { return }
      if argument == "help", path == "prsm" { return }
      let names = Dictionary(subcommands.map { (name(of: $0), $0) }, uniquingKeysWith: { first, _ in first })
      if let next = names[argument] ?? aliased(argument, in: subcommands) {
        command = next
        path += " " + argument
        continue
      }
      let visible = subcommands.filter { $0.configuration.shouldDisplay }.map { name(of: $0) }
      let suggestion = NearestName.find(argument, among: visible)
      throw CommandFailure.usage(
        "unknown command `\(path) \(argument)`; "
          + (suggestion.map { "did you mean `\(path) \($0)`?" } ?? "expected one of \(visible.joined(separator: ", "))")
          + "\nSee `\(path) --help`.")
    }
  }

  static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? String(describing: command).lowercased()
  }

  private static func aliased(_ word: String, in commands: [any ParsableCommand.Type]) -> (any ParsableCommand.Type)? {
    commands.first { $0.configuration.aliases.contains(word) }
  }
}
