/// The Python programs that run inside the sandbox before any untrusted one does.
///
/// They are part of this module as text, so that there is no file to install, to find, or to replace.
enum PythonTemplate {
  /// The template that stage one becomes. The parts share one namespace; the last line never returns.
  static let source = [
    serving, running, tracing, codec, judging, preparing,
  ].joined(separator: "\n")

  /// The template is compiled under a name of its own: tracer and tamper detection tell it by that from the program.
  static let launch = """
    import sys
    exec(compile(\(pythonLiteral(source + "\nstart(*serve())\n")), '<template>', 'exec'))
    """

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
