import ModelInterface

/// Reads what the generating endpoints have in common.
enum SamplingReader {
  /// The members that ``read(_:into:)`` reads.
  static let members: Set<String> = [
    "temperature", "top_p", "top_k", "min_p", "typical_p", "repetition_penalty", "frequency_penalty",
    "presence_penalty", "logit_bias", "seed",
  ]

  /// Members that OpenAI's clients send and that do not concern a local model: they are accepted, and handed to
  /// upstream providers as they are.
  static let passthrough: Set<String> = [
    "user", "metadata", "store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier",
    "verbosity", "prediction", "web_search_options", "chat_template_kwargs",
  ]

  static func read(_ members: Members, into request: inout GenerationRequest) throws(APIError) {
    var sampling = SamplingParameters()
    if let value = try members.number("temperature", in: 0...2) { sampling.temperature = Float(value) }
    if let value = try members.number("top_p", in: 0...1) { sampling.topP = Float(value) }
    if let value = try members.integer("top_k", in: -1...1_000_000) { sampling.topK = max(0, value) }
    if let value = try members.number("min_p", in: 0...1) { sampling.minP = Float(value) }
    if let value = try members.number("typical_p", in: 0...1) { sampling.typicalP = Float(value) }
    if let value = try members.number("repetition_penalty", in: 0.01...10) { sampling.repetitionPenalty = Float(value) }
    if let value = try members.number("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = Float(value) }
    if let value = try members.number("presence_penalty", in: -2...2) { sampling.presencePenalty = Float(value) }
    if let seed = try members.integer("seed", in: Int.min...Int.max) { sampling.seed = UInt64(bitPattern: Int64(seed)) }
    if let biases = try members.members("logit_bias") { sampling.logitBias = try Self.biases(biases) }
    request.sampling = sampling
    for (name, value) in members.object.members where passthrough.contains(name) { request.passthrough[name] = value }
    try checkMetadata(members)
    _ = try members.string("user")
    _ = try members.bool("store")
    if let key = try members.string("prompt_cache_key"), request.context.session == nil {
      request.context.session = String(key.prefix(256))
    }
  }

  private static func biases(_ biases: Members) throws(APIError) -> [TokenID: Float] {
    guard biases.object.members.count <= 1024 else {
      throw .invalid(biases.path, "Invalid 'logit_bias': at most 1024 tokens.", code: "too_many_properties")
    }
    var table: [TokenID: Float] = [:]
    for (name, _) in biases.object.members {
      guard let token = TokenID(name), token >= 0 else {
        throw .invalid(
          biases.path, "Invalid key in 'logit_bias': `\(name.prefix(40))`. Keys are token identifiers.",
          code: "invalid_value")
      }
      if let bias = try biases.number(name, in: -100...100) { table[token] = Float(bias) }
    }
    return table
  }

  private static func checkMetadata(_ members: Members) throws(APIError) {
    guard let metadata = try members.members("metadata") else { return }
    guard metadata.object.members.count <= 16 else {
      throw .invalid(metadata.path, "Invalid 'metadata': at most 16 entries.", code: "too_many_properties")
    }
    for (name, _) in metadata.object.members {
      let text = try metadata.string(name)
      guard name.unicodeScalars.count <= 64, (text?.unicodeScalars.count ?? 0) <= 512 else {
        throw .invalid(
          metadata.path, "Invalid 'metadata': keys have up to 64 characters and values up to 512.",
          code: "string_above_max_length")
      }
    }
  }

  /// `stop`: a text or several.
  static func stops(_ members: Members, _ limits: RequestLimits) throws(APIError) -> [String] {
    guard let value = members["stop"] else { return [] }
    if case .string(let text) = value {
      try checkStop(text, "stop")
      return text.isEmpty ? [] : [text]
    }
    guard case .array = value else {
      throw .wrongType("stop", expected: "a string or an array of strings", found: value)
    }
    var stops: [String] = []
    for (index, element) in (try members.array("stop", count: 0...limits.stopSequences) ?? []).enumerated() {
      guard case .string(let text) = element else {
        throw .wrongType("stop[\(index)]", expected: "a string", found: element)
      }
      try checkStop(text, "stop[\(index)]")
      if !text.isEmpty { stops.append(text) }
    }
    return stops
  }

  private static func checkStop(_ text: String, _ path: String) throws(APIError) {
    guard text.utf8.count <= 4096 else {
      throw .invalid(path, "A stop sequence has at most 4096 bytes.", code: "string_above_max_length")
    }
  }

  /// `stream` and `stream_options`.
  static func stream(_ members: Members) throws(APIError) -> (isStreamed: Bool, includesUsage: Bool) {
    let isStreamed = try members.bool("stream") ?? false
    guard let options = try members.members("stream_options") else { return (isStreamed, false) }
    guard isStreamed else {
      throw .invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
    }
    try options.refuseUnknown(besides: ["include_usage", "include_obfuscation"])
    _ = try options.bool("include_obfuscation")
    return (isStreamed, try options.bool("include_usage") ?? false)
  }

  /// The requests for `count` choices: one each, with seeds that follow from the one that was given.
  static func choices(_ request: GenerationRequest, count: Int) -> [GenerationRequest] {
    guard count > 1 else { return [request] }
    return (0..<count).map { index in
      var choice = request
      if index > 0, let seed = request.sampling.seed {
        choice.sampling.seed = seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15
      }
      return choice
    }
  }
}
