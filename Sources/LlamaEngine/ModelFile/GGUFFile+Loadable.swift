extension GGUFFile {
  /// The longest model in layers that llama.cpp is built for (`LLAMA_MAX_LAYERS`).
  private static let maximumLayers = 512
  /// The most experts that llama.cpp is built for (`LLAMA_MAX_EXPERTS`).
  private static let maximumExperts = 1_024

  /// The architecture, or an error where the file does not say.
  package func architecture() throws(GGUFError) -> String {
    guard let value = metadata["general.architecture"] else {
      throw failure(
        .unsupportedArchitecture, "`general.architecture`", expected: "the model's architecture", found: "no such key",
        advice: "This file is not a language model that llama.cpp can load.")
    }
    guard let name = value.string, !name.isEmpty, name.utf8.count <= 64 else {
      throw failure(
        .unsupportedArchitecture, "`general.architecture`", expected: "a short string", found: value.typeName,
        advice: GGUFError.downloadAgain)
    }
    return name
  }

  /// Checks that llama.cpp's pinned build could load this: one whole file, a known architecture with the keys that it
  /// needs, and a consistent tokenizer. A file that passes may still fail to load, so it is loaded in a child process
  /// first.
  package func checkLoadable() throws(GGUFError) {
    try checkWhole()
    let architecture = try architecture()
    guard let required = LlamaArchitectures.requiredKeys[architecture] else {
      let nearest = nearestArchitecture(to: architecture)
      throw failure(
        .unsupportedArchitecture, "`general.architecture`",
        expected:
          "one of the \(LlamaArchitectures.requiredKeys.count) that llama.cpp \(LlamaArchitectures.build) loads",
        found: "`\(architecture)`" + (nearest.map { " (the nearest is `\($0)`)" } ?? ""),
        advice: architecture == "clip"
          ? "This is the image part of a model; add the language model's file."
          : "Use a model of a supported architecture.")
    }
    guard !tensors.isEmpty else {
      throw failure(
        .malformed, "the tensors", expected: "the model's weights", found: "none",
        advice: "This file holds a vocabulary alone; get the file with the weights.")
    }
    try checkHyperparameters(architecture, required: required)
    try checkTokenizer(architecture)
  }

  func failure(
    _ code: GGUFError.Code, _ subject: String, expected: String, found: String, advice: String
  ) -> GGUFError {
    GGUFError(code: code, file: name, subject: subject, expected: expected, found: found, advice: advice)
  }

  private func checkWhole() throws(GGUFError) {
    guard let count = metadata["split.count"]?.integer, count > 1 else { return }
    let number = metadata["split.no"]?.integer.map { "part \($0 + 1)" } ?? "one part"
    throw failure(
      .split, "`split.count`", expected: "a model in one file", found: "\(number) of \(count)",
      advice: "Join the parts with `llama-gguf-split --merge FIRST-PART OUTPUT` and add the result.")
  }

  private func nearestArchitecture(to name: String) -> String? {
    let letters = Array(name.utf8)
    let candidates = LlamaArchitectures.requiredKeys.keys.sorted().filter { candidate in
      let other = Array(candidate.utf8)
      let shared = zip(letters, other).prefix { $0 == $1 }.count
      return shared >= 3 && shared * 2 >= min(letters.count, other.count)
    }
    return candidates.max { left, right in
      let leftShared = zip(letters, left.utf8).prefix { $0 == $1 }.count
      return leftShared < zip(letters, right.utf8).prefix { $0 == $1 }.count
    }
  }

  private func checkHyperparameters(_ architecture: String, required: [String]) throws(GGUFError) {
    for key in required {
      let full = key.hasPrefix("/") ? String(key.dropFirst()) : "\(architecture).\(key)"
      guard metadata[full] != nil else { throw missing(full, architecture) }
    }
    let layers = try hyperparameter(architecture, "block_count", in: 1...Self.maximumLayers)
    _ = try hyperparameter(architecture, "context_length", in: 1...(1 << 30))
    let width = try hyperparameter(architecture, "embedding_length", in: 1...(1 << 24))
    if let heads = metadata["\(architecture).attention.head_count"] {
      try checkPerLayer(heads, "\(architecture).attention.head_count", layers: layers, upTo: width)
    }
    if let heads = metadata["\(architecture).attention.head_count_kv"] {
      try checkPerLayer(heads, "\(architecture).attention.head_count_kv", layers: layers, upTo: width)
    }
    if let width = metadata["\(architecture).feed_forward_length"] {
      try checkPerLayer(width, "\(architecture).feed_forward_length", layers: layers, upTo: 1 << 28)
    }
    for key in ["attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon"] {
      guard let value = metadata["\(architecture).\(key)"] else { continue }
      guard case .float(let epsilon, .float32) = value, epsilon >= 0, epsilon < 1 else {
        throw badValue("\(architecture).\(key)", "a float32 from 0 to 1", value)
      }
    }
    if let scaling = metadata["\(architecture).rope.scaling.type"] {
      guard let text = scaling.string, ["none", "linear", "yarn", "longrope"].contains(text) else {
        throw badValue("\(architecture).rope.scaling.type", "none, linear, yarn or longrope", scaling)
      }
    }
    try checkExperts(architecture, layers: layers)
  }

  private func checkExperts(_ architecture: String, layers: Int) throws(GGUFError) {
    let countKey = "\(architecture).expert_count"
    let usedKey = "\(architecture).expert_used_count"
    var experts = 0
    if metadata[countKey] != nil {
      experts = try hyperparameter(architecture, "expert_count", in: 0...Self.maximumExperts)
    }
    guard let used = metadata[usedKey] else {
      if experts > 0 { throw missing(usedKey, architecture) }
      return
    }
    try checkPerLayer(used, usedKey, layers: layers, upTo: experts)
  }

  private func hyperparameter(
    _ architecture: String, _ key: String, in range: ClosedRange<Int>
  ) throws(GGUFError) -> Int {
    let full = "\(architecture).\(key)"
    guard let value = metadata[full] else { throw missing(full, architecture) }
    guard case .unsigned(let number, .uint32) = value, let number = Int(exactly: number), range.contains(number) else {
      throw badValue(full, "a uint32 from \(range.lowerBound) to \(range.upperBound)", value)
    }
    return number
  }

  /// A number for all layers, or an array with one for each.
  private func checkPerLayer(_ value: GGUFValue, _ key: String, layers: Int, upTo limit: Int) throws(GGUFError) {
    switch value {
    case .unsigned(let number, .uint32):
      guard number <= UInt64(limit) else { throw badValue(key, "at most \(limit)", value) }
    case .numbers(let numbers) where numbers.type == .uint32 || numbers.type == .int32:
      guard numbers.count >= layers, numbers.count <= Self.maximumLayers else {
        throw failure(
          .badHyperparameter, "`\(key)`", expected: "\(layers) numbers, one a layer", found: "\(numbers.count)",
          advice: GGUFError.downloadAgain)
      }
      for index in 0..<numbers.count {
        guard let number = numbers[index].integer, number <= limit else {
          throw badValue("\(key)[\(index)]", "at most \(limit)", numbers[index])
        }
      }
    default: throw badValue(key, "a uint32 or an array of them", value)
    }
  }

  private func missing(_ key: String, _ architecture: String) -> GGUFError {
    failure(
      .badHyperparameter, "`\(key)`", expected: "a value, as every `\(architecture)` model has one",
      found: "no such key",
      advice: "The conversion left it out; get the model from another source or convert it with a current llama.cpp.")
  }

  func badValue(_ key: String, _ expected: String, _ value: GGUFValue) -> GGUFError {
    let found =
      switch value {
      case .unsigned(let number, _): "\(number) (\(value.typeName))"
      case .signed(let number, _): "\(number) (\(value.typeName))"
      case .float(let number, _): "\(number) (\(value.typeName))"
      case .bool(let truth): "\(truth)"
      case .string(let text): "`\(text.prefix(64))`"
      case .strings, .numbers: value.typeName
      }
    return failure(
      .badHyperparameter, "`\(key)`", expected: expected, found: found, advice: GGUFError.downloadAgain)
  }
}
