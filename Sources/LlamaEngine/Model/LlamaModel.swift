import CLlama
import ModelInterface

/// A model's weights and vocabulary in memory.
///
/// `@unchecked Sendable`: nothing of it changes after loading, and llama.cpp documents its tokenizer as thread-safe.
final class LlamaModel: @unchecked Sendable {
  let name: String
  let pointer: OpaquePointer
  /// The weights as the program's own kernels read them, made as they are first used.
  let weights: OpaquePointer
  let vocabulary: OpaquePointer
  let vocabularySize: Int
  /// The context window it was trained for, in tokens.
  let trainedContext: Int
  let embeddingSize: Int
  /// How conversations are put into words; nil where the file says nothing that can be read.
  let chatTemplate: ChatTemplate?
  /// Why the file's own template is not used.
  let chatTemplateFault: String?
  /// Bytes of all its tensors.
  let weightBytes: Int
  let parameterCount: Int
  /// Whether a sequence can lose its tail, which recurrent state cannot.
  let canTruncate: Bool
  let startToken: TokenID?
  let endToken: TokenID?
  /// Whether the tokenizer puts ``startToken`` in front.
  let addsStart: Bool
  /// Spellings of control tokens, longest first, which must not be recognised in a stranger's text.
  let controlSpellings: [String]
  /// Bytes of the longest text that one token stands for.
  private let longestPiece: Int
  private let pieces: [[UInt8]]
  private let endings: Set<TokenID>

  /// Reads a model file, which has been checked before: llama.cpp ends the process on some broken files.
  ///
  /// - Throws: ``GenerationError`` of kind `unavailable`, with what llama.cpp said.
  init(name: String, path: String) throws(GenerationError) {
    _ = LlamaLog.start
    var parameters = llama_model_default_params()
    parameters.n_gpu_layers = 0
    // ggml's own packed weights have kernels that differ by the number of rows, and so do their results.
    parameters.use_extra_bufts = false
    guard let pointer = llama_model_load_from_file(path, parameters) else {
      throw GenerationError(
        .unavailable,
        "model \(name): llama.cpp cannot load \(path): \(LlamaLog.recent.suffix(3).joined(separator: "; "))"
      )
    }
    guard let vocabulary = llama_model_get_vocab(pointer), llama_vocab_n_tokens(vocabulary) > 0,
      llama_model_has_decoder(pointer), !llama_model_has_encoder(pointer)
    else {
      llama_model_free(pointer)
      throw GenerationError(.unavailable, "model \(name): \(path) is not a decoder with a vocabulary, which is needed")
    }
    guard let weights = prsm_weights_make() else {
      llama_model_free(pointer)
      throw GenerationError(.unavailable, "model \(name): there is no memory left")
    }
    self.name = name
    self.pointer = pointer
    self.weights = weights
    self.vocabulary = vocabulary
    let size = Int(llama_vocab_n_tokens(vocabulary))
    vocabularySize = size
    trainedContext = Int(llama_model_n_ctx_train(pointer))
    embeddingSize = Int(llama_model_n_embd_out(pointer))
    do throws(TemplateError) {
      chatTemplate = try llama_model_chat_template(pointer, nil).map { source throws(TemplateError) in
        try ChatTemplate(String(cString: source))
      }
      chatTemplateFault = nil
    } catch {
      chatTemplate = nil
      chatTemplateFault = error.reason
    }
    weightBytes = Int(clamping: llama_model_size(pointer))
    parameterCount = Int(clamping: llama_model_n_params(pointer))
    canTruncate =
      !llama_model_is_recurrent(pointer) && !llama_model_is_hybrid(pointer) && !llama_model_is_diffusion(pointer)
    let start = llama_vocab_bos(vocabulary)
    startToken = start >= 0 && Int(start) < size ? start : nil
    let end = llama_vocab_eos(vocabulary)
    endToken = end >= 0 && Int(end) < size ? end : nil
    addsStart = llama_vocab_get_add_bos(vocabulary) && startToken != nil
    var pieces: [[UInt8]] = []
    pieces.reserveCapacity(size)
    var endings: Set<TokenID> = []
    var spellings: [String] = []
    for token in 0..<TokenID(size) {
      pieces.append(Self.piece(of: token, in: vocabulary, special: false))
      if llama_vocab_is_eog(vocabulary, token) { endings.insert(token) }
      let attributes = llama_vocab_get_attr(vocabulary, token).rawValue
      if attributes & (LLAMA_TOKEN_ATTR_CONTROL.rawValue | LLAMA_TOKEN_ATTR_USER_DEFINED.rawValue) != 0 {
        let spelling = String(decoding: Self.piece(of: token, in: vocabulary, special: true), as: UTF8.self)
        if spelling.utf8.count > 2, spelling.contains(where: { !$0.isWhitespace }) { spellings.append(spelling) }
      }
    }
    self.pieces = pieces
    longestPiece = max(pieces.map(\.count).max() ?? 1, spellings.map(\.utf8.count).max() ?? 1, 1)
    self.endings = endings
    controlSpellings = spellings.sorted { $0.utf8.count > $1.utf8.count }
  }

