/// The Python programs that run inside the sandbox before any untrusted one does.
///
/// They are part of this module as text, so that there is no file to install, to find, or to replace.
enum PythonTemplate {
  /// The template that stage one becomes. The parts share one namespace. The tracer is compiled under a name of its own,
  /// by which it notices that a program calls it.
  static let source =
    [
      part([serving, running, rendering, codec, judging, preparing].joined(separator: "\n"), "<template>"),
      part(tracing, "<tracer>"),
    ].joined(separator: "\n") + "\n"

  /// The template with the call that never returns.
  static let launch = "import sys\n" + source + part("start(*serve())", "<template>")

  private static func part(_ text: String, _ name: String) -> String {
    "exec(compile(\(pythonLiteral(text)), '\(name)', 'exec'))"
  }

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
