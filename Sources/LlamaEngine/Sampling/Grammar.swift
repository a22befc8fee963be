import CLlama
import ModelInterface

/// Where an answer stands in a grammar.
///
/// `@unchecked Sendable`: whoever reads the grammar makes it and hands it to the loop, which alone uses it from then on.
final class Grammar: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<llama_sampler>

  /// Nil where llama.cpp cannot read the grammar; it then says why in its log.
  init?(_ text: String, model: LlamaModel) {
    guard text.utf8.count <= Self.maximumBytes, !text.utf8.contains(0),
      let pointer = prsm_grammar_make(model.vocabulary, text)
    else { return nil }
    self.pointer = pointer
  }

  /// The longest grammar that is read.
  static let maximumBytes = 4 << 20

  deinit {
    llama_sampler_free(pointer)
  }

  func allows(_ token: TokenID) -> Bool { prsm_grammar_allows(pointer, token) }

  func accept(_ token: TokenID) -> Bool { prsm_grammar_accept(pointer, token) }

  func mask(_ logits: UnsafeMutableBufferPointer<Float>, scratch: Sampler.Scratch) -> Bool {
    prsm_grammar_mask(pointer, logits.baseAddress, Int32(logits.count), scratch.roomForGrammar().baseAddress)
  }
}
