/// The Python programs that run inside the sandbox before any untrusted one does.
///
/// They are part of this module as text, so that there is no file to install, to find, or to replace.
enum PythonTemplate {
  /// What is loaded first: modules, and functions of which a run needs few.
  private static let first = [
    (
      "<template>",
      [loading, ending, codec, servicing, mirroring, pytest, asserting, judging, preparing].joined(separator: "\n")
    )
  ]

  /// What is loaded last. The tracer is compiled under a name of its own, by which it notices that a program calls it.
  private static let last = [
    ("<template>", [serving, running, rendering].joined(separator: "\n")),
    ("<tracer>", tracing),
  ]

  /// The template without the call that never returns, for an interpreter outside of any sandbox.
  static let source =
    (first + last).map { name, text in "exec(compile(\(pythonLiteral(text)), '\(name)', 'exec'))" }
    .joined(separator: "\n") + "\n"

  /// What stage one compiles: the parts in the order in which they are executed, as a list of names and texts. The last one is
  /// the call that never returns.
  static let launch =
    "["
    + (first + [("<template>", "KEPT.append(fill_holes())")] + last + [("<template>", "serve()")])
    .map { name, text in "('\(name)', \(pythonLiteral(text)))" }
    .joined(separator: ", ") + "]"

  private static func pythonLiteral(_ text: String) -> String {
    var literal = "'"
    for scalar in text.unicodeScalars {
      switch scalar {
      case "'": literal += "\\'"
      case "\\": literal += "\\\\"
      case "\n": literal += "\\n"
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "'"
  }
}
