import ModelInterface

/// A model's chat template: the text from its file, read once.
///
/// `@unchecked Sendable`: the syntax tree never changes; what changes comes to be within one rendering.
final class ChatTemplate: @unchecked Sendable {
  let source: String
  /// Whether it puts tools into words itself.
  let knowsTools: Bool
  private let nodes: [TemplateNode]

  /// - Throws: ``TemplateError`` where it uses what ``TemplateRenderer`` does not know.
  init(_ source: String) throws(TemplateError) {
    self.source = source
    nodes = try TemplateParser.parse(source)
    knowsTools = source.contains("tools")
  }

  /// For a model without a template of its own: the notation that most are trained on (ChatML).
  static let fallback =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"

  func render(_ variables: [String: TemplateValue]) throws(TemplateError) -> String {
    try TemplateRenderer.render(nodes, variables)
  }
}
