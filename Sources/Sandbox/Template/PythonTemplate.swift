/// The Python programs that run inside the sandbox before any untrusted one does.
///
/// They are part of this module as text, so that there is no file to install, to find, or to replace.
enum PythonTemplate {
  /// The template that stage one becomes, in parts that share one namespace. The tracer is compiled under a name of its own,
  /// by which it notices that a program calls it.
  private static let parts = [
    (
      "<template>",
      [serving, running, rendering, codec, servicing, mirroring, pytest, judging, preparing].joined(separator: "\n")
    ),
    ("<tracer>", tracing),
  ]

  /// The template without the call that never returns, for an interpreter outside of any sandbox.
  static let source =
    parts.map { name, text in "exec(compile(\(pythonLiteral(text)), '\(name)', 'exec'))" }
    .joined(separator: "\n") + "\n"

  /// What stage one compiles: the template and the call that never returns, as a list of names and texts.
  static let launch =
    "["
    + (parts + [("<template>", "start(*serve())")]).map { name, text in "('\(name)', \(pythonLiteral(text)))" }
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
