import AsyncHTTPClient
import ModelInterface

/// A piece of work in the words of the API that an upstream speaks, with the reader of its answer.
struct UpstreamEncoding {
  var request: HTTPClient.Request
  var body: [UInt8]
  /// Nil for embeddings, which have no events.
  var reader: (any AnswerReader)?

  /// - Throws: ``GenerationError`` of kind `invalidRequest` where the API has no word for what is asked.
  init(
    _ work: UpstreamWork, endpoint: UpstreamEndpoint, model: UpstreamEndpoint.Model, site: UpstreamPool.Site,
    thoughts: ThoughtMemory
  ) throws(GenerationError) {
    switch (work, endpoint.kind) {
    case (.generation(let generation), .openAI):
      let isChat = if case .messages = generation.prompt { true } else { false }
      request = isChat ? site.generation : site.completion
      body = try generation.openAI(model: model.upstreamName, isOpenAI: endpoint.isOpenAIItself)
      reader = OpenAIAnswerReader(endpoint: endpoint.name)
    case (.generation(let generation), .anthropic):
      request = site.generation
      let encoded = try AnthropicRequestBody.encode(generation, model: model, thoughts: thoughts)
      body = encoded.body
      reader = AnthropicAnswerReader(endpoint: endpoint.name, answerTool: encoded.answerTool, thoughts: thoughts)
    case (.embedding(let embedding), .openAI):
      request = site.embedding
      body = embedding.openAI(model: model.upstreamName)
      reader = nil
    case (.embedding, .anthropic):
      throw GenerationError(
        .invalidRequest(parameter: "model"),
        "`\(model.name)` is answered by Anthropic's API, which makes no embeddings; name another model")
    }
  }
}

extension EmbeddingRequest {
  /// The body that asks an OpenAI-compatible endpoint for this.
  func openAI(model upstreamName: String) -> [UInt8] {
    var body: JSONObject = ["model": .string(upstreamName), "encoding_format": "float"]
    body["input"] = .array(
      inputs.map { input in
        switch input {
        case .text(let text): .string(text)
        case .tokens(let tokens): .array(tokens.map { .integer($0) })
        case .messages(let messages): .string(messages.map(\.text).joined(separator: "\n"))
        }
      })
    if let dimensions { body["dimensions"] = .integer(dimensions) }
    return JSONValue.object(body).bytes
  }

  /// The vectors of an OpenAI-compatible answer, in the order of the inputs.
  ///
  /// - Throws: ``GenerationError`` where it is none, or not one vector of numbers an input.
  func response(openAI answer: JSONValue, model: String, endpoint: String) throws(GenerationError) -> EmbeddingResponse
  {
    if let error = answer["error"], !error.isNull { throw UpstreamFailure.reported(inside: error, endpoint: endpoint) }
    let data = answer["data"]?.array ?? []
    var vectors = [[Float]](repeating: [], count: inputs.count)
    for (position, element) in data.enumerated() {
      let index = element["index"]?.integer ?? position
      guard vectors.indices.contains(index) else { continue }
      vectors[index] = (element["embedding"]?.array ?? []).map { Float($0.double ?? .nan) }
    }
    let size = vectors.first?.count ?? 0
    guard data.count == inputs.count, size > 0,
      vectors.allSatisfy({ $0.count == size && $0.allSatisfy(\.isFinite) })
    else {
      throw GenerationError(
        .unavailable,
        "`\(endpoint)` answered \(data.count) vectors for \(inputs.count) inputs, or not all of one size and finite")
    }
    return EmbeddingResponse(
      model: model, vectors: vectors, usage: (answer["usage"].map(Usage.init(openAI:)) ?? Usage()).consistent())
  }
}
