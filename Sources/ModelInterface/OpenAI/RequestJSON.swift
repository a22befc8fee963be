extension JSONObject {
  /// Adds what differs from the API's defaults.
  package mutating func add(_ sampling: SamplingParameters) {
    let standard = SamplingParameters()
    func differs(_ value: Float, _ usual: Float) -> JSONValue? {
      value == usual ? nil : .double(Double("\(value)") ?? 0)
    }
    self["temperature"] = differs(sampling.temperature, standard.temperature)
    self["top_p"] = differs(sampling.topP, standard.topP)
    self["min_p"] = differs(sampling.minP, standard.minP)
    self["typical_p"] = differs(sampling.typicalP, standard.typicalP)
    self["repetition_penalty"] = differs(sampling.repetitionPenalty, standard.repetitionPenalty)
    self["frequency_penalty"] = differs(sampling.frequencyPenalty, standard.frequencyPenalty)
    self["presence_penalty"] = differs(sampling.presencePenalty, standard.presencePenalty)
    if sampling.topK != standard.topK { self["top_k"] = .integer(sampling.topK) }
    // JSON numbers are signed 64-bit integers to most readers.
    if let seed = sampling.seed { self["seed"] = .integer(seed & 0x7FFF_FFFF_FFFF_FFFF) }
    if !sampling.logitBias.isEmpty {
      let biases = sampling.logitBias.sorted { $0.key < $1.key }
      self["logit_bias"] = .object(JSONObject(biases.map { ("\($0.key)", .double(Double($0.value))) }))
    }
  }

  /// Asks for a stream that ends with its usage.
  package mutating func addStreaming(_ isStreaming: Bool) {
    guard isStreaming else { return }
    self["stream"] = true
    self["stream_options"] = ["include_usage": true]
  }
}

extension Message {
  /// The turn as the OpenAI API spells it.
  package var json: JSONValue {
    var object: JSONObject = ["role": .string(role.rawValue)]
    let isPlain = content.allSatisfy { if case .text = $0 { true } else { false } }
    if isPlain {
      if !(content.isEmpty && !toolCalls.isEmpty) { object["content"] = .string(text) }
    } else {
      object["content"] = .array(content.map(\.json))
    }
    if let name { object["name"] = .string(name) }
    if !toolCalls.isEmpty { object["tool_calls"] = .array(toolCalls.map(\.json)) }
    if let toolCallID { object["tool_call_id"] = .string(toolCallID) }
    if let reasoning { object["reasoning_content"] = .string(reasoning) }
    return .object(object)
  }
}

extension ContentPart {
  /// As the OpenAI API spells it.
  package var json: JSONValue {
    switch self {
    case .text(let text): return ["type": "text", "text": .string(text)]
    case .image(let url, let detail):
      var image: JSONObject = ["url": .string(url)]
      if let detail { image["detail"] = .string(detail) }
      return ["type": "image_url", "image_url": .object(image)]
    case .other(let value): return value
    }
  }
}

extension ToolCall {
  /// As the OpenAI API spells it.
  package var json: JSONValue {
    [
      "id": .string(id), "type": "function",
      "function": ["name": .string(name), "arguments": .string(arguments)],
    ]
  }
}

extension Tool {
  /// As the OpenAI API spells it.
  package var json: JSONValue {
    var function: JSONObject = ["name": .string(name)]
    if let summary { function["description"] = .string(summary) }
    if let parameters { function["parameters"] = parameters }
    if isStrict { function["strict"] = true }
    return ["type": "function", "function": .object(function)]
  }
}

extension ToolChoice {
  /// As the OpenAI API spells it.
  package var json: JSONValue {
    switch self {
    case .automatic: "auto"
    case .none: "none"
    case .required: "required"
    case .function(let name): ["type": "function", "function": ["name": .string(name)]]
    }
  }
}

extension ResponseFormat {
  /// As the OpenAI API spells it; nil for the default.
  package var json: JSONValue? {
    switch self {
    case .text: nil
    case .jsonObject: ["type": "json_object"]
    case .jsonSchema(let name, let schema, let isStrict):
      [
        "type": "json_schema",
        "json_schema": ["name": .string(name), "schema": schema, "strict": .bool(isStrict)],
      ]
    case .grammar(let text): ["type": "grammar", "grammar": .string(text)]
    }
  }
}
