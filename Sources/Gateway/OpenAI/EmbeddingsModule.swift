import ModelInterface

/// `/v1/embeddings`.
struct EmbeddingsModule: GatewayModule {
  let generation: Generation

  private static let known: Set<String> = ["model", "input", "encoding_format", "dimensions", "user"]

  var routes: [Route] {
    [
      .whole(.post, "/v1/embeddings", body: .json, operation: Schemas.embeddings) { incoming in
        let (request, isPacked) = try read(incoming)
        let response: EmbeddingResponse
        do {
          response = try await generation.embed(request, for: incoming)
        } catch let error as GenerationError {
          throw APIError(error).namingPrompt("input")
        }
        guard response.vectors.count == request.inputs.count else {
          throw GenerationError(
            .internal, "The provider answered with another number of vectors than there are inputs.")
        }
        return WholeResponse(body: Self.write(response, isPacked: isPacked))
      }
    ]
  }

  private func read(_ incoming: GatewayRequest) throws(APIError) -> (EmbeddingRequest, isPacked: Bool) {
    let members = try Members(try incoming.json())
    try members.refuseUnknown(besides: Self.known)
    let model = try members.requiredString("model")
    let inputs = try PromptReader.prompts(members, "input", limit: generation.limits.embeddingBatch)
    for (index, input) in inputs.enumerated() where input == .text("") {
      throw .invalid(
        inputs.count == 1 ? "input" : "input[\(index)]", "An input cannot be an empty string.", code: "empty_string")
    }
    let isPacked = try members.word("encoding_format", of: ["float", "base64"]) == "base64"
    let dimensions = try members.integer("dimensions", in: 1...65_536)
    _ = try members.string("user")
    return (
      EmbeddingRequest(model: model, inputs: inputs, dimensions: dimensions, context: incoming.context), isPacked
    )
  }

  private static func write(_ response: EmbeddingResponse, isPacked: Bool) -> [UInt8] {
    var json = JSONText(capacity: 256 + response.vectors.count * (response.vectors.first?.count ?? 0) * 12)
    json.raw("{\"object\":\"list\",\"data\":")
    json.array(response.vectors.enumerated()) { json, vector in
      json.raw("{\"object\":\"embedding\",\"index\":")
      json.integer(vector.offset)
      json.raw(",\"embedding\":")
      if isPacked {
        json.raw("\"")
        json.raw(Base64.encode(vector.element))
        json.raw("\"")
      } else {
        json.array(vector.element) { json, value in json.number(value) }
      }
      json.raw("}")
    }
    json.raw(",\"model\":")
    json.string(response.model)
    json.raw(",\"usage\":{\"prompt_tokens\":")
    json.integer(response.usage.promptTokens)
    json.raw(",\"total_tokens\":")
    json.integer(response.usage.promptTokens)
    json.raw("}}")
    return json.bytes
  }
}

/// Base 64 (RFC 4648, section 4).
enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The numbers as little-endian IEEE 754 of 32 bits, as OpenAI packs vectors.
  static func encode(_ values: [Float]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count * 4)
    for value in values {
      let bits = value.bitPattern
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: bits >> shift)) }
    }
    return encode(bytes)
  }

  static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
      for index in 0..<4 {
        let digit = Int(group >> (18 - 6 * UInt32(index)) & 63)
        text.append(index <= count ? digits[digit] : UInt8(ascii: "="))
      }
    }
    return text
  }
}
