package import ModelInterface

/// Several providers behind one door: each request goes to the provider of the model that it names.
package struct ModelDirectory: ModelProvider {
  private let providers: [any ModelProvider]
  /// Those that pass requests on, at the same positions.
  private let passing: [(any PassThroughProvider)?]
  /// The provider of a model by its position, where that is known without a look at all lists.
  private let owner: @Sendable (String) -> Int?
  /// Asked for models that nobody lists.
  private let fallback: (any ModelProvider)?

  /// A door to these providers; where two have a model of one name, the first answers.
  ///
  /// - Parameters:
  ///   - owner: for models whose provider is known at once, its position; asked for every request, so that it may change
  ///     its mind when the configuration changes.
  ///   - fallback: asked for models that nobody lists.
  package init(
    _ providers: [any ModelProvider], owner: @escaping @Sendable (String) -> Int? = { _ in nil },
    fallback: (any ModelProvider)? = nil
  ) {
    self.providers = providers
    passing = providers.map { $0 as? any PassThroughProvider }
    self.owner = owner
    self.fallback = fallback
  }

  package func models() async -> [ModelDescriptor] {
    var seen: Set<String> = []
    var models: [ModelDescriptor] = []
    for provider in providers {
      for model in await provider.models() where seen.insert(model.name).inserted { models.append(model) }
    }
    return models
  }

  package func generate(_ request: GenerationRequest) async throws(GenerationError) -> GenerationStream {
    try await provider(of: request.model).generate(request)
  }

  package func embed(_ request: EmbeddingRequest) async throws(GenerationError) -> EmbeddingResponse {
    try await provider(of: request.model).embed(request)
  }

  /// The provider of a model, where it is known in advance and passes requests on.
  func passingProvider(of model: String) -> (any PassThroughProvider)? {
    guard let index = owner(model), passing.indices.contains(index) else { return nil }
    return passing[index]
  }

  private func provider(of model: String) async throws(GenerationError) -> any ModelProvider {
    if let index = owner(model), providers.indices.contains(index) { return providers[index] }
    var known: [String] = []
    for provider in providers {
      for candidate in await provider.models() {
        if candidate.name == model || candidate.aliases.contains(model) { return provider }
        known.append(candidate.name)
      }
    }
    if let fallback { return fallback }
    let list = known.isEmpty ? "it has none yet" : "it has \(known.prefix(8).joined(separator: ", "))"
    throw GenerationError(.modelNotFound, "this node has no model `\(model)`; \(list)")
  }
}
