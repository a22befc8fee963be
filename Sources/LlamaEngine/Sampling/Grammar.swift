import CLlama
import ModelInterface

/// Where an answer stands in a grammar. Used by one thread at a time.
final class Grammar {
  private let pointer: UnsafeMutablePointer<llama_sampler>

  /// - Throws: ``GenerationError`` of kind `invalidRequest` where llama.cpp cannot read the grammar.
  init(_ text: String, model: LlamaModel) throws(GenerationError) {
    guard let pointer = prsm_grammar_make(model.vocabulary, text) else {
      throw GenerationError(
        .invalidRequest(parameter: "response_format"),
        "the grammar cannot be read; llama.cpp says: \(LlamaLog.recent.suffix(2).joined(separator: "; "))")
    }
    self.pointer = pointer
  }

  deinit {
    llama_sampler_free(pointer)
  }

  func allows(_ token: TokenID) -> Bool { prsm_grammar_allows(pointer, token) }

  func accept(_ token: TokenID) -> Bool { prsm_grammar_accept(pointer, token) }

  func mask(_ logits: UnsafeMutableBufferPointer<Float>, scratch: Sampler.Scratch) -> Bool {
    scratch.tokenData.withUnsafeMutableBufferPointer {
      prsm_grammar_mask(pointer, logits.baseAddress, Int32(logits.count), $0.baseAddress)
    }
  }
}
