import CLlama
import ModelInterface

/// Where an answer stands in a grammar.
///
/// `@unchecked Sendable`: whoever reads the grammar makes it and hands it to the loop, which alone uses it from then on.
final class Grammar: @unchecked Sendable {
  private let pointer: UnsafeMutablePointer<llama_sampler>
  /// The member of the request that the grammar comes from.
  let parameter: String
  /// Whether a step would have taken more than one answer may take from the others, as where a text matches in more ways
  /// than can be followed. Nothing is allowed from then on.
  private(set) var isTooCostly = false

  /// - Throws: ``GenerationError`` that names `parameter`, where llama.cpp cannot read the grammar or not within bounds.
  init(_ text: String, parameter: String, model: LlamaModel) throws(GenerationError) {
    self.parameter = parameter
    guard text.utf8.count <= Self.maximumBytes, !text.utf8.contains(0) else {
      throw GenerationError(
        .invalidRequest(parameter: parameter),
        "expected a grammar of at most \(Self.maximumBytes) bytes without a zero among them")
    }
    var made: UnsafeMutablePointer<llama_sampler>?
    let result = prsm_grammar_make(model.vocabulary, text, &made)
    guard result != PRSM_GRAMMAR_TOO_COSTLY else { throw Self.tooCostly(parameter) }
    guard let made else {
      throw GenerationError(
        .invalidRequest(parameter: parameter),
        "the grammar cannot be read. Each line has to be `name ::= …` in llama.cpp's notation (GBNF), one of them named "
          + "`root`, and no rule may begin with itself")
    }
    pointer = made
  }

  /// The longest grammar that is read.
  static let maximumBytes = 4 << 20

  deinit {
    llama_sampler_free(pointer)
  }

  /// Why an answer ends whose grammar is too costly.
  static func tooCostly(_ parameter: String) -> GenerationError {
    GenerationError(
      .invalidRequest(parameter: parameter),
      "the schema or grammar lets a text match in too many ways to follow them all. Make patterns unambiguous (`a{0,9}` "
        + "instead of `(a?){0,9}`), and shorten alternatives that begin alike")
  }

  func allows(_ token: TokenID) -> Bool {
    guard !isTooCostly else { return false }
    return noted(prsm_grammar_allows(pointer, token))
  }

  func accept(_ token: TokenID) -> Bool {
    guard !isTooCostly else { return false }
    return noted(prsm_grammar_accept(pointer, token))
  }

  func mask(_ logits: UnsafeMutableBufferPointer<Float>, scratch: Sampler.Scratch) -> Bool {
    guard !isTooCostly else { return false }
    return noted(
      prsm_grammar_mask(pointer, logits.baseAddress, Int32(logits.count), scratch.roomForGrammar().baseAddress))
  }

  private func noted(_ result: prsm_grammar_result) -> Bool {
    if result == PRSM_GRAMMAR_TOO_COSTLY { isTooCostly = true }
    return result == PRSM_GRAMMAR_YES
  }
}