  deinit {
    llama_model_free(pointer)
    prsm_weights_free(weights)
  }

  private static func piece(of token: TokenID, in vocabulary: OpaquePointer, special: Bool) -> [UInt8] {
    var capacity = 64
    for _ in 0..<2 {
      var count: Int32 = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, initialized in
        buffer.withMemoryRebound(to: CChar.self) { characters in
          count = llama_token_to_piece(vocabulary, token, characters.baseAddress, Int32(capacity), 0, special)
        }
        initialized = max(0, Int(count))
      }
      if count >= 0 { return bytes }
      capacity = -Int(count)
    }
    return []
  }

  /// Whether the identifier names a token.
  func contains(_ token: TokenID) -> Bool { token >= 0 && Int(token) < vocabularySize }

  /// The bytes a token stands for; empty for control tokens and for what is no token.
  func bytes(of token: TokenID) -> [UInt8] { contains(token) ? pieces[Int(token)] : [] }

  /// The spelling of a control token.
  func spelling(of token: TokenID) -> String {
    contains(token) ? String(decoding: Self.piece(of: token, in: vocabulary, special: true), as: UTF8.self) : ""
  }

  /// Whether the token ends an answer.
  func isEndOfGeneration(_ token: TokenID) -> Bool { endings.contains(token) }

  /// How many tokens a text of so many bytes has at least; 0 for tokenizers that leave out what they do not know.
  func leastTokens(bytes: Int) -> Int {
    ["gpt2", "llama"].contains(metadata("tokenizer.ggml.model") ?? "") ? bytes / longestPiece : 0
  }

  /// The tokens of a text.
  func tokenize(_ text: String, addsSpecial: Bool, parsesSpecial: Bool) -> [TokenID] {
    var text = text
    return text.withUTF8 { utf8 in
      utf8.withMemoryRebound(to: CChar.self) { characters in
        guard let length = Int32(exactly: characters.count), length < Int32.max - 64 else { return [] }
        var capacity = length / 2 + 16
        for _ in 0..<2 {
          var count: Int32 = 0
          let tokens = [TokenID](unsafeUninitializedCapacity: Int(capacity)) { buffer, initialized in
            count = llama_tokenize(
              vocabulary, characters.baseAddress, length, buffer.baseAddress, capacity, addsSpecial, parsesSpecial)
            initialized = max(0, Int(count))
          }
          if count >= 0 { return tokens }
          guard count > Int32.min else { return [] }
          capacity = -count
        }
        return []
      }
    }
  }

  /// A value of the file's metadata as text.
  func metadata(_ key: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 256)
    let length = llama_model_meta_val_str(pointer, key, &buffer, buffer.count)
    guard length >= 0 else { return nil }
    return String(
      decoding: buffer.prefix(min(Int(length), buffer.count - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
