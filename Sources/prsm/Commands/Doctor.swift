import ArgumentParser
import Foundation
import ModelInterface

/// `prsm doctor`: looks at the machine and says what to do.
struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check this machine and say what to do.",
    discussion: """
      Changes nothing but what it has learned of model files. Exit code 1 means that something would keep PRSM from \
      working.

      EXAMPLES
        prsm doctor
        prsm doctor --json | jq '.findings[] | select(.grade != "ok")'
      """
  )

  @Option(help: ArgumentHelp("The address to check (default: as configured).", valueName: "address"))
  var listen: String?

  @OptionGroup var output: OutputOptions
  @OptionGroup(title: "Node") var node: NodeOptions

  func run() async throws {
    var flags = node.flags
    flags[Settings.listen.path] = listen
    let environment = ProcessInfo.processInfo.environment
    let configuration = try Configuration.load(path: node.config, flags: flags, environment: environment)
    let progress = Progress("checking")
    var findings = MachineChecks.all()
    progress.update("folders")
    findings += await FolderChecks.all(configuration, environment: environment)
    findings.append(await NetworkChecks.port(configuration))
    progress.update("database")
    findings += await DatabaseChecks.all(configuration, environment: environment)
    progress.update("tools")
    findings += await ToolChecks.all()
    progress.update("models")
    findings += await ModelChecks.all(configuration, environment: environment)
    progress.finish()
    show(findings)
    if findings.contains(where: { $0.grade == .fail }) { throw ExitStatus.no }
  }

  private func show(_ findings: [Finding]) {
    let failures = findings.count { $0.grade == .fail }
    let warnings = findings.count { $0.grade == .warn }
    if output.isJSON {
      let report: JSONValue = [
        "ok": .bool(failures == 0), "failures": .integer(failures), "warnings": .integer(warnings),
        "findings": .array(findings.map(\.json)),
      ]
      Output.line(report.text)
      return
    }
    let style = Style(descriptor: STDOUT_FILENO, environment: ProcessInfo.processInfo.environment)
    let width = findings.map(\.check.count).max() ?? 0
    for finding in findings {
      let mark =
        switch finding.grade {
        case .ok: style.green("ok  ")
        case .warn: style.yellow("warn")
        case .fail: style.red("fail")
        }
      let padding = String(repeating: " ", count: width + 2 - finding.check.count)
      Output.line("\(mark)  \(finding.check)\(padding)\(finding.found)")
      if let advice = finding.advice {
        Output.line(String(repeating: " ", count: width + 8) + style.dim("→ \(advice)"))
      }
    }
    let summary =
      failures == 0 && warnings == 0
      ? "all is well"
      : [failures > 0 ? "\(failures) to be put right" : nil, warnings > 0 ? "\(warnings) to know of" : nil]
        .compactMap { $0 }.joined(separator: ", ")
    Output.line()
    Output.line(summary)
  }
}
