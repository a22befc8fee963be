/// An API of somebody else's that answers for some models, at one or more addresses and with one or more keys.
package struct UpstreamEndpoint: Sendable, Equatable {
  /// Which API it speaks.
  package enum Kind: String, Sendable, Hashable, CaseIterable {
    /// OpenAI's: chat completions, completions, embeddings.
    case openAI = "openai"
    /// Anthropic's Messages.
    case anthropic
  }

  /// A model that the endpoint answers for.
  package struct Model: Sendable, Hashable {
    /// What PRSM's clients name it by.
    package var name: String
    /// What the endpoint names it by.
    package var upstreamName: String
    /// The most tokens of prompt and answer together; nil where unknown.
    package var contextLength: Int?
    /// The output limit that is sent where the client gives none and the API demands one.
    package var maximumOutputTokens: Int?
    /// Whether it answers embeddings.
    package var canEmbed: Bool
    /// Models, by the names that clients use, that answer where this one cannot, in order.
    package var fallbacks: [String] = []

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
  /// The API it speaks.
  package var kind = Kind.openAI
  /// Addresses up to and with the version, such as `https://api.example.org/v1`, without a slash at the end. Requests are
  /// spread over them.
  package var baseURLs: [String]
  /// Secrets that are sent with requests, spread over them; empty sends none.
  package var apiKeys: [String]
  /// The models that it answers for.
  package var models: [Model]
  /// How long each part of an exchange may take.
  package var deadlines = UpstreamDeadlines()
  /// Whether a request that is slower than most may be sent a second time. Providers bill both.
  package var hedges = false

  /// An upstream; slashes at the end of addresses are dropped.
  package init(
    name: String, kind: Kind = .openAI, baseURLs: [String], apiKeys: [String] = [], models: [Model]
  ) {
    self.name = name
    self.kind = kind
    self.baseURLs = baseURLs.map { url in
      var address = Substring(url)
      while address.hasSuffix("/") { address = address.dropLast() }
      return String(address)
    }
    self.apiKeys = apiKeys
    self.models = models
  }

  /// Whether it is OpenAI's own service, or Azure's copy of it.
  var isOpenAIItself: Bool {
    baseURLs.contains { url in
      let host = url.split(separator: "/").dropFirst().first ?? ""
      return host == "api.openai.com" || host.hasSuffix(".openai.azure.com")
    }
  }
}

/// How long each part of an exchange with an upstream may take.
package struct UpstreamDeadlines: Sendable, Hashable {
  /// Until the connection stands, TLS included.
  package var connect: Duration = .seconds(5)
  /// From the request to the first event of a streamed answer. An answer in one piece has only ``whole``.
  package var firstByte: Duration = .seconds(120)
  /// Between two events of a stream.
  package var betweenTokens: Duration = .seconds(60)
  /// The whole request, retries and fallbacks included.
  package var whole: Duration = .seconds(600)

  /// The usual patience.
  package init() {}
}
