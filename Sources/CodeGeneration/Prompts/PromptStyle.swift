/// How a model is asked for a program.
package enum PromptStyle: String, Sendable, Hashable, CaseIterable, Codable {
  /// Three worked examples, then the task (EG-CFG, section "prompts").
  case fewShot = "few-shot"
  /// Advice to write many small statements, whose traces tell more.
  case longCode = "long-code"
  /// The task in the words of the model's own chat template.
  case chat
}

/// A piece of a prompt.
struct PromptPiece: Sendable, Hashable {
  var text: String
  /// Whether spellings of control tokens in it are meant: only in a template's own text.
  var isTemplate: Bool
}

/// A prompt in two halves: what a run has shown is inserted between them.
struct CodePrompt: Sendable, Hashable {
  var before: [PromptPiece]
  var after: [PromptPiece]
  /// The text that the answer begins with; part of what is extracted as code, but not generated.
  var opening: String
  /// Whether the tokenizer's start token is put in front.
  var addsStart: Bool
}
