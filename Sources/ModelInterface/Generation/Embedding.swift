/// A request for vectors that stand for texts.
public struct EmbeddingRequest: Sendable {
  /// The model by the name the client used.
  public var model: String
  /// The texts, each as ``Prompt/text(_:)`` or ``Prompt/tokens(_:)``.
  public var inputs: [Prompt]
  /// How many leading dimensions to keep, renormalised; nil keeps all.
  public var dimensions: Int?
  /// Who asks.
  public var context: RequestContext

  /// A request.
  public init(model: String, inputs: [Prompt], dimensions: Int? = nil, context: RequestContext) {
    self.model = model
    self.inputs = inputs
    self.dimensions = dimensions
    self.context = context
  }
}

/// One vector of unit length for each input, in order.
public struct EmbeddingResponse: Sendable {
  /// The model that made them.
  public var model: String
  /// One vector an input.
  public var vectors: [[Float]]
  /// Tokens read.
  public var usage: Usage
  /// What speaks for ``usage``.
  package var basis = UsageBasis.reported
  /// The upstream that made them, by whose prices they are billed; nil where none did.
  package var provider: String?

  /// Vectors.
  public init(model: String, vectors: [[Float]], usage: Usage) {
    self.model = model
    self.vectors = vectors
    self.usage = usage
  }
}
