/// Something that answers requests for one or more models: a local engine, an upstream API, a peer, or a virtual model
/// made of others.
public protocol ModelProvider: Sendable {
  /// The models that can be asked for now. Cheap: called for every `/v1/models` and every routing decision.
  func models() async -> [ModelDescriptor]

  /// Begins an answer.
  ///
  /// Returns once the request is admitted; work that follows is reported by the stream, which ends with
  /// ``GenerationEvent/finished(_:)`` or throws ``GenerationError``. Cancelling the task that reads the stream, or letting
  /// go of the stream, stops the work.
  ///
  /// - Throws: ``GenerationError`` where the request is refused outright.
  func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream

  /// Vectors for texts.
  ///
  /// - Throws: ``GenerationError``; of kind `invalidRequest` where the model makes none.
  func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse
}

/// What is known of a model before it is asked.
public struct ModelDescriptor: Sendable, Hashable {
  /// What clients name it by.
  public var name: String
  /// Who provides it, for `owned_by`.
  public var provider: String
  /// Other names under which it answers.
  public var aliases: [String] = []
  /// The most tokens of prompt and answer together; nil where unknown.
  public var contextLength: Int?
  /// The number of weights; nil where unknown.
  public var parameterCount: Int?
  /// The kind of quantisation, such as `Q4_K_M`.
  public var quantization: String?
  /// The model family, such as `llama`.
  public var architecture: String?
  /// Whether it is in memory.
  public var isLoaded = false
  /// Whether it answers embeddings.
  public var canEmbed = false
  /// When it was added, in seconds since 1970.
  public var created: Int = 0

  /// A model of that name.
  public init(name: String, provider: String) {
    self.name = name
    self.provider = provider
  }
}
