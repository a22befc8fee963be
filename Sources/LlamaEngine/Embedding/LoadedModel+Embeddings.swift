import ModelInterface

extension LoadedModel {
  /// The most texts of one request.
  static let maximumInputs = 2048

  /// Vectors of unit length: the mean over the last layer's states of all tokens.
  @concurrent
  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    guard !request.inputs.isEmpty, request.inputs.count <= Self.maximumInputs else {
      throw GenerationError(
        .invalidRequest(parameter: "input"),
        "input has \(request.inputs.count) texts; 1 to \(Self.maximumInputs) are needed")
    }
    if let dimensions = request.dimensions, !(1...model.embeddingSize).contains(dimensions) {
      throw GenerationError(
        .invalidRequest(parameter: "dimensions"),
        "dimensions is \(dimensions); \(model.name) has 1 to \(model.embeddingSize)")
    }
    var inputs: [[TokenID]] = []
    for input in request.inputs { inputs.append(try tokens(of: input)) }
    var vectors: [[Float]] = []
    for tokens in inputs {
      if Task.isCancelled { throw GenerationError(.cancelled, "the request was cancelled") }
      let context = request.context
      let sum = try await loop.ask { core, reply in core.embed(tokens, context, reply) }
      vectors.append(Self.normalized(Array(sum.prefix(request.dimensions ?? sum.count))))
    }
    let usage = Usage(promptTokens: inputs.reduce(0) { $0 + $1.count })
    return EmbeddingResponse(model: model.name, vectors: vectors, usage: usage)
  }

  private func tokens(of input: Prompt) throws(GenerationError) -> [TokenID] {
    let tokens: [TokenID]
    switch input {
    case .text(let text):
      let least = model.leastTokens(bytes: text.utf8.count)
      guard least <= planner.contextLength else {
        throw GenerationError(
          .contextLengthExceeded(limit: planner.contextLength, requested: least),
          "an input has at least \(least) tokens; \(model.name) reads at most \(planner.contextLength)")
      }
      tokens = model.tokenize(text, addsSpecial: true, parsesSpecial: false)
    case .tokens(let given): tokens = given
    case .messages:
      throw GenerationError(.invalidRequest(parameter: "input"), "input is texts or token arrays, not messages")
    }
    guard !tokens.isEmpty else { throw GenerationError(.invalidRequest(parameter: "input"), "an input is empty") }
    guard tokens.allSatisfy(model.contains) else {
      throw GenerationError(
        .invalidRequest(parameter: "input"), "a token is not in the vocabulary of \(model.name)")
    }
    guard tokens.count <= planner.contextLength else {
      throw GenerationError(
        .contextLengthExceeded(limit: planner.contextLength, requested: tokens.count),
        "an input has \(tokens.count) tokens; \(model.name) reads at most \(planner.contextLength)")
    }
    return tokens
  }

  private static func normalized(_ vector: [Float]) -> [Float] {
    let length = vector.reduce(Float(0)) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? vector.map { $0 / length } : vector
  }
}
