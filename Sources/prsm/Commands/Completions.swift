import ArgumentParser

/// `prsm completions`: what makes a shell complete PRSM's commands.
struct Completions: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completions",
    abstract: "Print the script that completes PRSM's commands in a shell.",
    discussion: """
      EXAMPLES
        prsm completions bash > ~/.local/share/bash-completion/completions/prsm
        prsm completions zsh > ~/.zfunc/_prsm        with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
        prsm completions fish > ~/.config/fish/completions/prsm.fish
      """
  )

  @Argument(help: "bash, zsh or fish.")
  var shell: String

  func run() throws {
    let shells = CompletionShell.allCases
    guard let known = shells.first(where: { $0.rawValue == shell }) else {
      let names = shells.map(\.rawValue)
      throw CommandFailure.usage(
        "expected \(names.joined(separator: ", ")), found `\(shell)`" + NearestName.suggestion(for: shell, among: names)
      )
    }
    Output.line(PRSM.completionScript(for: known))
  }
}
