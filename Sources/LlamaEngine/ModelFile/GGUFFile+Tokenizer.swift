extension GGUFFile {
  /// The tokenizers that llama.cpp build 11434 implements (`src/llama-vocab.cpp`); those of `withMerges` are byte-pair
  /// encodings and need a list of merges.
  private static let tokenizers: Set<String> = [
    "llama", "bert", "gpt2", "hybriddna", "whitespace", "t5", "rwkv", "plamo2", "gemma4",
  ]
  private static let withMerges: Set<String> = ["gpt2", "gemma4"]

  /// The vocabulary, or nil where the file has none.
  package var tokens: GGUFStrings? {
    if case .strings(let tokens)? = metadata["tokenizer.ggml.tokens"] { tokens } else { nil }
  }

  func checkTokenizer(_ architecture: String) throws(GGUFError) {
    guard let model = metadata["tokenizer.ggml.model"]?.string else {
      throw tokenizerFailure(
        "`tokenizer.ggml.model`", expected: "a tokenizer", found: "none",
        advice: "Without a tokenizer no text goes in or out; get a complete conversion of the model.")
    }
    guard Self.tokenizers.contains(model) else {
      throw tokenizerFailure(
        "`tokenizer.ggml.model`", expected: "one of \(Self.tokenizers.sorted().joined(separator: ", "))",
        found: "`\(model.prefix(64))`", advice: "Use a model whose tokenizer llama.cpp \(LlamaArchitectures.build) has."
      )
    }
    guard let tokens, tokens.count > 0 else {
      throw tokenizerFailure("`tokenizer.ggml.tokens`", expected: "an array of strings", found: "none")
    }
    try checkDistinct(tokens)
    try checkLength("scores", of: [.float32, .int32], tokens: tokens.count)
    try checkLength("token_type", of: [.int32], tokens: tokens.count)
    if Self.withMerges.contains(model) {
      guard case .strings? = metadata["tokenizer.ggml.merges"] else {
        throw tokenizerFailure(
          "`tokenizer.ggml.merges`", expected: "an array of strings, as tokenizer `\(model)` needs", found: "none")
      }
    }
    for key in ["bos_token_id", "eos_token_id", "eot_token_id"] {
      guard let value = metadata["tokenizer.ggml.\(key)"] else { continue }
      guard case .unsigned(let id, .uint32) = value, id < UInt64(tokens.count) else {
        throw tokenizerFailure(
          "`tokenizer.ggml.\(key)`", expected: "a uint32 below the vocabulary's \(tokens.count)",
          found: value.integer.map { "\($0) (\(value.typeName))" } ?? value.typeName)
      }
    }
    if let template = metadata["tokenizer.chat_template"], template.string == nil {
      throw tokenizerFailure("`tokenizer.chat_template`", expected: "a string", found: template.typeName)
    }
    if let embedding = tensors.first(where: { $0.name == "token_embd.weight" }), embedding.dimensions.count >= 2,
      embedding.dimensions[1] != UInt64(tokens.count)
    {
      throw tokenizerFailure(
        "tensor `token_embd.weight`", expected: "\(tokens.count) rows, one a token",
        found: "\(embedding.dimensions[1])")
    }
  }

  /// llama.cpp reads a token up to its first zero byte, gives empty ones a name of their own, and aborts where two are
  /// equal.
  private func checkDistinct(_ tokens: GGUFStrings) throws(GGUFError) {
    var seen: [ArraySlice<UInt8>: Int] = [:]
    seen.reserveCapacity(tokens.count)
    for index in 0..<tokens.count {
      let token = tokens.utf8(at: index).prefix { $0 != 0 }
      if token.isEmpty { continue }
      if let earlier = seen.updateValue(index, forKey: token) {
        throw tokenizerFailure(
          "`tokenizer.ggml.tokens`", expected: "each token once", found: "the same text at \(earlier) and \(index)")
      }
    }
  }

  private func checkLength(_ key: String, of types: [GGUFValueType], tokens: Int) throws(GGUFError) {
    guard let value = metadata["tokenizer.ggml.\(key)"] else { return }
    guard case .numbers(let numbers) = value, types.contains(numbers.type) else {
      throw tokenizerFailure(
        "`tokenizer.ggml.\(key)`", expected: "an array of \(types.map { "\($0)" }.joined(separator: " or "))",
        found: value.typeName)
    }
    guard numbers.count == tokens else {
      throw tokenizerFailure(
        "`tokenizer.ggml.\(key)`", expected: "\(tokens) numbers, one a token", found: "\(numbers.count)")
    }
  }

  private func tokenizerFailure(
    _ subject: String, expected: String, found: String, advice: String = GGUFError.downloadAgain
  ) -> GGUFError {
    failure(.badTokenizer, subject, expected: expected, found: found, advice: advice)
  }
}
