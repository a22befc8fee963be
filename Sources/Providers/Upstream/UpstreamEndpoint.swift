/// An API of somebody else's that answers for some models.
package struct UpstreamEndpoint: Sendable {
  /// A model that the endpoint answers for.
  package struct Model: Sendable, Hashable {
    /// What PRSM's clients name it by.
    package var name: String
    /// What the endpoint names it by.
    package var upstreamName: String
    /// The most tokens of prompt and answer together; nil where unknown.
    package var contextLength: Int?
    /// Whether it answers embeddings.
    package var canEmbed: Bool

    /// A model under its own name.
    package init(name: String, upstreamName: String? = nil, contextLength: Int? = nil, canEmbed: Bool = false) {
      self.name = name
      self.upstreamName = upstreamName ?? name
      self.contextLength = contextLength
      self.canEmbed = canEmbed
    }
  }

  /// What operators name it by, in logs, metrics and `owned_by`.
  package var name: String
  /// The address up to and with the version, such as `https://api.example.org/v1`, without a slash at the end.
  package var baseURL: String
  /// Sent as bearer token; nil sends none.
  package var apiKey: String?
  /// The models that it answers for.
  package var models: [Model]
  /// How long each part of an exchange may take.
  package var deadlines = UpstreamDeadlines()

  /// An endpoint; slashes at the end of the address are dropped.
  package init(name: String, baseURL: String, apiKey: String? = nil, models: [Model]) {
    self.name = name
    var address = Substring(baseURL)
    while address.hasSuffix("/") { address = address.dropLast() }
    self.baseURL = String(address)
    self.apiKey = apiKey
    self.models = models
  }
}

/// How long each part of an exchange with an upstream may take.
package struct UpstreamDeadlines: Sendable, Hashable {
  /// Until the connection stands.
  package var connect: Duration = .seconds(5)
  /// From the request to the head of the response.
  package var firstByte: Duration = .seconds(60)
  /// Between two pieces of a stream.
  package var betweenPieces: Duration = .seconds(30)
  /// The whole exchange.
  package var whole: Duration = .seconds(600)

  /// The usual patience.
  package init() {}
}
