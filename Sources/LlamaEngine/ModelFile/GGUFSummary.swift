/// What a person or a planner wants to know of a model file without loading it.
package struct GGUFSummary: Sendable, Equatable {
  /// `general.architecture`.
  package let architecture: String
  /// `general.name`, where the file has one.
  package let name: String?
  /// Numbers in all tensors.
  package let parameters: UInt64
  /// The kind of quantisation, such as `Q4_K_M`; the type of most bytes where the file does not name it.
  package let quantization: String
  /// Tokens that the model was trained to attend to.
  package let contextLength: Int
  /// Numbers in one embedding.
  package let embeddingLength: Int
  /// Layers.
  package let layers: Int
  /// Tokens in the vocabulary.
  package let vocabularySize: Int
  /// Whether the file brings a chat template.
  package let hasChatTemplate: Bool
  /// `general.license`, where the file has one.
  package let license: String?
  /// Bytes of the file.
  package let fileBytes: UInt64
  /// Bytes of weights, which llama.cpp maps into memory.
  package let weightBytes: UInt64
  /// Bytes of key-value cache that a token takes at 16 bits a number, all layers attending to everything: an upper bound
  /// for models with sliding windows, recurrent layers or latent attention.
  package let cacheBytesPerToken: UInt64

  /// An estimate of the bytes that the model takes with room for `tokens` tokens in its cache.
  package func estimatedBytes(tokens: Int) -> UInt64 {
    let cache = cacheBytesPerToken.multipliedReportingOverflow(by: UInt64(max(tokens, 0)))
    let sum = weightBytes.addingReportingOverflow(cache.partialValue)
    return cache.overflow || sum.overflow ? .max : sum.partialValue
  }
}

extension GGUFFile {
  /// Reads the file at `path`, checks that llama.cpp could load it, and tells what it is.
  package static func check(path: String) throws(GGUFError) -> GGUFSummary {
    let file = try GGUFFile(path: path)
    try file.checkLoadable()
    return try file.summary()
  }

  /// Checks a file of which only the first bytes are here yet, as ``check(path:)`` does with a whole one.
  ///
  /// - Returns: nil where the header goes on beyond them.
  package static func check(head: [UInt8], fileSize: UInt64, name: String) throws(GGUFError) -> GGUFSummary? {
    do throws(GGUFError) {
      let file = try GGUFFile(GGUFByteSource(head: head, size: fileSize), name: name)
      try file.checkLoadable()
      return try file.summary()
    } catch {
      guard error.code == .unreadable, UInt64(head.count) < fileSize else { throw error }
      return nil
    }
  }

  /// What the file is; an error only where it names no architecture. Absent numbers are 0.
  package func summary() throws(GGUFError) -> GGUFSummary {
    let architecture = try architecture()
    func number(_ key: String) -> Int { metadata["\(architecture).\(key)"]?.integer ?? 0 }
    let parameters = tensors.reduce(into: UInt64(0)) { sum, tensor in
      let next = sum.addingReportingOverflow(tensor.elements)
      sum = next.overflow ? .max : next.partialValue
    }
    return GGUFSummary(
      architecture: architecture, name: metadata["general.name"]?.string, parameters: parameters,
      quantization: quantization, contextLength: number("context_length"),
      embeddingLength: number("embedding_length"), layers: number("block_count"),
      vocabularySize: tokens?.count ?? number("vocab_size"),
      hasChatTemplate: metadata["tokenizer.chat_template"]?.string != nil,
      license: metadata["general.license"]?.string, fileBytes: fileSize, weightBytes: weightBytes,
      cacheBytesPerToken: cacheBytesPerToken(architecture))
  }

  /// `llama_ftype` of llama.cpp build 11434.
  private static let quantizations: [Int: String] = [
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4", 39: "NVFP4",
    40: "Q1_0", 41: "Q2_0",
  ]

  private var quantization: String {
    if let kind = metadata["general.file_type"]?.integer, let name = Self.quantizations[kind] { return name }
    var bytes: [String: UInt64] = [:]
    for tensor in tensors { bytes[tensor.type.name, default: 0] &+= tensor.byteCount }
    return bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? "none"
  }

  private func cacheBytesPerToken(_ architecture: String) -> UInt64 {
    func value(_ key: String, layer: Int) -> Int? {
      switch metadata["\(architecture).\(key)"] {
      case .numbers(let numbers)? where layer < numbers.count: numbers[layer].integer
      case let value?: value.integer
      case nil: nil
      }
    }
    let width = min(value("embedding_length", layer: 0) ?? 0, 1 << 24)
    var total: UInt64 = 0
    for layer in 0..<min(value("block_count", layer: 0) ?? 0, 512) {
      let heads = min(value("attention.head_count", layer: layer) ?? 0, 1 << 24)
      let cached = min(value("attention.head_count_kv", layer: layer) ?? heads, 1 << 24)
      let head = heads > 0 ? width / heads : 0
      let keys = min(value("attention.key_length", layer: layer) ?? head, 1 << 24)
      let values = min(value("attention.value_length", layer: layer) ?? head, 1 << 24)
      total += UInt64(cached) * UInt64(keys + values) * 2
    }
    return total
  }
}
