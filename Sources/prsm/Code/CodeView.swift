import Foundation
import ModelInterface

/// A search as it goes, on a terminal: the line that is being written, and what the candidates did.
actor CodeView {
  private let isTerminal: Bool
  private let style: Style
  private var lines: [Int: String] = [:]
  private var shown = false
  private var tokens = 0
  private var lastDraw = ContinuousClock.now
  private let width: Int

  init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    isTerminal = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
    style = Style(descriptor: STDERR_FILENO, environment: environment)
    width = max(40, Int(environment["COLUMNS", default: ""]) ?? 100)
  }

  /// Takes note of an event, by its name and data.
  func show(_ name: String, _ data: JSONValue) {
    guard isTerminal else { return }
    switch name {
    case "queued": status("waiting: \(data["ahead"]?.integer ?? 0) in front")
    case "started":
      let tests = data["tests"]?.array?.count ?? 0
      let derived = data["tests_are_derived"]?.bool == true
      note(style.dim("\(tests) test\(tests == 1 ? "" : "s")\(derived ? ", found in the description" : "")"))
    case "attempt":
      let id = data["id"]?.integer ?? 0
      lines[id] = ""
      let from = data["parent"]?.integer.map { "takes up #\($0)" } ?? "from the beginning"
      note(
        style.cyan("attempt \(id)")
          + style.dim("  \(from), γ \(data["gamma"]?.number?.literal ?? "?"), \(data["style"]?.string ?? "")"))
    case "token":
      let id = data["attempt"]?.integer ?? 0
      let text = (lines[id] ?? "") + (data["text"]?.string ?? "")
      let last = text.split(separator: "\n", omittingEmptySubsequences: false).last.map(String.init) ?? ""
      if text.contains("\n") {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() where !line.isEmpty {
          note(style.dim("\(id) │ ") + line)
        }
      }
      lines[id] = last
      draw("\(id) │ \(last)")
    case "candidate": candidate(data)
    case "progress": tokens = data["generated_tokens"]?.integer ?? tokens
    default: break
    }
  }

  /// Takes the last line away.
  func finish() {
    if shown { Output.sideWrite("\r\u{1B}[K") }
    shown = false
  }

  private func candidate(_ data: JSONValue) {
    let passes = data["passes"]?.bool == true
    let mark = passes ? style.green("✓") : style.red("✗")
    let origin = data["origin"]?.string ?? ""
    let lines = (data["program"]?.string ?? "").split(separator: "\n")
    let code = lines.last.map { String($0).trimmingCharacters(in: .whitespaces) } ?? ""
    let summary = data["summary"]?.string ?? ""
    note(
      "\(mark) \(style.dim("#\(data["id"]?.integer ?? 0) \(origin)"))  \(clip(code, 40))  \(style.dim(clip(summary, 50)))"
    )
  }

  private func clip(_ text: String, _ most: Int) -> String {
    text.count <= most ? text : String(text.prefix(most - 1)) + "…"
  }

  private func note(_ text: String) {
    finish()
    Output.note(Self.printable(text))
  }

  private func draw(_ text: String) {
    guard ContinuousClock.now - lastDraw > .milliseconds(40) else { return }
    lastDraw = .now
    status(text)
  }

  private func status(_ text: String) {
    shown = true
    Output.sideWrite("\r\u{1B}[K" + Self.printable(clip(text, width - 24)) + style.dim("  \(tokens) tokens"))
  }

  /// A model's text must not move the cursor or colour the screen: of control characters only those of ``Style`` stay.
  private static func printable(_ text: String) -> String {
    var result = ""
    var index = text.startIndex
    while index < text.endIndex {
      let rest = text[index...]
      if let code = ["\u{1B}[0m", "\u{1B}[1m", "\u{1B}[2m", "\u{1B}[31m", "\u{1B}[32m", "\u{1B}[36m"].first(
        where: rest.hasPrefix)
      {
        result += code
        index = text.index(index, offsetBy: code.count)
        continue
      }
      let character = text[index]
      if character.unicodeScalars.allSatisfy({
        $0.value >= 0x20 && $0.value != 0x7F && !(0x80...0x9F).contains($0.value)
      }) {
        result.append(character)
      }
      index = text.index(after: index)
    }
    return result
  }
}
